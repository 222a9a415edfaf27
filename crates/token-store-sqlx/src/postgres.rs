//! The store over PostgreSQL.

mod builder;
mod connection;
mod factors;
mod id;
mod insert;
mod limits;
mod migrate;
mod names;
mod on_transaction;
mod outage;
mod pool;
mod purge;
mod row;
mod server;
mod sql;
mod start;
mod statements;
mod store;
mod tokens;

use core::{fmt, time::Duration};
use std::sync::Arc;

use sqlx::PgPool;

use statements::Statements;

pub use builder::PostgresStoreBuilder;
pub use on_transaction::OnPgTransaction;

/// Tokens, factors and limits in one PostgreSQL database. Cheap to clone.
///
/// A code is redeemed and a password changed, both or neither:
///
/// ```no_run
/// use token_store::{OpenRedeem, Opened, Revoke, TokenStore, ott_core::{Presented, Subject}};
/// use token_store_sqlx::{PostgresStore, sqlx};
/// # use token_store::ott_core::chrono::{DateTime, Utc};
/// # async fn change(pool: sqlx::PgPool, presented: Presented, alice: Subject, hash: String, now: DateTime<Utc>)
/// # -> Result<bool, Box<dyn std::error::Error>> {
/// let store = PostgresStore::new(pool).await?; // the application's own, made of `pool_options`
/// let Opened::Redeemed(mut transaction, _) = store.redeem_open(&presented, now).await? else {
///     return Ok(false); // counted, and committed, before it is told
/// };
/// let update = sqlx::query("UPDATE users SET password = $1 WHERE id = $2");
/// update.bind(hash).bind(alice.id()).execute(&mut *transaction).await?;
/// store.on(&mut transaction).revoke(&Revoke::subject(&alice)).await?; // her other tokens
/// transaction.commit().await?;
/// # Ok(true) }
/// ```
///
/// If that transaction is rolled back, or the process dies before the commit, the password is the old
/// one, the token is unspent and her other tokens live. Wrong guesses before it stay counted, and what
/// was spent of a limit stays spent: neither was ever part of it (`tests/pg_transaction.rs`). Most
/// applications hand the store to `Tokens` of [`token_store`], whose `redeem_open` spends the limits and
/// checks the record's tag as well: the example `password_reset` of this crate shows all of it, and prints
/// what becomes of the attempts.
///
/// # What it guarantees
///
/// * The laws of `token-store`, all of them: `tests/pg_laws.rs`. Two and four processes keep them
///   together, and 10,000 clients that redeem 1,000 tokens succeed 1,000 times: `tests/pg_races.rs`.
/// * Every verb is one statement, prepared once a connection, in one round trip. A refusal's reason takes
///   a second one, `redeem_open` one to begin; a purge is many small ones, none of which looks at more
///   than 4,096 rows, however many there are. Rows are only changed as the statement finds or locks them
///   (READ COMMITTED, which is checked at the start).
/// * What was answered is in the server's log on its disk: `synchronous_commit`, `fsync` and
///   `full_page_writes` are checked at the start, on one connection of the pool, and `off` is refused
///   unless it is accepted by name.
/// * No verb hangs: each ends within the time-out, and one that ran out of it gives its connection up.
///   The server gives its statement up before: a start refuses connections without a `statement_timeout`
///   below the time-out (`tests/pg_start.rs`).
/// * Two transactions that redeem one subject's tokens and revoke each other's, as the code and the link
///   of one mail do, wait for each other in no circle: the first of them is done, and the second finds
///   its token revoked (`tests/pg_siblings.rs`).
/// * A redeem costs the same with ten rows and ten million: no index names a column that it writes, so
///   its update stays on its page (`tests/pg_plan.rs`).
///
/// A newer batch retires an older one from the moment at which its insert is committed. A redeem of the
/// older one that was being carried out at that moment, or stands in an open transaction, may still
/// succeed, once: it counts as having come before.
///
/// # What happens in each failure
///
/// | failure | answer | afterwards |
/// | --- | --- | --- |
/// | the server is not there, refuses connections, only reads | [`StoreError::Unavailable`] or [`StoreError::Timeout`] | not done |
/// | the server dies, or the connection breaks, under a verb | [`StoreError::Unavailable`] | done or not, whole |
/// | the server hangs | [`StoreError::Timeout`] | done or not, whole, perhaps when it goes on |
/// | somebody's transaction holds the record, or redeems another one of its subject openly | [`StoreError::Timeout`] | not done; with [late statements](PostgresStoreBuilder::accepting_late_statements) perhaps done later, whole |
/// | two of your transactions write records of several subjects, or tables of yours, in different orders: a deadlock | [`StoreError::Unavailable`] to one of them, after the server's `deadlock_timeout` | the server has rolled that one back whole: its token is unspent, guesses counted before it stay counted, and it may be tried again from its start. A verb of the pool is run again by itself |
/// | no connection is free | [`StoreError::Timeout`] | not done |
/// | a row cannot be read | [`StoreError::Corrupt`] | a redeem of that row is counted or spent; nothing is proved |
/// | the application dies | none | what was answered is done; what was not is done or not, whole |
/// | a future is dropped | none | done or not, whole; the pool takes the connection back |
/// | a replica is promoted that missed commits, or a backup is restored | | tokens that were spent in between are back: replicate synchronously, or start with `Issuer::not_before` |
///
/// **A `begin` of yours that is dropped half-way.** sqlx 0.9.0 gives its connection back to the pool
/// inside of the transaction, which nobody ends
/// ([its issue 4385](https://github.com/launchbadge/sqlx/issues/4385), mended in its repository and in no
/// release yet). Whatever uses that connection next, a verb of this store or a statement of yours, is answered and not committed. The store's own
/// transactions are begun where nobody can drop them. For yours, where a handler may be dropped as its client goes
/// away, make the pool of [`pool_options`](PostgresStoreBuilder::pool_options): it closes or clears such
/// a connection before anybody else has it.
///
/// A transaction that `redeem_open` handed over, or that writes through [`on`](Self::on), keeps a lock of
/// its subject until it ends: apply what the token was for, and commit. `redeem`, `decide` and the other
/// verbs of the pool do not wait for it, only for the records themselves.
///
/// After a restart of the server each open connection breaks once. A pool that tries its connections
/// before it hands them out (sqlx's default) hides that, for one more round trip a verb; the pool of
/// [`connect`](PostgresStoreBuilder::connect) tries only those that were idle for a second. A transaction
/// that times out leaves its connection to the pool until the server answers or the network gives up.
///
/// # Proxies
///
/// Behind a proxy that gives each transaction another connection of the server (PgBouncer with
/// `pool_mode = transaction`) named statements fail or, worse, are another client's. A store that
/// finds one at its start refuses it; then say
/// [`behind_transaction_pooler`](PostgresStoreBuilder::behind_transaction_pooler), and make the pool's
/// connections with `extra_float_digits(None)`. A proxy that keeps a connection for the session needs
/// nothing.
///
/// # Tables
///
/// In the schema `public` with the prefix `ott_`, or as the builder says. Times are microseconds since
/// 1970. Null is "none", which is not 0. Text is compared byte by byte (`COLLATE "C"`), in a UTF-8
/// database.
///
/// | table | columns |
/// | --- | --- |
/// | `ott_tokens` | `id` (public), `purpose`, `key`, `tenant`, `subject`, `slot`, `policy`, `binding`, `digest`, `data`, `number`, `max_attempts`, `issued_at`, `expires_at`, `idle_micros`, `tag`; `generation` of its slot when it was inserted; `state` 0 waiting, 1 ready, 2 denied, 3 exhausted, 4 revoked, 5 spent; `attempts`, `used_at`; the decision, all six or none: `approved`, `decider_tenant`, `decider`, `decision_data`, `decided_at`, `decision_tag` |
/// | `ott_slots` | `slot`, `generation`: what has another generation is superseded, which is no state of a row; the row goes with the last record of its slot |
/// | `ott_factors` | `id` (public), `tenant`, `subject`, `kind`, `label`, `state` 0 pending, 1 active, 2 disabled, 3 removed; `sealed`, `last`, `created_at`, `used_at` |
/// | `ott_limits` | `key`, `full_at`, `count` |
/// | `ott_migrations` | `version`, `applied_at`: what the tables are made by; apart from the application's |
///
/// A live code or link takes about 625 bytes with its slot and all indexes, a known device 470, a limit 130
/// (200,000 of each, limits 20,000, freshly written, PostgreSQL 15). What an update leaves behind is autovacuum's to clear. Nothing is
/// purged by itself: call `purge` and `purge_limits` now and then; they wait for no lock, and nobody waits
/// for more than a thousand rows of theirs. They rest for as long as they work, and `purge` has expired
/// rows' pages written bit by bit, so that the commits of others do not wait for the disk. On an open transaction
/// it does not rest, and that transaction keeps `backend_flush_after`.
///
/// # Rights and migrations
///
/// Tables and a missing schema are made, and brought up to date, when a store starts, in one transaction
/// behind an advisory lock. To keep that right from the application, start a store once as another role,
/// after each update of this crate, and grant the application `USAGE` on the schema, `SELECT` on
/// `ott_migrations`, and `SELECT, INSERT, UPDATE, DELETE` on the four other tables: with tables that are
/// up to date a start only reads. Tables of a newer version are refused, so update the applications first.
/// How keys are rotated, and what to do after a leak, is the same over every store: `docs/keys.md`.
///
/// # Running the laws
///
/// `scripts/with-servers cargo test -p token-store-sqlx --features postgres --test pg_laws` runs them
/// beside a server of its own; with `POSTGRES_URL` set, on that one, in schemas that are dropped
/// afterwards. `docs/own-store.md` tells how to run them against a store of yours.
///
/// # What it does not
///
/// * Whoever writes to the tables can bring a record back until it expires; SECURITY.md says what else.
/// * A sealed secret that was replaced or removed stays in the server's files until vacuum and new rows
///   overwrite it, in its log, and in backups.
/// * No partitioned tables: the key of one would have to hold what it is partitioned by.
///
/// # Runtime
/// A tokio runtime of either flavour, with its time enabled.
///
/// # Specifications
/// PostgreSQL's [isolation](https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED),
/// [`synchronous_commit`](https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT)
/// and [protocol](https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY);
/// [PgBouncer](https://www.pgbouncer.org/features.html).
///
/// [`StoreError::Corrupt`]: token_store::StoreError::Corrupt
/// [`StoreError::Timeout`]: token_store::StoreError::Timeout
/// [`StoreError::Unavailable`]: token_store::StoreError::Unavailable
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    statements: Arc<Statements>,
    /// Those for open transactions.
    on_open: Arc<Statements>,
    /// How a transaction begins.
    begin: Arc<str>,
    timeout: Duration,
    /// Behind a transaction pooler, which gives every transaction another connection of the server:
    /// only inside of one do preparing a statement and running it meet.
    begins: bool,
}

impl PostgresStore {
    /// The pool: for the application's own tables, and for closing it at the end.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
