//! The rows of the contract, over HTTP against the running server.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

mod chains;
mod errors;
mod kills;
mod links;
mod operations;
mod strangers;
mod support;
mod tokens;
