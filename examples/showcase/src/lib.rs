//! Sign in with a second factor, end to end, on an embedded store.
//!
//! `cargo run -p showcase`, then open the page that it prints.

mod account;
mod accounts;
mod activity;
mod address;
mod app;
mod config;
mod devices;
mod enrol;
mod error;
mod forms;
mod headers;
mod layout;
mod news;
mod not_me;
mod outbox;
mod proofs;
mod recovery;
mod router;
mod second_factor;
mod server;
mod session;
mod sign_in;
mod tidy;
mod visitor;

pub use config::Config;
pub use server::{Showcase, StartError};
