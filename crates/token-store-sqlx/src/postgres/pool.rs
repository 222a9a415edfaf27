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
    /// Options for a pool of this store's, in which the application's own statements may run too: take
    /// them, set more, and connect.
    ///
    /// * The server gives a statement up after half of the store's time-out, so that one which waits for
    ///   a lock in vain is known not to be done. `statement_timeout` is set on each new connection, and
    ///   the application's statements have it too: a longer one needs `SET LOCAL statement_timeout`, or
    ///   another pool. Behind a pooler it is not set here, as another client's connection would have it:
    ///   set it for the role at the server (`ALTER ROLE … SET statement_timeout`).
    /// * When a connection comes back, what is still open on it is rolled back, in the same round trip in
    ///   which the pool looks whether it lives. A pool without this may hand out a connection inside of a transaction that
    ///   nobody ends: see [`PostgresStore`](super::PostgresStore).
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

/// Rolls back what is open on a connection that comes back to its pool. Says nothing where nothing is; in a
/// transaction that failed it is an error.
///
/// It is sent and not waited for: the pool's own look at the connection, which comes next, reads every
/// answer that is due, and closes a connection on which it finds an error. A statement would first wait
/// for the answers before it; what begins a transaction is sent behind them at once.
async fn clear(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let mut sent = pin!(connection.begin_with("BEGIN; ROLLBACK"));
    match poll_fn(|context| Poll::Ready(sent.as_mut().poll(context))).await {
        // Answered already: there is no transaction.
        Poll::Pending | Poll::Ready(Err(sqlx::Error::BeginFailed)) => Ok(true),
        Poll::Ready(Err(error)) => Err(error),
        Poll::Ready(Ok(_)) => Ok(false),
    }
}
