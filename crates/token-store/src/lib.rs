//! Where tokens, factors and limits live: the contracts, an in-memory store, and the laws every store keeps.

mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod event;
mod factor_store;
pub mod key_file;
mod limit_store;
mod memory;
pub mod seal;
mod token_store;
mod tokens;
mod tokens_error;
mod unchecked;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error::StoreError;
pub use event::{Event, EventSink, NoEvents, What};
pub use factor_store::{
    Advanced, FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER, StoredFactor,
};
pub use limit_store::{Charge, LimitStore, Spent};
pub use memory::MemoryStore;
pub use token_store::{Decided, Inserted, OpenRedeem, Opened, Redeemed, Revoke, TokenStore};
pub use tokens::{BuildError, Tokens, TokensBuilder, WithoutLimits};
pub use tokens_error::TokensError;
pub use unchecked::Unchecked;

pub use ott_core;
