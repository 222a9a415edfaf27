//! The rows of the contract, over HTTP against the running server.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

mod accounts;
mod blocking;
mod changes;
mod consume;
mod errors;
mod gateway;
mod hostile;
mod keys;
mod pairing;
mod processes;
mod push;
mod recovery;
mod requests;
mod resend;
mod sms;
mod starting;
mod support;
