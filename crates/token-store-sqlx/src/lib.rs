//! Tokens, factors and limits in the SQL database that the application already runs: SQLite or
//! PostgreSQL.
//!
//! ```
//! use token_store::{Redeemed, TokenStore, ott_core::{Binding, Issuer, KeyRing, Policy, Purpose, Subject}};
//! use token_store_sqlx::SqliteStore;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (path, now) = (folder.path().join("tokens.db"), token_store::ott_core::chrono::DateTime::UNIX_EPOCH);
//! const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
//! let (store, issuer) = (SqliteStore::open(path).await?, Issuer::new(KeyRing::generate()?));
//! let alice = Subject::new("", "4711")?;
//! let issued = issuer.issue(&SIGN_IN, &Binding::subject(&alice), now)?;
//! store.insert(&[issued.record]).await?;
//! let typed = issued.token.expose_secret();
//! let presented = issuer.present_by_id(&SIGN_IN, &issued.handle, &Binding::subject(&alice), typed, now)?;
//! assert!(matches!(store.redeem(&presented, now).await?, Redeemed::Redeemed(_)));
//! # Ok(()) }
//! ```
//!
//! Most applications hand the store to `Tokens` of [`token_store`] and never call it themselves.
//! Where the application has a database already, [`SqliteStore::new`] takes its pool: the tables
//! start with `ott_`, and their migrations stand in `_ott_migrations`, apart from the application's.
//!
//! # Which store
//!
//! All keep the same laws, and what is written against one runs on the others.
//!
//! | | [`SqliteStore`] | `PostgresStore` (feature `postgres`) | `RedisStore` (crate `token-store-redis`) |
//! | --- | --- | --- | --- |
//! | choose it for | one machine; the database is a file and needs no server | several machines, or a PostgreSQL that runs anyway | several machines and many short-lived tokens beside another database |
//! | writes | one at a time; redeems that wait share a commit | as many at once as there are connections; of one record one at a time | one script at a time on each server |
//! | your open transaction | holds up every other write | holds up the records that it changed, and what else redeems or revokes openly for their subject | none: a token is spent before what it was for is done |
//! | fail-over | restore a backup, with [`Issuer::not_before`] | the server's: a synchronous replica loses nothing, another one what it missed | what another primary wrote is refused, so its tokens are issued again |
//!
//! If the application's own tables are in one of them, take that one: a token is then redeemed in the
//! transaction that does what it was for. The rest of this page is about SQLite; the page of
//! `PostgresStore` has the same for PostgreSQL.
//!
//! # What it guarantees
//!
//! * The laws of `token-store`, all of them: `tests/laws.rs`. Two processes on one file keep them
//!   together: `tests/processes.rs`.
//! * What was answered is on the disk: WAL mode and `synchronous=FULL` are checked at the start, on
//!   one connection of the pool, and anything weaker is refused unless it is accepted by name.
//! * A commit that fails is never told as a success, and never one that the driver has hidden.
//! * Redeems that wait at the same time are one durable commit. Each is counted, compared and answered
//!   as if it were alone, whoever of the others fails or is dropped: `tests/group_commit.rs`.
//! * No row and no file holds a token, a handle, an address or a key: `tests/rows.rs`.
//!
//! # What happens in each failure
//!
//! | failure | answer | afterwards |
//! | --- | --- | --- |
//! | the database is locked for longer than the time-out | [`StoreError::Timeout`] | not done, if the pool's `busy_timeout` is below the store's time-out (`open` sets half of it); else perhaps done later, whole, unless it is a redeem that waited behind another |
//! | no connection is free | [`StoreError::Timeout`] | not done |
//! | the disk is full or fails, the file is read-only, the pool is closed | [`StoreError::Unavailable`], to each of a group | not done |
//! | a row cannot be read | [`StoreError::Corrupt`], to its own caller | a redeem of that row is counted or spent; nothing is proved |
//! | the process dies, the power goes | none | what was answered is done; what was not is done or not, whole |
//! | a future is dropped | none | done or not, whole; no lock stays |
//! | the tokio runtime ends while redeems of another wait | [`StoreError::Unavailable`] | not done, or done whole |
//! | a backup is restored | | tokens that were spent after it was made are back: start with [`Issuer::not_before`] |
//!
//! # In your own transaction
//!
//! SQLite has one writer. While you hold a write transaction, a verb on the store would wait for you
//! and you for it, until the time-out. So:
//!
//! * [`OpenRedeem::redeem_open`] redeems and hands its transaction over: apply what the token was for,
//!   then commit. A refusal is committed before it is told, so a rollback gives no guess back.
//! * [`SqliteStore::on`] is every other verb of [`TokenStore`] on a transaction of yours. It refuses to
//!   redeem a record that counts attempts, and it is no [`LimitStore`] and no [`FactorStore`].
//!
//! # What it does not
//!
//! * Whoever writes to the file can bring a record back until it expires; SECURITY.md says what else.
//! * A sealed secret that was replaced or removed may stay in free pages of the file until `VACUUM`.
//! * Nothing is purged by itself: call `purge` and `purge_limits` now and then. They remove 256 rows at
//!   a time; what they look for they read without a lock, 4,096 rows in a statement, but they read every
//!   record older than `before`.
//! * No in-memory database ([`MemoryStore`] is one), no other table prefix, no database on a network
//!   file system, no `WITHOUT ROWID`.
//!
//! # Tables
//!
//! Times are microseconds since 1970. Null is "none", which is not 0.
//!
//! | table | columns |
//! | --- | --- |
//! | `ott_tokens` | `id` (16 bytes, public), `purpose`, `key`, `tenant`, `subject`, `slot`, `policy`, `binding`, `digest`, `data`, `number`, `max_attempts`, `issued_at`, `expires_at`, `idle_micros`, `tag`; `state` 0 waiting, 1 ready, 2 denied, 3 exhausted, 4 revoked, 5 spent, 6 superseded; `attempts`, `used_at`; the decision, all six or none: `approved`, `decider_tenant`, `decider`, `decision_data`, `decided_at`, `decision_tag` |
//! | `ott_factors` | `id` (16 bytes, public), `tenant`, `subject`, `kind`, `label`, `state` 0 pending, 1 active, 2 disabled, 3 removed; `sealed`, `last`, `created_at`, `used_at` |
//! | `ott_limits` | `key` (16 bytes), `full_at`, `count` |
//!
//! PostgreSQL's tables are on the page of `PostgresStore`.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `postgres` | `PostgresStore`, over PostgreSQL 12 or newer, with TLS by rustls and the operating system's certificates |
//! | `sqlite` (default) | [`SqliteStore`]; SQLite 3 is built from the source that sqlx bundles |
//!
//! # Specifications
//!
//! SQLite's [write-ahead log](https://www.sqlite.org/wal.html),
//! [transactions](https://www.sqlite.org/lang_transaction.html) and
//! [`PRAGMA synchronous`](https://www.sqlite.org/pragma.html#pragma_synchronous).
//!
//! [`FactorStore`]: token_store::FactorStore
//! [`Issuer::not_before`]: token_store::ott_core::Issuer::not_before
//! [`LimitStore`]: token_store::LimitStore
//! [`MemoryStore`]: token_store::MemoryStore
//! [`OpenRedeem::redeem_open`]: token_store::OpenRedeem::redeem_open
//! [`StoreError::Corrupt`]: token_store::StoreError::Corrupt
//! [`StoreError::Timeout`]: token_store::StoreError::Timeout
//! [`StoreError::Unavailable`]: token_store::StoreError::Unavailable
//! [`TokenStore`]: token_store::TokenStore

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod error;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod redeem;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rows;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use error::StartError;
#[cfg(feature = "postgres")]
pub use postgres::{OnPgTransaction, PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::{OnTransaction, SqliteStore, SqliteStoreBuilder};

pub use sqlx;
pub use token_store;
