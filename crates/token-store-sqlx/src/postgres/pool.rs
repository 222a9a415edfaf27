//! The pool of connections.

use core::{future::poll_fn, pin::pin, task::Poll, time::Duration};
use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{
    builder::{Pooler, PostgresStoreBuilder},
    connection::{is_standby, run},
};

/// As many as answer a few hundred redeems at once; each is a process of the server.
const CONNECTIONS: u32 = 16;
/// A connection that was idle for longer may be none any more. Shorter than a server needs to restart, and longer
/// than a connection of a busy pool is idle.
const QUIET: Duration = Duration::from_millis(100);

impl PostgresStoreBuilder {
    /// Options for a pool of this store. The application's own statements may run in it too: take the
    /// options, set more, and connect.
    ///
    /// * The server ends a statement after half of the store's time-out. So a verb that waited for a lock
    ///   and timed out is known not to be done. `statement_timeout` is set on each new connection, and again
    ///   on each that comes back to the pool, whatever was done with it (`DISCARD ALL`). It
    ///   applies to the application's statements too. If a statement needs longer, use
    ///   `SET LOCAL statement_timeout`, or another pool. Behind a pooler the options do not set it, since
    ///   another client's connection would have it: set it for the role at the server
    ///   (`ALTER ROLE … SET statement_timeout`).
    /// * When a connection returns to the pool, a transaction that is still open on it is rolled back, in
    ///   the round trip in which the pool tests the connection. A pool without this may hand out a
    ///   connection inside of a transaction that nobody ends: see
    ///   [`PostgresStore`](super::PostgresStore).
    /// * A connection that was idle for 100 ms is tested before it is handed out, for at most a quarter of the
    ///   time-out. If it died while nobody used it, the pool makes another one.
    /// * A connection to a standby is refused, and asked for again until `acquire_timeout`.
    ///
    /// They use `after_connect`, `after_release`, `before_acquire` and `test_before_acquire`.
    #[must_use]
    pub fn pool_options(&self) -> PgPoolOptions {
        let set = (self.pooler == Pooler::Refused)
            .then(|| format!("SET statement_timeout = {}", self.half()));
        let again = set.clone().unwrap_or_default();
        let clear: Arc<str> = format!("BEGIN; ROLLBACK; {again}").into();
        let quarter = self.timeout.mul_f32(0.25);
        PgPoolOptions::new()
            .acquire_timeout(self.timeout)
            .after_connect(move |connection, _| {
                let set = set.clone();
                Box::pin(async move {
                    if is_standby(connection).await? {
                        return Err(sqlx::Error::Protocol("a standby, which only reads".into()));
                    }
                    match set {
                        Some(set) => run(connection, set).await,
                        None => Ok(()),
                    }
                })
            })
            .after_release(move |connection, _| {
                Box::pin(clear_transaction(connection, Arc::clone(&clear)))
            })
            // A round trip for every verb; below it is one for a connection that nobody used.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > QUIET {
                        // One that is let go without an answer is closed without waiting for it.
                        let told = timeout(quarter, connection.ping()).await;
                        told.map_err(|_| sqlx::Error::PoolTimedOut)??;
                    }
                    Ok(true)
                })
            })
    }

    /// Half of the time-out, in milliseconds.
    pub(super) fn half(&self) -> u128 {
        self.timeout.mul_f32(0.5).as_millis().max(1)
    }

    /// A pool of the store's own.
    pub(super) fn own_pool(&self, options: PgConnectOptions) -> PgPool {
        let options = if self.pooler == Pooler::Refused {
            options
        } else {
            // A pooler refuses a connection that asks for a setting it does not know.
            options.extra_float_digits(None)
        };
        self.pool_options()
            .max_connections(CONNECTIONS)
            .connect_lazy_with(options)
    }
}

/// Rolls back a transaction that is open on a connection which returns to its pool, and sets again what the pool's
/// connections have set. If no transaction is open, nothing is rolled back; if it failed, the server answers with an
/// error.
///
/// It is sent without waiting for the answer. The pool's own test of the connection, which comes next,
/// reads every answer that is due, and closes a connection on which it finds an error. Any other statement
/// would first wait for the answers before it; a `BEGIN` is sent behind them at once.
async fn clear_transaction(
    connection: &mut PgConnection,
    text: Arc<str>,
) -> Result<bool, sqlx::Error> {
    let mut sent = pin!(connection.begin_with(AssertSqlSafe(text)));
    match poll_fn(|context| Poll::Ready(sent.as_mut().poll(context))).await {
        // Answered already: there is no transaction.
        Poll::Pending | Poll::Ready(Err(sqlx::Error::BeginFailed)) => Ok(true),
        Poll::Ready(Err(error)) => Err(error),
        Poll::Ready(Ok(_)) => Ok(false),
    }
}
