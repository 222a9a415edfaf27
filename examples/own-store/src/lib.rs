//! A store as somebody outside writes one, over a database that compares and sets.
//!
//! [`Cells`] stands for the database: bytes under keys, each with a version. [`OwnStore`] reads a row,
//! applies the rule of [`Stored`], [`StoredFactor`] or [`Limit`], and writes the row only if its
//! version is still the one that was read; else it begins again. The rules are called and not written
//! again. `docs/own-store.md` is the page that goes with it.
//!
//! [`Limit`]: token_store::ott_core::Limit
//! [`Stored`]: token_store::ott_core::Stored
//! [`StoredFactor`]: token_store::StoredFactor

mod cells;
mod factors;
mod limits;
mod row;
mod store;
mod tokens;

pub use cells::{Cell, Cells, Write};
pub use row::Row;
pub use store::{Answer, OwnStore, Time, factor_key, limit_key, token_key};
