//! The token API of the Flexisip account manager, over the crates of this workspace: account creation and recovery by
//! push, a token behind a CAPTCHA page, pairing of a device, and codes for a new phone number or e-mail address.
//!
//! `README.md` tells how to try it, and where what the contract asks for is weaker than these crates.

mod account;
mod accounts;
mod admin;
mod answer;
mod app;
mod call;
mod captcha;
mod changes;
mod creation;
mod form;
mod leaving;
mod pages;
mod pairing;
mod policies;
mod push;
mod recovery;
mod requests;
mod resend;
mod routes;
mod server;
mod settings;
mod sms;
mod tokens;
mod trial;
mod validation;

pub use server::Server;
