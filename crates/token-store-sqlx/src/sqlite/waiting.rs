//! What waits to be sent: each verb one transaction under SQLite's write lock.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use token_store::{
    DeadLetter, Enqueued, Line, QueueStore, Requeued, Settled, Settlement, StoreError, Taken,
    Waiting,
    ott_core::chrono::{DateTime, Utc},
    share,
};

use super::{SqliteStore, changed, outage::outage, returned};
use crate::{
    error::within,
    rows::{self, micros},
};

#[async_trait]
impl QueueStore for SqliteStore {
    async fn enqueue(&self, entry: &Waiting, most: u32) -> Result<Enqueued, StoreError> {
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            let delete = sqlx::query("DELETE FROM ott_queue WHERE slot = ?1 AND reason IS NULL");
            let delete = delete.bind(entry.slot.as_slice());
            let replaced = changed(&mut transaction, delete)
                .await?
                .min(1)
                .cast_signed();
            let count = sqlx::query(
                "INSERT INTO ott_lines (tenant, waiting, dead, queued, sent, replaced) \
                 SELECT ?1, 1, 0, 1, 0, 0 WHERE ?2 > 0 \
                 ON CONFLICT (tenant) DO UPDATE SET waiting = waiting + 1 - ?3, \
                   queued = queued + 1, replaced = replaced + ?3 \
                 WHERE waiting < ?2 OR ?3 > 0",
            )
            .bind(&entry.tenant)
            .bind(most)
            .bind(replaced);
            if changed(&mut transaction, count).await? == 0 {
                return Ok(Enqueued::Full);
            }
            let insert = sqlx::query(
                "INSERT INTO ott_queue (id, tenant, slot, sealed, queued_at, due_at, tries) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, 0)",
            )
            .bind(entry.id.as_slice())
            .bind(&entry.tenant)
            .bind(entry.slot.as_slice())
            .bind(&entry.sealed)
            .bind(micros(&entry.queued_at));
            changed(&mut transaction, insert).await?;
            transaction.commit().await.map_err(outage)?;
            Ok(if replaced > 0 {
                Enqueued::Replaced
            } else {
                Enqueued::Queued
            })
        })
        .await
    }

    async fn take(
        &self,
        most: u32,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Taken>, StoreError> {
        within(self.timeout, async {
            // Where nothing is due, nobody waits for the write lock.
            let select = sqlx::query(
                "SELECT tenant FROM ott_lines AS l WHERE waiting > 0 \
                   AND EXISTS (SELECT 1 FROM ott_queue AS q \
                     WHERE q.tenant = l.tenant AND q.reason IS NULL AND q.due_at <= ?2) \
                 ORDER BY random() LIMIT ?1",
            )
            .bind(most)
            .bind(micros(&now));
            let tenants = select.fetch_all(&mut *self.reader().await?).await;
            let tenants = tenants.map_err(outage)?;
            if tenants.is_empty() {
                return Ok(Vec::new());
            }
            let share = share(most, tenants.len());
            let (mut transaction, _turn) = self.begin().await?;
            let mut taken = Vec::new();
            for tenant in &tenants {
                let update = sqlx::query(
                    "UPDATE ott_queue SET due_at = ?3, tries = tries + 1 WHERE id IN ( \
                       SELECT id FROM ott_queue \
                       WHERE tenant = ?1 AND reason IS NULL AND due_at <= ?2 \
                       ORDER BY due_at, id LIMIT ?4) \
                     RETURNING *",
                )
                .bind(rows::text(tenant, "tenant")?)
                .bind(micros(&now))
                .bind(micros(&until))
                .bind(share.min(left(most, taken.len())));
                let own = update.fetch_all(&mut *transaction).await.map_err(outage)?;
                for row in &own {
                    taken.push(rows::taken(row)?);
                }
            }
            transaction.commit().await.map_err(outage)?;
            Ok(taken)
        })
        .await
    }

    async fn settle(&self, settled: &[Settled], now: DateTime<Utc>) -> Result<u64, StoreError> {
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            let mut held = 0_u64;
            // Sent, dead.
            let mut counts = BTreeMap::<String, [i64; 2]>::new();
            for Settled { id, tries, how } in settled {
                let query = match how {
                    Settlement::Sent => sqlx::query(
                        "DELETE FROM ott_queue WHERE id = ?1 AND tries = ?2 AND reason IS NULL \
                         RETURNING tenant",
                    ),
                    Settlement::Later(_) | Settlement::Dead(_) => sqlx::query(
                        "UPDATE ott_queue SET due_at = ?3, reason = ?4 \
                         WHERE id = ?1 AND tries = ?2 AND reason IS NULL RETURNING tenant",
                    ),
                };
                let query = query.bind(id.as_slice()).bind(tries);
                let (query, [sent, dead]) = match how {
                    Settlement::Sent => (query, [1, 0]),
                    Settlement::Later(at) => {
                        let none = None::<&str>;
                        (query.bind(micros(at)).bind(none), [0, 0])
                    }
                    Settlement::Dead(reason) => (query.bind(micros(&now)).bind(*reason), [0, 1]),
                };
                if let Some(row) = returned(&mut transaction, query).await? {
                    held = held.saturating_add(1);
                    let own = counts.entry(rows::text(&row, "tenant")?).or_default();
                    for (count, more) in own.iter_mut().zip([sent, dead]) {
                        *count = count.saturating_add(more);
                    }
                }
            }
            for (tenant, [sent, dead]) in counts {
                let gone = sent.saturating_add(dead);
                move_line(
                    &mut transaction,
                    &tenant,
                    [gone.saturating_neg(), dead, sent],
                )
                .await?;
            }
            transaction.commit().await.map_err(outage)?;
            Ok(held)
        })
        .await
    }

    async fn lines(&self) -> Result<Vec<Line>, StoreError> {
        within(self.timeout, async {
            let select = sqlx::query(
                "SELECT l.*, (SELECT min(q.queued_at) FROM ott_queue AS q \
                   WHERE q.tenant = l.tenant AND q.reason IS NULL) AS oldest \
                 FROM ott_lines AS l ORDER BY l.tenant",
            );
            let found = select.fetch_all(&mut *self.reader().await?).await;
            found.map_err(outage)?.iter().map(rows::line).collect()
        })
        .await
    }

    async fn dead(&self, tenant: Option<&str>, most: u32) -> Result<Vec<DeadLetter>, StoreError> {
        within(self.timeout, async {
            let select = sqlx::query(
                "SELECT * FROM ott_queue WHERE reason IS NOT NULL AND tenant = coalesce(?1, tenant) \
                 ORDER BY due_at, id LIMIT ?2",
            )
            .bind(tenant)
            .bind(most);
            let found = select.fetch_all(&mut *self.reader().await?).await;
            let found = found.map_err(outage)?;
            found.iter().map(rows::dead_letter).collect()
        })
        .await
    }

    async fn requeue(&self, id: &[u8; 16], now: DateTime<Utc>) -> Result<Requeued, StoreError> {
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            let update = sqlx::query(
                "UPDATE ott_queue AS d SET due_at = ?2, reason = NULL \
                 WHERE id = ?1 AND reason IS NOT NULL AND NOT EXISTS ( \
                   SELECT 1 FROM ott_queue AS q WHERE q.slot = d.slot AND q.reason IS NULL) \
                 RETURNING tenant",
            )
            .bind(id.as_slice())
            .bind(micros(&now));
            let told = match returned(&mut transaction, update).await? {
                Some(row) => {
                    let tenant = rows::text(&row, "tenant")?;
                    move_line(&mut transaction, &tenant, [1, -1, 0]).await?;
                    Requeued::Queued
                }
                None if drop_dead(&mut transaction, id).await? => Requeued::Superseded,
                None => Requeued::Absent,
            };
            transaction.commit().await.map_err(outage)?;
            Ok(told)
        })
        .await
    }

    async fn discard(&self, id: &[u8; 16]) -> Result<bool, StoreError> {
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            let dropped = drop_dead(&mut transaction, id).await?;
            transaction.commit().await.map_err(outage)?;
            Ok(dropped)
        })
        .await
    }
}

/// How many more may be taken.
pub(crate) fn left(most: u32, taken: usize) -> u32 {
    most.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
}

async fn drop_dead(
    transaction: &mut Transaction<'static, Sqlite>,
    id: &[u8; 16],
) -> Result<bool, StoreError> {
    let delete =
        sqlx::query("DELETE FROM ott_queue WHERE id = ?1 AND reason IS NOT NULL RETURNING tenant");
    let dropped = returned(transaction, delete.bind(id.as_slice())).await?;
    let Some(row) = dropped else {
        return Ok(false);
    };
    move_line(transaction, &rows::text(&row, "tenant")?, [0, -1, 0]).await?;
    Ok(true)
}

async fn move_line(
    connection: &mut SqliteConnection,
    tenant: &str,
    [waiting, dead, sent]: [i64; 3],
) -> Result<(), StoreError> {
    let update = sqlx::query(
        "UPDATE ott_lines SET waiting = waiting + ?2, dead = dead + ?3, sent = sent + ?4 \
         WHERE tenant = ?1",
    )
    .bind(tenant)
    .bind(waiting)
    .bind(dead)
    .bind(sent);
    changed(connection, update).await.map(drop)
}
