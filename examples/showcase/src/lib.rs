//! Sign in with a second factor, end to end, on an embedded store.
//!
//! `cargo run -p showcase --features outbox`, then open the page that it prints. The feature keeps mail in a
//! development outbox, which shows it; a build without it has no outbox, and sends by SMTP.

mod account;
mod accounts;
mod activity;
mod address;
mod app;
mod approving;
mod asker;
mod assets;
mod config;
mod devices;
mod enrol;
mod error;
mod flow;
mod forms;
mod headers;
mod layout;
mod log;
mod mail;
mod mailbox;
mod network;
mod news;
mod next;
mod not_me;
mod once;
#[cfg(feature = "outbox")]
mod outbox;
mod pairing;
mod password;
mod passwords;
mod private;
mod prompts;
mod proofs;
mod push;
mod qr;
mod recovery;
mod register;
mod render;
mod reset;
mod router;
mod said;
mod sealed;
mod second_factor;
mod server;
mod serving;
mod session;
mod setup;
mod sign_in;
mod step;
mod tidy;
mod times;
mod trail;
mod trusted;
mod visitor;

pub use config::Config;
pub use mail::{MailError, Smtp};
pub use push::{Push, PushError};
pub use server::{Showcase, StartError};
