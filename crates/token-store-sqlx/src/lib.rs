//! Tokens, factors and limits in the SQL database that the application already runs: SQLite or
//! PostgreSQL.
//!
//! ```
//! use token_store::{Tokens, key_file, ott_core::{Binding, Policy, Purpose, Subject}};
//! use token_store_sqlx::SqliteStore;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (database, keys) = (folder.path().join("tokens.db"), folder.path().join("keys"));
//!
//! const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
//! let store = SqliteStore::open(database).await?; // or `new`, over the application's own pool
//! let keys = key_file::read_or_create(keys)?; // apart from the database and its backups
//! let tokens = Tokens::builder(keys, store).policy(&SECOND_STEP).build()?;
//! let alice = Subject::new("", "4711")?;
//! let binding = Binding::subject(&alice);
//! let issued = tokens.issue(&SECOND_STEP, &binding).await?;
//! let typed = issued.token.expose_secret(); // from the person, by way of the mail
//! assert!(tokens.redeem(&SECOND_STEP, &issued.handle, &binding, typed).await.is_ok());
//! assert!(tokens.redeem(&SECOND_STEP, &issued.handle, &binding, typed).await.is_err()); // once
//! # Ok(()) }
//! ```
//!
//! Most applications give the store to [`Tokens`] and call no method of the store.
//! If the application has a database already, give its pool to [`SqliteStore::new`]. The store's tables
//! start with `ott_`. Their migrations are listed in `_ott_migrations`, apart from the application's.
//!
//! # Which store
//!
//! All stores keep the same laws. Code that is written against one runs on the others.
//!
//! | | [`SqliteStore`] | `PostgresStore` (feature `postgres`) | `RedisStore` (crate `token-store-redis`) |
//! | --- | --- | --- | --- |
//! | choose it for | one machine; the database is a file and needs no server | several machines, or a PostgreSQL that runs anyway | several machines and many short-lived tokens beside another database |
//! | writes | one at a time; those that wait share a commit | one at a time for each record; else as many as there are connections | one script at a time on each server |
//! | while your transaction is open | every other write waits | others wait only for the records that it changed, a newer batch for the tokens that it redeemed, and a second open transaction that redeems or revokes for the same person | no transaction of yours: a token is spent before the change that it allows |
//! | failover | restore a backup, with [`Issuer::not_before`] | the server's own: a synchronous replica loses nothing; another one loses what it missed | a token that another primary wrote is refused and must be issued again |
//!
//! If the application's own tables are in one of these databases, choose that one. Then a token is redeemed
//! and the change that it allows is made in one transaction. The rest of this page is about SQLite; the
//! page of `PostgresStore` says the same about PostgreSQL.
//!
//! # What it guarantees
//!
//! * The store keeps all laws of `token-store` (`tests/laws.rs`). Two processes on one file keep them
//!   together (`tests/processes.rs`).
//! * If a verb has answered, its write is on the disk. At the start the store checks one connection for
//!   WAL mode and `synchronous=FULL`. It refuses weaker settings unless you accept them by name.
//! * If a commit fails, the verb returns an error, also where the driver hides the failure.
//! * Writes that wait at the same time share one durable commit, whatever verbs they are. Each is counted, compared and
//!   answered as if it were alone, also when another of them fails or is dropped (`tests/group_commit.rs`,
//!   `tests/group_commit_verbs.rs`). Purges and open transactions have commits of their own.
//! * No row and no file holds a token, a handle, an address or a key (`tests/rows.rs`).
//!
//! # What happens in each failure
//!
//! | failure | answer | afterwards |
//! | --- | --- | --- |
//! | the database is locked for longer than the time-out | [`StoreError::Timeout`] | If the pool's `busy_timeout` is shorter than the store's time-out, nothing is done; `open` sets it to half. If it is longer, the write may still be done later, completely. A write that waited behind another one is never done later. |
//! | no connection is free | [`StoreError::Timeout`] | nothing is done |
//! | the disk is full or fails, the file is read-only, the pool is closed | [`StoreError::Unavailable`], to each write of a shared commit | nothing is done |
//! | a row cannot be read | [`StoreError::Corrupt`], to the caller that needs the row | a redeem of that row is counted or spent, and proves nothing |
//! | the stored time of a limit lies beyond every clock | [`Spent::Ahead`] | nothing is spent at that limit: a clock was ahead. Clear the limit. |
//! | the process dies, the power fails | none | a write that was answered is done; any other is done completely or not at all |
//! | a future is dropped | none | the verb is done completely or not at all; no lock stays |
//! | the tokio runtime ends while writes of another runtime wait | [`StoreError::Unavailable`] | the write is done completely or not at all |
//! | a backup is restored | | tokens that were spent after the backup can be redeemed again: start with [`Issuer::not_before`] |
//!
//! # In your own transaction
//!
//! SQLite has one writer. If you hold a write transaction and call a verb of the store, the verb waits for
//! your transaction until the time-out. Instead:
//!
//! * [`RedeemInTransaction::redeem_in_transaction`] redeems and returns its open transaction. Make the
//!   change that the token allows, then commit. A refusal is committed before it is returned, so a rollback
//!   gives no guess back. The example `password_reset` shows a reset link whose password is changed in the
//!   same transaction.
//! * [`SqliteStore::on`] has every other verb of [`TokenStore`] on a transaction of yours. It refuses to
//!   redeem a record that counts attempts. It implements neither [`LimitStore`] nor [`FactorStore`].
//!
//! # What it does not
//!
//! * Whoever can write to the file can make a record redeemable again until it expires. SECURITY.md lists
//!   what else they can do.
//! * A sealed secret that was replaced or removed may stay in free pages of the file until `VACUUM`.
//! * The store purges nothing by itself: call `purge`, `purge_limits` and `purge_factors` regularly. They remove 256 rows at
//!   a time. They search without a lock, 4,096 rows in a statement. `purge_limits` reads every limit; the
//!   others read only what ended.
//! * It has no in-memory database (use [`MemoryStore`]), no other table prefix, no `WITHOUT ROWID`. A
//!   database on a network file system is not supported.
//!
//! # Tables
//!
//! Times are microseconds since 1970. Null means "none", which is not 0.
//!
//! | table | columns |
//! | --- | --- |
//! | `ott_tokens` | `id` (16 bytes, public), `purpose`, `key`, `tenant`, `subject`, `slot`, `policy`, `binding`, `digest`, `data`, `number`, `max_attempts`, `issued_at`, `expires_at`, `idle_micros`, `tag`; `state` 0 waiting, 1 ready, 2 denied, 3 exhausted, 4 revoked, 5 spent, 6 superseded; `attempts`, `used_at`; the decision, all five or none: `outcome` 1 approved, 2 denied, 3 reported, `decider`, `decision_data`, `decided_at`, `decision_tag`; and `decider_tenant`, null where a part of the system decided |
//! | `ott_factors` | `id` (16 bytes, public), `tenant`, `subject`, `provider`, `label`, `state` 0 pending, 1 active, 2 disabled, 3 removed; `sealed`, `last`, `created_at`, `used_at`; while it is removed `removed_at`, `removed_from` (the state before), `removed_by` |
//! | `ott_limits` | `key` (16 bytes), `full_at`, `count` |
//! | `ott_queue` | `id` (16 bytes, public), `tenant`, `slot`, `sealed`, `queued_at`, `due_at`, `tries`; of a dead letter `reason`, and `due_at` is when it died |
//! | `ott_lines` | `tenant`; `waiting` and `dead`, now; `queued`, `sent` and `replaced`, since the beginning |
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
//! [`RedeemInTransaction::redeem_in_transaction`]: token_store::RedeemInTransaction::redeem_in_transaction
//! [`Spent::Ahead`]: token_store::Spent::Ahead
//! [`StoreError::Corrupt`]: token_store::StoreError::Corrupt
//! [`StoreError::Timeout`]: token_store::StoreError::Timeout
//! [`StoreError::Unavailable`]: token_store::StoreError::Unavailable
//! [`TokenStore`]: token_store::TokenStore
//! [`Tokens`]: token_store::Tokens
#![cfg_attr(docsrs, feature(doc_cfg))]

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
