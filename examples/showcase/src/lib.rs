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
mod locks;
mod news;
mod not_me;
mod outbox;
mod recovery;
mod second_factor;
mod session;
mod sign_in;
mod tidy;
mod untrusted;
mod visitor;

pub use app::{Showcase, StartError};
pub use config::Config;
