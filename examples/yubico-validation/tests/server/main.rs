//! The server over HTTP and over every store; our client and those of others, and the servers of others.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "what panics here fails its test"
)]

mod client;
mod hostile;
mod http;
mod laws;
mod outage;
mod python;
mod stores;
mod support;
