//! Where tokens, factors and limits live: the contracts, an in-memory store, and the laws every store keeps.
//!
//! ```
//! use token_store::{MemoryStore, Tokens, ott_core::{Binding, KeyRing, Policy, Purpose, Subject}};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
//! let tokens = Tokens::builder(KeyRing::generate()?, MemoryStore::new()).policy(&SECOND_STEP).build()?;
//! let alice = Subject::new("", "4711")?;
//! let issued = tokens.issue(&SECOND_STEP, &Binding::subject(&alice)).await?;
//! let typed = issued.token.expose_secret(); // from the person, by way of the mail
//! assert!(tokens.redeem(&SECOND_STEP, &issued.handle, &Binding::subject(&alice), typed).await.is_ok());
//! assert!(tokens.redeem(&SECOND_STEP, &issued.handle, &Binding::subject(&alice), typed).await.is_err());
//! # Ok(()) }
//! ```
//!
//! [`Tokens`] is what most callers use; [`TokenStore`], [`FactorStore`] and [`LimitStore`] are what a
//! store fulfils, and [`MemoryStore`] fulfils all three.
//!
//! # What it guarantees
//!
//! * Of any number of concurrent redeems of one token, one succeeds. Nothing revives it.
//! * The limits of a policy are spent before each redeem, and what cannot be a token is refused before
//!   that. Success gives back what its own flow spent. Building fails where a year of guesses below
//!   all limits succeeds with more than 10⁻³.
//! * A limit that is reached is not prolonged by hammering it, nor is the one before it used up.
//! * A store that does not answer is [`TokensError::Unavailable`], a key that the ring lacks is
//!   [`TokensError::KeyMissing`]: nothing succeeds, and for want of a key nothing is counted.
//! * Sealed secrets open in their own row, under the key that they name, unchanged.
//! * Nothing of a token or key stands in a row, an [`Event`], an error or a `Debug` text.
//!
//! # What it does not
//!
//! * [`MemoryStore`] forgets with its process, limits included.
//! * [`Tokens`] does not limit how often a token is issued, and sends none.
//! * Whoever writes to the database can un-spend a record and reset limits.
//! * After an outage a token may be spent, or not.
//!
//! # Removing what is dead
//!
//! A dead record, and a limit that is as good as new, stays until it is purged. One task of the
//! application does that, every few minutes, for as long as it runs:
//!
//! ```
//! use token_store::{Tokens, ott_core::chrono::TimeDelta};
//!
//! async fn sweep(tokens: &Tokens) {
//!     const AT_ONCE: u32 = 500; // whoever writes meanwhile waits for so many, and not for all
//!     let now = tokens.now();
//!     // The clocks of two machines may differ: nothing that either calls live is removed.
//!     let before = now.checked_sub_signed(TimeDelta::hours(1)).unwrap_or(now);
//!     // A batch that is not full is the last one. An outage ends this sweep and is an event; the
//!     // next sweep tries again.
//!     let full = |removed| removed >= u64::from(AT_ONCE);
//!     while tokens.purge(before, AT_ONCE).await.is_ok_and(full) {}
//! }
//! ```
//!
//! Nothing depends on it but space: what is dead is refused, purged or not. Removed factors keep
//! their rows, without their secrets.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `conformance` | the laws as public functions, and the macro that makes them tests of a store |
//!
//! # Specifications
//!
//! XChaCha20-Poly1305 (RFC 8439, draft-irtf-cfrg-xchacha-03) in [`seal`]; NIST SP 800-63B-4 section
//! 3.2.2 (throttling), RFC 4226 section 7.3.

mod answer;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod event;
pub mod events;
mod factor_store;
mod found;
mod insecure;
pub mod key_file;
mod limit_store;
mod memory;
pub mod seal;
mod token_store;
mod tokens;
mod tokens_error;

pub use answer::Answer;
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::StoreError;
pub use event::{Event, EventSink, NoEvents};
pub use factor_store::{
    Advanced, FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER, StoredFactor,
    check_counter,
};
pub use found::{Claimed, Found};
pub use limit_store::{Charge, LimitStore, Spent, check_charges};
pub use memory::MemoryStore;
pub use token_store::{
    Decided, InTransaction, Inserted, RedeemInTransaction, Redeemed, Revoke, TokenStore,
};
pub use tokens::{BuildError, Given, Tokens, TokensBuilder, WithoutLimits};
pub use tokens_error::TokensError;

pub use ott_core;
