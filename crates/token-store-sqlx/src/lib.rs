//! Tokens, factors and limits in the SQL database that the application already runs.
