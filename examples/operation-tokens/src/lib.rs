//! The token API by operation, over the crates of this workspace: fourteen operations, each begun by asking for a
//! token and completed by presenting it.
//!
//! `README.md` tells how to try it, and where what the contract asks for is weaker than these crates.

mod accounts;
mod answer;
mod app;
mod call;
mod keys;
mod operations;
mod pages;
mod passwords;
mod phishing;
mod planted;
mod process;
mod put_back;
mod recovery;
mod rocket_service;
mod routes;
mod server;
mod settings;
mod sign_in;
mod trial;
mod user;

pub use server::Server;
