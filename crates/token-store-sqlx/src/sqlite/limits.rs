//! Limits: read, computed by [`Limit`] itself, written, inside SQLite's write lock.
//!
//! [`Limit`]: token_store::ott_core::Limit

use async_trait::async_trait;
use sqlx::SqliteConnection;
use token_store::{
    Charge, LimitStore, Spent, StoreError, check_charges,
    ott_core::{
        LimitKey, LimitKind, LimitState, Overspent,
        chrono::{DateTime, Utc},
    },
};

use super::{
    SqliteStore, changed,
    outage::outage,
    purge::{OF_LIMITS, Purge, purge_all},
    returned,
};
use crate::{error::within, rows};

#[async_trait]
impl LimitStore for SqliteStore {
    /// All kinds: a row stays until [`purge_limits`](Self::purge_limits) finds it as good as new.
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        check_charges(charges)?;
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            let mut answer = Spent::Allowed;
            for Charge { key, limit } in charges {
                let mut state = read(&mut transaction, key).await?.unwrap_or_default();
                answer = match limit.spend(&mut state, now) {
                    Ok(()) => {
                        write(&mut transaction, key, &state).await?;
                        continue;
                    }
                    Err(Overspent::Ahead) => Spent::Ahead(*key),
                    Err(Overspent::Locked) => Spent::Locked(*key),
                    Err(Overspent::RetryAt(at)) => Spent::RetryAt(*key, at),
                };
                break;
            }
            // A refusal too: what was spent before it stays spent.
            transaction.commit().await.map_err(outage)?;
            Ok(answer)
        })
        .await
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            for Charge { key, limit } in charges {
                if let Some(mut state) = read(&mut transaction, key).await? {
                    limit.refund(&mut state, times);
                    write(&mut transaction, key, &state).await?;
                }
            }
            transaction.commit().await.map_err(outage)
        })
        .await
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        let delete =
            sqlx::query("DELETE FROM ott_limits WHERE key = ?1").bind(key.as_bytes().as_slice());
        within(self.timeout, async {
            changed(&mut *self.writer().await?, delete).await?;
            Ok(())
        })
        .await
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        purge_all(self, Purge::new(OF_LIMITS, before, limit)).await
    }
}

async fn read(
    connection: &mut SqliteConnection,
    key: &LimitKey,
) -> Result<Option<LimitState>, StoreError> {
    let select = sqlx::query("SELECT full_at, count FROM ott_limits WHERE key = ?1")
        .bind(key.as_bytes().as_slice());
    let Some(row) = returned(connection, select).await? else {
        return Ok(None);
    };
    rows::limit(&row).map(Some)
}

async fn write(
    connection: &mut SqliteConnection,
    key: &LimitKey,
    state: &LimitState,
) -> Result<(), StoreError> {
    let upsert = sqlx::query(
        "INSERT INTO ott_limits (key, full_at, count) VALUES (?1, ?2, ?3) \
         ON CONFLICT (key) DO UPDATE SET full_at = excluded.full_at, count = excluded.count",
    )
    .bind(key.as_bytes().as_slice())
    .bind(state.full_at)
    .bind(state.count);
    changed(connection, upsert).await?;
    Ok(())
}
