//! Accounts of many people in a database: sealed one by one, in groups, in their owner's order.
//!
//! A [`VaultStore`] keeps rows and reads nothing of them; [`Vaults`] seals what it is given and opens what it reads.
//! `otp-vault-sqlx` is a store over SQLite and PostgreSQL, and has the laws that a store keeps as tests.
//!
//! # What it guarantees
//!
//! * Of any number of concurrent [`VaultStore::advance`], no two get one counter, and none comes again; a change that
//!   names no counter keeps the one that stands.
//! * A verb on several accounts happens to all of them or to none.
//! * What belongs to one owner is neither read nor changed for another.
//! * Issuer, account, secret, note, icon and URI rest sealed to their own row: who edits or moves one has it refused.
//!
//! # What it does not
//!
//! * Ids, counters, order, and the names of groups stand in clear. Whoever writes to the database can set a counter back.

mod account;
mod rows;
mod vaults;

pub use account::{Account, Draft};
pub use rows::{Advanced, Counter, Group, GroupChange, NewRow, Row, VaultStore};
pub use token_store::{StoreError, ott_core::Subject};
pub use vaults::{VaultError, Vaults};
