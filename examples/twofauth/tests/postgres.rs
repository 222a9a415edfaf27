//! The rows of the contract again, over PostgreSQL: those that depend on what is kept.

#![expect(clippy::indexing_slicing, reason = "what is not there fails its test")]
#![expect(clippy::unwrap_used, reason = "an error fails its test")]

#[expect(dead_code, reason = "what the rows that are left out need")]
#[path = "rows/support.rs"]
mod support;

#[path = "rows/accounts.rs"]
mod accounts;
#[path = "rows/batches.rs"]
mod batches;
#[path = "rows/codes.rs"]
mod codes;
#[path = "rows/people.rs"]
mod people;
#[path = "rows/tokens.rs"]
mod tokens;
