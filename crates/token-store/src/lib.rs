//! Where tokens, factors and limits live: the contracts, an in-memory store, and the laws every store keeps.
//!
//! ```
//! use token_store::ott_core::{Binding, KeyRing, Policy, Purpose, Subject};
//! use token_store::{MemoryStore, Tokens};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
//! let tokens = Tokens::builder(KeyRing::generate()?, MemoryStore::new()).policy(&SECOND_STEP);
//! let tokens = tokens.build()?;
//! let alice = Subject::new("", "4711")?;
//! let binding = Binding::subject(&alice);
//! let issued = tokens.issue(&SECOND_STEP, &binding).await?;
//! let typed = issued.token.expose_secret(); // from the person, by way of the mail
//! assert!(tokens.redeem(&SECOND_STEP, &issued.handle, &binding, typed).await.is_ok());
//! assert!(tokens.redeem(&SECOND_STEP, &issued.handle, &binding, typed).await.is_err()); // once
//! # Ok(()) }
//! ```
//!
//! [`Tokens`] is what most callers use; [`TokenStore`], [`FactorStore`] and [`LimitStore`] are what a
//! store fulfils, and [`MemoryStore`] fulfils all three.
//!
//! # What it guarantees
//!
//! * Of any number of concurrent redeems of one token, one succeeds. Nothing revives it.
//! * The limits of a policy are asked before each redeem, and what cannot be a token is refused before
//!   that. What failed is charged: in the step of the redeem if the store is a [`ChargedStore`] that keeps the limits too, else before
//!   it. After a success, the tries that its own flow used are given back. `build` fails if an attacker
//!   who respects all limits has a chance above 10⁻³ a year.
//! * A request that a limit refuses makes no wait longer, and costs nothing from the other limits.
//! * A store that does not answer is [`TokensError::Unavailable`], a key that the ring lacks is
//!   [`TokensError::KeyMissing`]: nothing succeeds, and for want of a key nothing is counted.
//! * Sealed secrets open in their own row, under the key that they name, unchanged.
//! * Nothing of a token or key stands in a row, an [`Event`], an error or a `Debug` text.
//!
//! # What it does not
//!
//! * [`MemoryStore`] forgets with its process, limits included.
//! * [`Tokens`] sends no token. Only a policy with [`Policy::requests`](ott_core::Policy::requests) limits how often one is
//!   issued: codes and links have such a limit; recovery codes, bearer tokens and what is parked have none.
//! * Whoever writes to the database can un-spend a record and reset limits.
//! * After an outage a token may be spent, or not.
//!
//! # Removing what is dead
//!
//! A dead record, and a limit that is as good as new, stays until it is purged. One task of the
//! application does that, every few minutes, for as long as it runs:
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use token_store::Tokens;
//! async fn tidy(tokens: Arc<Tokens>) {
//!     loop {
//!         let _ = tokens.sweep().await; // an outage is an event, and the next round tries again
//!         tokio::time::sleep(Duration::from_secs(300)).await;
//!     }
//! }
//! ```
//!
//! Nothing depends on it but space: what is dead is refused, purged or not. Factors have a purge of their
//! own, [`FactorStore::purge_factors`]: until then a removed one can be restored.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `conformance` | the laws as public functions, and the macro that makes them tests of a store |
//! | `tracing` | `TracingEvents`: events as records of the crate `tracing`; `Answer::traced`: mistakes and outages as records |
//!
//! # Specifications
//!
//! XChaCha20-Poly1305 (RFC 8439, draft-irtf-cfrg-xchacha-03) in [`seal`]; NIST SP 800-63B-4 section
//! 3.2.2 (throttling), RFC 4226 section 7.3.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod charged_factors;
mod charged_store;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod event;
pub mod events;
mod factor_id;
mod factor_store;
mod found;
mod insecure;
pub mod key_file;
mod limit_store;
mod memory;
mod queue_store;
pub mod seal;
mod stored_factor;
mod token_answers;
mod token_store;
mod tokens;
mod tokens_error;
#[cfg(feature = "tracing")]
mod tracing_events;

pub use answer::Answer;
pub use charged_factors::{ChargedFactors, Guess, Looked};
pub use charged_store::{Charged, ChargedStore, Cost};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::StoreError;
pub use event::{Event, EventSink, NoEvents};
pub use factor_id::{FactorId, HIGHEST_COUNTER, check_counter};
pub use factor_store::{ConfirmIf, FactorStore, RemoveIf};
pub use found::{Claimed, Found};
pub use limit_store::{Charge, LimitStore, Spent, StoreId, check_charges};
pub use memory::MemoryStore;
pub use queue_store::{
    DeadLetter, Enqueued, Line, QueueStore, Requeued, Settled, Settlement, Taken, Waiting, share,
};
pub use stored_factor::{
    Advanced, FactorChange, FactorState, MAX_FACTORS, Removal, Removed, StoredFactor,
};
pub use token_answers::{Decided, InTransaction, Inserted, Redeemed};
pub use token_store::{RedeemInTransaction, Revoke, TokenStore};
pub use tokens::{BuildError, Earning, Given, Tokens, TokensBuilder, WithoutLimits};
pub use tokens_error::TokensError;
#[cfg(feature = "tracing")]
pub use tracing_events::TracingEvents;

pub use ott_core;
