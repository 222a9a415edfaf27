//! How a token, or news about an account, reaches a person.
