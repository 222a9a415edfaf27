//! The token API of Lavaboom, over the crates of this workspace: accounts, tokens with a lifetime, and second factors by
//! Yubikey and authenticator. Routes are actix-web's.
//!
//! `README.md` tells how to try it, and where what the contract asks for is weaker than these crates.

mod accounts;
mod answer;
mod app;
mod begun;
mod changing;
mod claims;
mod factors;
mod input;
mod invitations;
mod new_factor;
mod profile;
mod routes;
mod server;
mod settings;
mod sign_in;
mod tokens;
mod trial;
mod user;
mod validation;
mod weak;
mod workers;

pub use server::Server;
