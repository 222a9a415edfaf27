//! A validation server for Yubikeys: Yubico's validation protocol 2.0, as routes of actix-web.
//!
//! ```
//! use std::sync::Arc;
//! use actix_web::App;
//! use twofa_providers::token_store::{MemoryStore, Tokens, ott_core::KeyRing};
//! use yubico_validation::{Client, Validation, Yubikey, routes};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(MemoryStore::new()); // in production SQLite, or PostgreSQL for several servers
//! let tokens = Tokens::builder_shared(KeyRing::generate()?, Arc::clone(&store)).build()?.shared();
//! let validation = Validation::new(&tokens, store);
//! validation.add_key(&Yubikey::new("vvccccccccbb", "010203040506", "000102030405060708090a0b0c0d0e0f")).await?;
//! validation.add_client(&Client::new(1, "c2l4dGVlbiBieXRlcyEhIQ==")).await?;
//! let _app = App::new().configure(routes(&Arc::new(validation))); // GET /wsapi/2.0/verify
//! # Ok(()) }
//! ```
//!
//! # What it guarantees
//!
//! * An OTP is answered `OK` once, however many ask at the same moment, at however many servers over one database: its
//!   counters and the nonce of the request are kept in one step that compares what was read.
//! * Keys of Yubikeys and of clients rest sealed under the key ring of [`Tokens`], each to its own row.
//! * Every answer to a known client is signed. Nothing but letters and digits is ever echoed.
//! * A database that does not answer is `BACKEND_ERROR`. One that does not answer within the `timeout` that the client
//!   named is `NOT_ENOUGH_ANSWERS`, since the database is what keeps servers in step. Neither is ever `OK`.
//! * After a restored backup, [`Validation::not_before`] refuses every key whose counters may have gone back.
//!
//! # What it does not
//!
//! * It has no protocol between servers: several of them share one PostgreSQL, and `sl` is always met.
//! * It limits no guesses: of 2⁶⁴ made-up OTPs one is right. Put a rate limit in front for the machine's sake.
//! * It speaks no TLS: that is the application's, or the proxy's in front.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `actix-web` (default) | [`routes`]. Without it, any framework calls [`Validation::answer`] |
//!
//! Specification: Yubico's validation protocol 2.0.
//!
//! [`Tokens`]: twofa_providers::token_store::Tokens

mod answer;
mod records;
mod request;
#[cfg(feature = "actix-web")]
mod routes;
mod rows;
mod validation;

pub use records::{Client, Yubikey};
#[cfg(feature = "actix-web")]
pub use routes::routes;
pub use rows::AddError;
pub use validation::Validation;
