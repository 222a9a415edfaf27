//! Where tokens, factors and limits live: the contracts, an in-memory store, and the laws every store keeps.

mod clock;
mod error;
mod event;
mod factor_store;
mod limit_store;
mod memory;
mod token_store;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error::StoreError;
pub use event::{Event, EventSink, NoEvents, What};
pub use factor_store::{
    Advanced, FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER, StoredFactor,
};
pub use limit_store::{Charge, LimitStore, Spent};
pub use memory::MemoryStore;
pub use token_store::{Decided, Inserted, OpenRedeem, Opened, Redeemed, Revoke, TokenStore};

pub use ott_core;
