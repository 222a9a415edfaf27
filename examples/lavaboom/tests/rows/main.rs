//! The rows of the contract, over HTTP against the running server.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

mod accounts;
mod factors;
mod hostile;
mod interrupted;
mod sign_in;
mod starting;
mod support;
mod tokens;
mod validation;
mod yubikeys;
