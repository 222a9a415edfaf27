//! The rows of the contract again, over PostgreSQL.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

#[path = "rows/chains.rs"]
mod chains;
#[path = "rows/errors.rs"]
mod errors;
#[path = "rows/kills.rs"]
mod kills;
#[path = "rows/links.rs"]
mod links;
#[path = "rows/operations.rs"]
mod operations;
#[path = "rows/strangers.rs"]
mod strangers;
#[path = "rows/support.rs"]
mod support;
#[path = "rows/tokens.rs"]
mod tokens;
