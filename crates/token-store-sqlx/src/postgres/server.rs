//! What the server promises, and whether it is the server.

use core::time::Duration;

use sqlx::{PgConnection, PgPool, Postgres, Row, pool::PoolConnection};
use token_store::StoreError;

use super::{
    builder::{Pooler, PostgresStoreBuilder},
    connection::{ask, run},
    outage::outage,
};
use crate::StartError;

impl PostgresStoreBuilder {
    /// What is missing, if anything is.
    pub(super) async fn check(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<StartError>, StoreError> {
        let row = ask(
            connection,
            "SELECT current_setting('synchronous_commit'), current_setting('fsync'), \
               current_setting('full_page_writes'), \
               current_setting('default_transaction_isolation'), \
               current_setting('server_encoding'), \
               (SELECT setting FROM pg_settings WHERE name = 'statement_timeout')"
                .into(),
        )
        .await
        .map_err(outage)?;
        let setting = |at: usize| row.try_get::<String, _>(at).map_err(outage);
        let (synchronous_commit, fsync, full_page_writes) = (setting(0)?, setting(1)?, setting(2)?);
        let weak = synchronous_commit == "off" || fsync == "off" || full_page_writes == "off";
        if weak && !self.accepts_weak_commits {
            return Ok(Some(StartError::WeakCommits {
                synchronous_commit,
                fsync,
                full_page_writes,
            }));
        }
        let isolation = setting(3)?;
        if isolation != "read committed" {
            return Ok(Some(StartError::Isolation(isolation)));
        }
        let encoding = setting(4)?;
        if encoding != "UTF8" {
            return Ok(Some(StartError::Encoding(encoding)));
        }
        // Milliseconds; 0 is none. Behind a pooler each transaction brings its own.
        let found: u128 = setting(5)?.parse().unwrap_or(0);
        let is_late = found == 0 || found >= self.timeout.as_millis();
        let bears = self.accepts_late_statements || self.pooler == Pooler::Expected;
        Ok((is_late && !bears).then_some(StartError::LateStatements(found)))
    }
}

/// Whether a transaction can stay open after a statement. A proxy that forbids it breaks the connection off.
pub(super) async fn allows_transactions(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let both = async {
        run(connection, "BEGIN".into()).await?;
        run(connection, "COMMIT".into()).await
    };
    match both.await {
        Ok(()) => Ok(true),
        // protocol_violation.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("08P01") => Ok(false),
        Err(error) => Err(outage(error)),
    }
}

/// Whether one of two connections meets another process of the server in its next transaction.
///
/// A proxy that is found is there; one that stays hidden, as with a single connection, is not found.
/// The two leave the pool for good: whatever ends the look half-way, their transactions end with them.
/// `timeout` is the one of the start, of which this has at most half for each wait.
pub(super) async fn is_pooled(
    pool: &PgPool,
    one: PoolConnection<Postgres>,
    timeout: Duration,
) -> Result<bool, StoreError> {
    if pool.options().get_max_connections() < 2 {
        return Ok(false);
    }
    let mut one = one.detach();
    let longest = timeout.mul_f32(0.5).min(LONGEST_WAIT);
    let Ok(Ok(other)) = tokio::time::timeout(longest, pool.acquire()).await else {
        return Ok(false);
    };
    let mut other = other.detach();
    let look = async {
        // The proxy hands out what came back last, or what came back first.
        for ends_first in [true, false] {
            let before = begin(&mut one).await?;
            let Ok(begun) = tokio::time::timeout(longest, begin(&mut other)).await else {
                // It waits for the first one's end, since the two share one connection; or the server hangs just here.
                return Ok(true);
            };
            begun?;
            let (first, last) = if ends_first {
                (&mut one, &mut other)
            } else {
                (&mut other, &mut one)
            };
            run(first, "COMMIT".into()).await?;
            run(last, "COMMIT".into()).await?;
            let after = begin(&mut one).await?;
            run(&mut one, "COMMIT".into()).await?;
            if before != after {
                return Ok(true);
            }
        }
        Ok(false)
    };
    look.await.map_err(outage)
}

const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The server's process in a new transaction.
async fn begin(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    run(connection, "BEGIN".into()).await?;
    let row = ask(connection, "SELECT pg_backend_pid()::bigint".into()).await?;
    row.try_get(0)
}
