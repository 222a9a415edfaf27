//! Group commit: redeems that wait at the same time are one statement in one durable commit.
//!
//! Those for one record are one statement each, in their order, in that commit.

use core::fmt::Write;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
    tokens::{self, Counts, TRIES, counted, find, redeem_group_statement, uncounted},
};
use crate::{error::within, rows::micros};

/// So many redeems are looked at for one commit: every other verb waits for no more.
const MOST: usize = 256;

/// The row that a redeem wrote, if it counted.
type Written = Result<Option<SqliteRow>, StoreError>;

/// A redeem that waits. Whoever waits for the answer is gone when `answer` is closed.
struct Job {
    presented: Presented,
    now: DateTime<Utc>,
    answer: oneshot::Sender<Written>,
}

/// The redeems that wait, in their order, and whether a task serves them.
#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    served: bool,
}

/// Redeems at once if nobody writes, else with all others that wait.
pub(super) async fn redeem(
    store: &SqliteStore,
    presented: &Presented,
    now: DateTime<Utc>,
) -> Result<Redeemed, StoreError> {
    for _ in 0..TRIES {
        if let Ok(_turn) = store.turn.try_lock() {
            let mut connection = store.reader().await?;
            return tokens::redeem(&mut connection, presented, now, Counts::Yes).await;
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
/// A task, not one of those who wait: if he were dropped, he would take all of them with him.
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
    let waited = store.queue.lock().jobs.len();
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

impl Job {
    fn tell(self, written: Written) {
        // Nobody listens any more: it is done or not done all the same.
        let _ = self.answer.send(written);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that holds it can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody serves it yet: who is told so has to.
    fn push(&self, job: Job) -> bool {
        let mut waiting = self.lock();
        waiting.jobs.push_back(job);
        !core::mem::replace(&mut waiting.served, true)
    }

    /// If nobody waits, nobody serves any more, in the same step.
    fn is_waiting(&self) -> bool {
        let mut waiting = self.lock();
        waiting.served = !waiting.jobs.is_empty();
        waiting.served
    }

    fn take_first(&self, count: usize) -> Vec<Job> {
        let mut waiting = self.lock();
        let count = count.min(waiting.jobs.len());
        waiting.jobs.drain(..count).collect()
    }

    /// The next ones, without those that are gone.
    fn take_group(&self) -> Vec<Job> {
        let mut group = self.take_first(MOST);
        group.retain(|job| !job.answer.is_closed());
        group
    }
}

/// Dropped before nobody waits, its task was ended with its runtime: nobody would answer.
struct Served {
    queue: Arc<Queue>,
    ended: bool,
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.ended {
            let mut waiting = self.queue.lock();
            waiting.served = false;
            waiting.jobs.clear();
        }
    }
}
