//! Group commit: redeems that wait at the same time are one statement in one durable commit.
//!
//! Those for one record are one statement each, in their order, in that commit.

use core::fmt::Write;
use std::{collections::HashMap, sync::Arc};

use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction, sqlite::SqliteRow};
use token_store::{
    Redeemed, StoreError,
    ott_core::{
        Presented,
        chrono::{DateTime, Utc},
    },
};
use tokio::{sync::oneshot, task};

use super::{
    SqliteStore,
    outage::outage,
    queue::{Job, Served, Written},
    redeem::{self, redeem_group_statement},
    tokens::find,
};
use crate::{
    error::{TRIES, within},
    redeem::{Counts, counted, uncounted},
    rows::micros,
};

/// Redeems at once if nobody writes, else with all others that wait.
pub(super) async fn redeem(
    store: &SqliteStore,
    presented: &Presented,
    now: DateTime<Utc>,
) -> Result<Redeemed, StoreError> {
    for _ in 0..TRIES {
        if let Ok(_turn) = store.turn.try_lock() {
            let mut connection = store.reader().await?;
            return redeem::redeem(&mut connection, presented, now, Counts::Yes).await;
        }
        if let Some(row) = wait(store, presented, now).await? {
            return counted(&row);
        }
        let found = find(&mut *store.reader().await?, presented.id()).await?;
        if let Some(reason) = uncounted(found.as_ref(), presented, now) {
            return Ok(Redeemed::Refused(reason));
        }
    }
    Err(StoreError::unavailable("the record kept changing"))
}

/// Dropped before its turn, it is not done. Dropped later, it is done, and so are the others.
async fn wait(store: &SqliteStore, presented: &Presented, now: DateTime<Utc>) -> Written {
    let (answer, told) = oneshot::channel();
    let job = Job {
        presented: presented.clone(),
        now,
        answer,
    };
    if store.queue.push(job) {
        let served = Served {
            queue: Arc::clone(&store.queue),
            ended: false,
        };
        let store = store.clone();
        task::spawn(serve(store, served));
    }
    let gone = |_| Err(StoreError::unavailable("the runtime of the writer ended"));
    told.await.unwrap_or_else(gone)
}

/// Serves the queue until nobody waits.
///
/// A task, not one of the callers who wait: if that caller were dropped, all of them would be.
async fn serve(store: SqliteStore, mut served: Served) {
    while store.queue.is_waiting() {
        let turn = store.turn.lock().await;
        one_commit(&store).await;
        // Those who were answered come back before the turn is free: they shall wait together.
        task::yield_now().await;
        drop(turn);
    }
    served.ended = true;
}

/// The next group, chosen once SQLite's write lock is held: what was told a time-out while it waited
/// for the lock is not in it.
async fn one_commit(store: &SqliteStore) {
    let waited = store.queue.len();
    let (group, written) = match within(store.timeout, store.begin_at_once()).await {
        Err(error) => (store.queue.take_first(waited), Err(error)),
        Ok(transaction) => {
            let group = store.queue.take_group();
            let written = within(store.timeout, write(transaction, &group)).await;
            (group, written)
        }
    };
    match written {
        Ok(rows) => {
            for (job, row) in group.into_iter().zip(rows) {
                job.tell(Ok(row));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for job in group {
                job.tell(Err(shared(&error)));
            }
        }
    }
}

/// The rows that counted, in the order of the group, once they are on the disk.
async fn write(
    mut transaction: Transaction<'static, Sqlite>,
    group: &[Job],
) -> Result<Vec<Option<SqliteRow>>, StoreError> {
    let keys = group.iter().map(|job| job.presented.digests().len()).max();
    let Some(keys) = keys else {
        transaction.rollback().await.map_err(outage)?;
        return Ok(Vec::new());
    };
    let statement = redeem_group_statement(keys);
    let mut written: Vec<_> = group.iter().map(|_| None).collect();
    for round in rounds(group) {
        let jobs = round.values().filter_map(|at| group.get(*at));
        let rows = sqlx::query(AssertSqlSafe(statement.as_str()))
            .bind(json(jobs, keys))
            .fetch_all(&mut *transaction)
            .await
            .map_err(outage)?;
        for row in rows {
            let id: &[u8] = row.try_get("id").map_err(outage)?;
            let slot = round.get(id).and_then(|at| written.get_mut(*at));
            if let Some(slot) = slot {
                *slot = Some(row);
            }
        }
    }
    transaction.commit().await.map_err(outage)?;
    Ok(written)
}

/// Where the jobs of each statement stand in the group, by id: a record is once in each, and its
/// first job in the first.
fn rounds(group: &[Job]) -> Vec<HashMap<&[u8], usize>> {
    let mut rounds: Vec<HashMap<_, _>> = Vec::new();
    let mut times = HashMap::with_capacity(group.len());
    for (at, job) in group.iter().enumerate() {
        let id = job.presented.id().as_bytes().as_slice();
        let before = times.entry(id).or_insert(0usize);
        if *before == rounds.len() {
            rounds.push(HashMap::new());
        }
        if let Some(round) = rounds.get_mut(*before) {
            round.insert(id, at);
        }
        *before = before.saturating_add(1);
    }
    rounds
}

/// What [`redeem_group_statement`] reads.
fn json<'j>(jobs: impl Iterator<Item = &'j Job>, keys: usize) -> String {
    let mut text = String::from("[");
    for job in jobs {
        let start = if text.len() > 1 { ",[" } else { "[" };
        let (id, now) = (job.presented.id(), micros(&job.now));
        // Writing to a string does not fail.
        let _ = write!(text, "{start}\"{id}\",{now}");
        let digests = job.presented.digests();
        for (key, digest) in digests.iter().cycle().take(keys) {
            let _ = write!(text, ",{},\"", key.0);
            for byte in digest.as_bytes() {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('"');
        }
        text.push(']');
    }
    text.push(']');
    text
}

/// One outage, told to everybody in the group.
fn shared(error: &Arc<StoreError>) -> StoreError {
    match &**error {
        StoreError::Corrupt(what) => StoreError::Corrupt(what),
        StoreError::Misuse(what) => StoreError::Misuse(what),
        StoreError::Timeout => StoreError::Timeout,
        _ => StoreError::unavailable(Arc::clone(error)),
    }
}
