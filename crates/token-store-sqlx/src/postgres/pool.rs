//! The pool of connections.

use core::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    builder::{Pooler, PostgresStoreBuilder},
    connection::run,
};

/// As many as answer a few hundred redeems at once; each is a process of the server.
const CONNECTIONS: u32 = 16;
/// A server that was restarted closed every connection.
const IDLE: Duration = Duration::from_secs(1);

impl PostgresStoreBuilder {
    /// Options for a pool of this store. The application's own statements may run in it too: take the
    /// options, set more, and connect.
    ///
    /// * The server ends a statement after half of the store's time-out. So a verb that waited for a lock
    ///   and timed out is known not to be done. `statement_timeout` is set on each new connection and
    ///   applies to the application's statements too. If a statement needs longer, use
    ///   `SET LOCAL statement_timeout`, or another pool. Behind a pooler the options do not set it, since
    ///   another client's connection would have it: set it for the role at the server
    ///   (`ALTER ROLE … SET statement_timeout`).
    /// * When a connection returns to the pool, a transaction that is still open on it is rolled back, in
    ///   the round trip in which the pool tests the connection. A pool without this may hand out a
    ///   connection inside of a transaction that nobody ends: see
    ///   [`PostgresStore`](super::PostgresStore).
    ///
    /// They use `after_connect` and `after_release`.
    #[must_use]
    pub fn pool_options(&self) -> PgPoolOptions {
        let set = (self.pooler == Pooler::Refused)
            .then(|| format!("SET statement_timeout = {}", self.half()));
        PgPoolOptions::new()
            .acquire_timeout(self.timeout)
            .after_connect(move |connection, _| {
                let set = set.clone();
                Box::pin(async move {
                    match set {
                        Some(set) => run(connection, set).await,
                        None => Ok(()),
                    }
                })
            })
            .after_release(|connection, _| Box::pin(clear(connection)))
    }

    /// Half of the time-out, in milliseconds.
    pub(super) fn half(&self) -> u128 {
        self.timeout.mul_f32(0.5).as_millis().max(1)
    }

    /// A pool of the store's own, which tries a connection that was idle before it is used.
    pub(super) fn own_pool(&self, options: PgConnectOptions) -> PgPool {
        let options = if self.pooler == Pooler::Refused {
            options
        } else {
            // A pooler refuses a connection that asks for a setting it does not know.
            options.extra_float_digits(None)
        };
        self.pool_options()
            .max_connections(CONNECTIONS)
            // A round trip for every verb; below it is one for a connection that nobody used.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options)
    }
}

/// Rolls back a transaction that is open on a connection which returns to its pool. If none is open,
/// nothing happens; if the transaction failed, the server answers with an error.
///
/// It is sent without waiting for the answer. The pool's own test of the connection, which comes next,
/// reads every answer that is due, and closes a connection on which it finds an error. Any other statement
/// would first wait for the answers before it; a `BEGIN` is sent behind them at once.
async fn clear(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let mut sent = pin!(connection.begin_with("BEGIN; ROLLBACK"));
    match poll_fn(|context| Poll::Ready(sent.as_mut().poll(context))).await {
        // Answered already: there is no transaction.
        Poll::Pending | Poll::Ready(Err(sqlx::Error::BeginFailed)) => Ok(true),
        Poll::Ready(Err(error)) => Err(error),
        Poll::Ready(Ok(_)) => Ok(false),
    }
}
