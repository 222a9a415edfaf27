//! The store over PostgreSQL.

mod builder;
mod charged;
mod connection;
mod factors;
mod id;
mod insert;
mod judging;
mod limits;
mod migrate;
mod names;
mod on_transaction;
mod outage;
mod pool;
mod purge;
mod queue;
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
/// A reset link is redeemed and the password changed, both or neither:
///
/// ```no_run
/// use token_store::ott_core::{Presented, Subject};
/// use token_store::{InTransaction, RedeemInTransaction, Revoke, TokenStore};
/// use token_store_sqlx::{PostgresStore, sqlx};
/// # use token_store::ott_core::chrono::{DateTime, Utc};
/// # async fn change(pool: sqlx::PgPool, presented: Presented, alice: Subject, hash: String, now: DateTime<Utc>)
/// # -> Result<bool, Box<dyn std::error::Error>> {
/// let store = PostgresStore::new(pool).await?; // the application's own, made of `pool_options`
/// let redeemed = store.redeem_in_transaction(&presented, now).await?;
/// let InTransaction::Redeemed(mut transaction, _) = redeemed else {
///     return Ok(false); // counted, and committed, before it is returned
/// };
/// let update = sqlx::query("UPDATE users SET password = $1 WHERE id = $2");
/// update.bind(hash).bind(alice.id()).execute(&mut *transaction).await?;
/// store.on(&mut transaction).revoke(&Revoke::subject(&alice)).await?; // her other tokens
/// transaction.commit().await?;
/// # Ok(true) }
/// ```
///
/// If that transaction is rolled back, or the process dies before the commit, the password is the old one,
/// the token is unspent and her other tokens live. Wrong guesses before it stay counted, and what was
/// spent of a limit stays spent: neither is ever part of the transaction (`tests/pg_transaction.rs`).
///
/// Most applications give the store to `Tokens` of [`token_store`]. Its `redeem_in_transaction` and
/// `redeem_by_itself_in_transaction` also spend the limits and check the record's tag. The example
/// `password_reset` of this crate does so with a link, and prints what becomes of link and password.
///
/// # What it guarantees
///
/// * The store keeps all laws of `token-store` (`tests/pg_laws.rs`). Two and four processes keep them
///   together, and 10,000 clients that redeem 1,000 tokens succeed 1,000 times (`tests/pg_races.rs`).
/// * Every verb is one statement in one round trip, prepared once for each connection. There are seven
///   exceptions: the reason of a refusal takes a second statement, a redeem with its charges that compares nothing is a
///   transaction of its steps, `redeem_in_transaction` takes one to
///   begin, `revoke` of a subject takes two more where an open transaction redeemed for the same person,
///   `remove` takes a second one where the factor was confirmed, `confirm` of a first factor is a
///   transaction of two, and a purge is many small statements, none of which reads more than 4,096 rows, or the records of 1,024 slots. A statement
///   changes a row only as it is when the statement finds or locks it (READ COMMITTED, which the start
///   checks).
/// * Two verbs at once, in transactions of yours or not, answer and leave what one of the two orders does:
///   every pair of verbs of tokens is tried (`tests/pg_pairs.rs`). A verb that waited judges what is there
///   afterwards: if a newer batch took its record's place meanwhile, the record is superseded.
/// * If a connection died while nobody used it, no verb fails (`tests/pg_quiet.rs`). The pool finds out before
///   it hands the connection out, or the server said good-bye before it committed anything, and the verb is run
///   again on another connection. A verb that may be done is never run again.
/// * If a verb has answered, its write is in the server's log on the server's disk. At the start the store
///   checks `synchronous_commit`, `fsync` and `full_page_writes` on one connection of the pool. It refuses
///   `off` unless you accept it by name.
/// * Each verb ends within the time-out, however often it is run again; a purge has one for each step. A verb that reaches the time-out closes its connection. The server
///   ends the statement before that: the start refuses a pool whose `statement_timeout` is not below the
///   store's time-out (`tests/pg_start.rs`).
/// * Two transactions may redeem two tokens of one person and revoke each other's, as the code and the link
///   of one mail do. They do not deadlock: the first is done, and the second finds its token revoked
///   (`tests/pg_siblings.rs`).
/// * A redeem costs the same with ten rows and with ten million. No index names a column that a redeem
///   writes, so the update stays on its page (`tests/pg_plan.rs`).
///
/// A new batch of tokens replaces the old batch at its commit. It waits for an open transaction that redeemed
/// a token of the old batch, and whoever redeems an old token waits for an open transaction with a new batch.
///
/// # What happens in each failure
///
/// | failure | answer | afterwards |
/// | --- | --- | --- |
/// | the server is not there, refuses connections, or is read-only | [`StoreError::Unavailable`] or [`StoreError::Timeout`] | Nothing is done. A connection that only reads is let go, and the verb is run again on another one. |
/// | a connection dies while nobody uses it, or the server ends it in order before the statement ended | none | the verb is done, on another connection |
/// | the name of the server leads to a standby for a while | [`StoreError::Timeout`], for as long as it does | Nothing is done, and nothing old is read. The pool keeps no connection to a standby. |
/// | somebody runs `DISCARD ALL` on a connection of the pool, or changes a table | none | the verb is done, on another connection; `statement_timeout` is set again |
/// | the server dies, or the connection breaks, during a verb | [`StoreError::Unavailable`] | the verb is done completely or not at all |
/// | the server hangs | [`StoreError::Timeout`] | the verb is done completely or not at all, perhaps when the server goes on |
/// | another transaction holds the record, redeemed another token of the same person, or redeemed a token that a new batch replaces, and is still open | [`StoreError::Timeout`] | Nothing is done. With [late statements](PostgresStoreBuilder::accepting_late_statements) the verb may be done later, completely. |
/// | a deadlock: two of your transactions write records of several persons, or tables of yours, in different orders | [`StoreError::Unavailable`] to one of them, after the server's `deadlock_timeout` | The server has rolled that transaction back. Its token is unspent, guesses that were counted before it stay counted, and you may run it again from its start. A verb outside of your transactions is run again by the store. |
/// | no connection is free | [`StoreError::Timeout`] | nothing is done |
/// | isolation, time-outs or column types are changed while the store runs | [`StoreError::Unavailable`], [`StoreError::Timeout`] or [`StoreError::Corrupt`], until they are set back | the verb is done completely or not at all |
/// | a synchronous replica stays away | [`StoreError::Timeout`] | The verb is done when the replica is back. Until then each such verb holds a process of the server (`max_connections`). **Cancel and terminate none of them** (`pg_cancel_backend`, `pg_terminate_backend`): PostgreSQL then has a commit that no replica has, and answers a cancelled one; a promotion loses it. |
/// | a row cannot be read | [`StoreError::Corrupt`] | a redeem of that row is counted or spent, and proves nothing |
/// | the stored time of a limit lies beyond every clock | [`Spent::Ahead`](token_store::Spent::Ahead) | Nothing is spent at that limit: a clock was ahead. Clear the limit. |
/// | the application dies | none | a write that was answered is done; any other is done completely or not at all |
/// | a future is dropped | none | the verb is done completely or not at all; the pool takes the connection back |
/// | a replica is promoted that missed commits, or a backup is restored | | Tokens that were spent in between can be redeemed again: replicate synchronously, or start with `Issuer::not_before`. |
///
/// **If you drop a `begin` of yours half-way,** sqlx 0.9.0 gives its connection back to the pool inside of
/// an open transaction ([its issue 4385](https://github.com/launchbadge/sqlx/issues/4385), mended in its
/// repository and in no release yet). The next verb or statement on that connection is answered and never
/// committed. The store begins its own transactions where nobody can drop them. A web handler may be
/// dropped when its client goes away, so make the pool of
/// [`pool_options`](PostgresStoreBuilder::pool_options): it closes or clears such a connection before
/// anybody else gets it.
///
/// A transaction that `redeem_in_transaction` returned, or that writes through [`on`](Self::on), keeps a
/// lock of its person until it ends. Make the change that the token allows, and commit. `redeem`, `decide`
/// and the other verbs outside of a transaction do not wait for that lock, only for the records themselves.
///
/// The pools of [`connect`](PostgresStoreBuilder::connect) and of
/// [`pool_options`](PostgresStoreBuilder::pool_options) test a connection that was idle for 100 ms, for at most a
/// quarter of the time-out, and refuse a standby. Another pool tests each connection before each use (sqlx's
/// default): that costs one more round trip a verb, waits for ever where a network swallows everything, and keeps
/// connections to a standby, which answer `find`, `list` and `factors` from old data. If a
/// transaction times out, its connection returns to the pool when the server answers or the network
/// gives up.
///
/// # Proxies
///
/// Some proxies give each transaction another connection of the server: PgBouncer with
/// `pool_mode = transaction`. Through such a proxy named statements fail, or run another client's
/// statement. If a store finds one at its start, it does not start. Then set
/// [`behind_transaction_pooler`](PostgresStoreBuilder::behind_transaction_pooler), and make the pool's
/// connections with `extra_float_digits(None)`. The same holds for your own statements on this pool: run them in a
/// transaction, with `persistent(false)`. A proxy that keeps one connection for a session needs no
/// setting. Through one that allows no transaction (`pool_mode = statement`) no store works, and none starts.
///
/// # Tables
///
/// The tables are in the schema `public` with the prefix `ott_`, unless the builder says otherwise. Times are
/// microseconds since 1970. Null means "none", which is not 0. Text is compared byte by byte (`COLLATE
/// "C"`), in a UTF-8 database.
///
/// | table | columns |
/// | --- | --- |
/// | `ott_tokens` | `id` (public), `purpose`, `key`, `tenant`, `subject`, `slot`, `policy`, `binding`, `digest`, `data`, `number`, `max_attempts`, `issued_at`, `expires_at`, `idle_micros`, `tag`; `generation` of its slot when it was inserted; `state` 0 waiting, 1 ready, 2 denied, 3 exhausted, 4 revoked, 5 spent; `attempts`, `used_at`; the decision, all five or none: `outcome` 1 approved, 2 denied, 3 reported, `decider`, `decision_data`, `decided_at`, `decision_tag`; and `decider_tenant`, null where a part of the system decided |
/// | `ott_slots` | `slot`, `generation`: a record of another generation is superseded, which is no state of a row; the row goes with the last record of its slot |
/// | `ott_ends` | what a purge looks at: `id` of a record that is final or can be idle, or a slot that was taken over; `after`, the last moment at which it is not dead. An entry may be there twice, and longer than what it names |
/// | `ott_factors` | `id` (public), `tenant`, `subject`, `provider`, `label`, `state` 0 pending, 1 active, 2 disabled, 3 removed; `sealed`, `last`, `created_at`, `used_at`; while it is removed `removed_at`, `removed_from` (the state before), `removed_by` |
/// | `ott_limits` | `key`, `full_at`, `count` |
/// | `ott_queue` | `id` (public), `tenant`, `slot`, `sealed`, `queued_at`, `due_at`, `tries`; of a dead letter `reason`, and `due_at` is when it died |
/// | `ott_lines` | `tenant`; `waiting` and `dead`, now; `queued`, `sent` and `replaced`, since the beginning |
/// | `ott_migrations` | `version`, `applied_at`: the migrations of these tables, apart from the application's |
///
/// A live code or link takes about 625 bytes with its slot and all indexes, a known device 470, a limit 130
/// (200,000 of each, limits 20,000, freshly written, PostgreSQL 15). Autovacuum clears what updates leave.
///
/// The store purges nothing by itself: call `purge`, `purge_limits` and `purge_factors` regularly. They wait for no lock, and
/// nobody waits for more than a thousand of their rows. After each batch a purge pauses as long as the batch
/// took. It lets PostgreSQL write changed pages a little at a time, so that other commits do not wait for
/// the disk. On an open transaction of yours it does not pause, and that transaction keeps
/// `backend_flush_after`.
///
/// # Rights and migrations
///
/// When a store starts, it makes the tables and a missing schema, or brings them up to date, in one
/// transaction behind an advisory lock. To keep that right from the application:
///
/// 1. After each update of this crate, start a store once as another role.
/// 2. Grant the application `USAGE` on the schema, `SELECT` on `ott_migrations`, and `SELECT, INSERT,
///    UPDATE, DELETE` on the seven other tables. If the tables are up to date, a start only reads.
///
/// A store does not start over tables of a newer version. If an update of this crate has a migration, the
/// first new instance runs it, and an old instance that restarts afterwards does not start.
/// Keys are rotated, and a leak is handled, in the same way over every store: `docs/keys.md`.
///
/// # Running the laws
///
/// `scripts/with-servers cargo test -p token-store-sqlx --features postgres --test pg_laws` runs them
/// beside a server of its own. If `POSTGRES_URL` is set, they run on that server, in schemas that are
/// dropped afterwards. `docs/own-store.md` tells how to run them against a store of yours.
///
/// # What it does not
///
/// * Whoever can write to the tables can make a record redeemable again until it expires. SECURITY.md lists
///   what else they can do.
/// * A sealed secret that was replaced or removed stays in the server's files until vacuum and new rows
///   overwrite it, in the server's log, and in backups.
/// * Partitioned tables are not supported: their key would have to hold the column of the partition.
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
