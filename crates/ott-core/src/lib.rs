//! One-time tokens: what they are bound to, how they are digested, and the states they pass through.
