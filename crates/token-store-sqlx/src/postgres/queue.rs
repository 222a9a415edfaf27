//! What waits to be sent.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{PgConnection, postgres::PgRow};
use token_store::{
    DeadLetter, Enqueued, Line, QueueStore, Requeued, Settled, Settlement, StoreError, Taken,
    Waiting,
    ott_core::chrono::{DateTime, Utc},
};

use super::{
    PostgresStore,
    connection::{changed, done, in_transaction, on_connection, returned},
    id::Id,
};
use crate::rows::{self, micros};

/// What is added to a line: waiting, dead, queued, sent, replaced.
type Move = [i64; 5];

#[async_trait]
impl QueueStore for PostgresStore {
    async fn enqueue(&self, entry: &Waiting, most: u32) -> Result<Enqueued, StoreError> {
        in_transaction!(self, connection => self.enqueue_on(connection, entry, most))
    }

    async fn take(
        &self,
        most: u32,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Taken>, StoreError> {
        let take = || {
            let take = self.statements.take.query();
            take.bind(i64::from(most))
                .bind(micros(&now))
                .bind(micros(&until))
        };
        let taken = on_connection!(self, connection => rows_of(connection, take()))?;
        taken.iter().map(rows::taken).collect()
    }

    async fn settle(&self, settled: &[Settled], now: DateTime<Utc>) -> Result<u64, StoreError> {
        in_transaction!(self, connection => self.settle_on(connection, settled, now))
    }

    async fn lines(&self) -> Result<Vec<Line>, StoreError> {
        let select = || self.statements.lines.query();
        let found = on_connection!(self, connection => rows_of(connection, select()))?;
        found.iter().map(rows::line).collect()
    }

    async fn dead(&self, tenant: Option<&str>, most: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let select = || {
            let select = self.statements.dead_letters.query();
            select.bind(tenant).bind(i64::from(most))
        };
        let found = on_connection!(self, connection => rows_of(connection, select()))?;
        found.iter().map(rows::dead_letter).collect()
    }

    async fn requeue(&self, id: &[u8; 16], now: DateTime<Utc>) -> Result<Requeued, StoreError> {
        in_transaction!(self, connection => self.requeue_on(connection, id, now))
    }

    async fn discard(&self, id: &[u8; 16]) -> Result<bool, StoreError> {
        in_transaction!(self, connection => self.discard_on(connection, id))
    }
}

impl PostgresStore {
    async fn enqueue_on(
        &self,
        connection: &mut PgConnection,
        entry: &Waiting,
        most: u32,
    ) -> Result<Enqueued, StoreError> {
        let waiting = match self.lock_line(connection, &entry.tenant).await? {
            Some(waiting) => waiting,
            None => {
                let insert = self.statements.insert_line.query().bind(&entry.tenant);
                changed(connection, insert).await?;
                let locked = self.lock_line(connection, &entry.tenant).await?;
                locked.ok_or(StoreError::Corrupt("a line that was there"))?
            }
        };
        let replace = self.statements.replace.query().bind(Id(entry.slot));
        let replaced = changed(connection, replace).await?.min(1).cast_signed();
        if replaced == 0 && waiting >= i64::from(most) {
            return Ok(Enqueued::Full);
        }
        let enqueue = self.statements.enqueue.query().bind(Id(entry.id));
        let enqueue = enqueue.bind(&entry.tenant).bind(Id(entry.slot));
        let enqueue = enqueue.bind(&entry.sealed).bind(micros(&entry.queued_at));
        changed(connection, enqueue).await?;
        let more = [1_i64.saturating_sub(replaced), 0, 1, 0, replaced];
        self.move_line(connection, &entry.tenant, more).await?;
        Ok(if replaced > 0 {
            Enqueued::Replaced
        } else {
            Enqueued::Queued
        })
    }

    async fn settle_on(
        &self,
        connection: &mut PgConnection,
        settled: &[Settled],
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let (mut sent, mut later, mut dead) = (
            (vec![], vec![]),
            (vec![], vec![], vec![]),
            (vec![], vec![], vec![]),
        );
        for Settled { id, tries, how } in settled {
            let tries = i32::try_from(*tries).unwrap_or(i32::MAX);
            match how {
                Settlement::Sent => {
                    sent.0.push(Id(*id));
                    sent.1.push(tries);
                }
                Settlement::Later(at) => {
                    later.0.push(Id(*id));
                    later.1.push(tries);
                    later.2.push(micros(at));
                }
                Settlement::Dead(reason) => {
                    dead.0.push(Id(*id));
                    dead.1.push(tries);
                    dead.2.push(*reason);
                }
            }
        }
        let moved: Vec<_> = sent.0.iter().chain(&dead.0).copied().collect();
        if !moved.is_empty() {
            let tenants = self.statements.tenants_of.query().bind(moved);
            let tenants = rows_of(connection, tenants).await?;
            let tenants = tenants.iter().map(|row| rows::text(row, "tenant"));
            let tenants = tenants.collect::<Result<Vec<_>, _>>()?;
            let lock = self.statements.lock_lines.query().bind(tenants);
            rows_of(connection, lock).await?;
        }
        let mut moves = BTreeMap::<String, Move>::new();
        let mut held = 0_usize;
        if !sent.0.is_empty() {
            let query = self.statements.settle_sent.query();
            let gone = rows_of(connection, query.bind(sent.0).bind(sent.1)).await?;
            held = held.saturating_add(gone.len());
            count(&mut moves, &gone, [-1, 0, 0, 1, 0])?;
        }
        if !dead.0.is_empty() {
            let query = self.statements.settle_dead.query();
            let query = query
                .bind(dead.0)
                .bind(dead.1)
                .bind(dead.2)
                .bind(micros(&now));
            let gone = rows_of(connection, query).await?;
            held = held.saturating_add(gone.len());
            count(&mut moves, &gone, [-1, 1, 0, 0, 0])?;
        }
        if !later.0.is_empty() {
            let query = self.statements.settle_later.query();
            let query = query.bind(later.0).bind(later.1).bind(later.2);
            held = held.saturating_add(rows_of(connection, query).await?.len());
        }
        for (tenant, more) in moves {
            self.move_line(connection, &tenant, more).await?;
        }
        Ok(u64::try_from(held).unwrap_or(u64::MAX))
    }

    async fn requeue_on(
        &self,
        connection: &mut PgConnection,
        id: &[u8; 16],
        now: DateTime<Utc>,
    ) -> Result<Requeued, StoreError> {
        let Some(dead) = self.lock_dead(connection, id).await? else {
            return Ok(Requeued::Absent);
        };
        let tenant = rows::text(&dead, "tenant")?;
        let newer = self
            .statements
            .in_slot
            .query()
            .bind(Id(rows::id(&dead, "slot")?));
        if returned(connection, newer).await?.is_some() {
            let dropped = self.drop_dead(connection, id, &tenant).await?;
            return Ok(if dropped {
                Requeued::Superseded
            } else {
                Requeued::Absent
            });
        }
        let requeue = self.statements.requeue.query();
        let requeue = requeue.bind(Id(*id)).bind(micros(&now));
        if changed(connection, requeue).await? == 0 {
            return Ok(Requeued::Absent);
        }
        self.move_line(connection, &tenant, [1, -1, 0, 0, 0])
            .await?;
        Ok(Requeued::Queued)
    }

    async fn discard_on(
        &self,
        connection: &mut PgConnection,
        id: &[u8; 16],
    ) -> Result<bool, StoreError> {
        match self.lock_dead(connection, id).await? {
            Some(dead) => {
                let tenant = rows::text(&dead, "tenant")?;
                self.drop_dead(connection, id, &tenant).await
            }
            None => Ok(false),
        }
    }

    /// A dead letter, whose line is locked then.
    async fn lock_dead(
        &self,
        connection: &mut PgConnection,
        id: &[u8; 16],
    ) -> Result<Option<PgRow>, StoreError> {
        let select = self.statements.dead_letter.query().bind(Id(*id));
        let Some(dead) = returned(connection, select).await? else {
            return Ok(None);
        };
        self.lock_line(connection, &rows::text(&dead, "tenant")?)
            .await?;
        Ok(Some(dead))
    }

    async fn drop_dead(
        &self,
        connection: &mut PgConnection,
        id: &[u8; 16],
        tenant: &str,
    ) -> Result<bool, StoreError> {
        let delete = self.statements.delete_dead.query().bind(Id(*id));
        if changed(connection, delete).await? == 0 {
            return Ok(false);
        }
        self.move_line(connection, tenant, [0, -1, 0, 0, 0]).await?;
        Ok(true)
    }

    /// How many wait in the line, if there is one; it is locked then.
    async fn lock_line(
        &self,
        connection: &mut PgConnection,
        tenant: &str,
    ) -> Result<Option<i64>, StoreError> {
        let lock = self.statements.lock_lines.query();
        let locked = returned(connection, lock.bind(vec![tenant.to_owned()])).await?;
        locked.map(|row| rows::number(&row, "waiting")).transpose()
    }

    async fn move_line(
        &self,
        connection: &mut PgConnection,
        tenant: &str,
        more: Move,
    ) -> Result<(), StoreError> {
        let update = self.statements.move_line.query().bind(tenant);
        let update = more
            .into_iter()
            .fold(update, |update, more| update.bind(more));
        changed(connection, update).await.map(drop)
    }
}

fn count(moves: &mut BTreeMap<String, Move>, gone: &[PgRow], more: Move) -> Result<(), StoreError> {
    for row in gone {
        let own = moves.entry(rows::text(row, "tenant")?).or_default();
        for (count, more) in own.iter_mut().zip(more) {
            *count = count.saturating_add(more);
        }
    }
    Ok(())
}

async fn rows_of(
    connection: &mut PgConnection,
    query: super::statements::Query<'_>,
) -> Result<Vec<PgRow>, StoreError> {
    Ok(done(connection, query).await?.rows)
}
