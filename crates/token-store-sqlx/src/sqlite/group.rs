//! Group commit: writes that wait at the same time are one durable commit.
//!
//! They were all asked for and none was answered, so any order of them is right: redeems come first, because many of them
//! are one statement.

use core::any::Any;
use std::sync::Arc;

use sqlx::{Connection, Sqlite, SqliteConnection, pool::PoolConnection};
use token_store::StoreError;
use tokio::{sync::oneshot, task};

use super::{
    SqliteStore,
    ledger::Ledger,
    outage::outage,
    queue::Served,
    redeem::{Redeem, redeem_all},
    turn::Turn,
    verb::{Step, Verb, Waiting},
};
use crate::error::within;

/// Writes at once if nobody else does, else with all others that wait.
pub(super) async fn write<V: Verb>(store: &SqliteStore, verb: V) -> Result<V::Answer, StoreError> {
    within(store.timeout, async {
        let Some(mut turn) = store.turns.at_once() else {
            return wait(store, verb).await;
        };
        let mut connection = sound(store, &mut turn).await?;
        let answer = verb.run_alone(&mut connection).await?;
        store.turns.leave(&mut turn, &store.pool, connection);
        Ok(answer)
    })
    .await
}

/// Dropped before its turn, it is not done. Dropped later, it is done, and so are the others.
async fn wait<V: Verb>(store: &SqliteStore, verb: V) -> Result<V::Answer, StoreError> {
    let (told, hears) = oneshot::channel();
    let waiting = Waiting {
        verb,
        answer: None,
        told,
    };
    if store.queue.push(Box::new(waiting)) {
        let served = Served {
            queue: Arc::clone(&store.queue),
            ended: false,
        };
        let store = store.clone();
        task::spawn(serve(store, served));
    }
    let gone = |_| Err(StoreError::unavailable("the runtime of the writer ended"));
    hears.await.unwrap_or_else(gone)
}

/// Serves the queue until nobody waits.
///
/// A task, not one of the callers who wait: if that caller were dropped, all of them would be.
async fn serve(store: SqliteStore, mut served: Served) {
    while store.queue.is_waiting() {
        let mut turn = store.turns.next().await;
        one_commit(&store, &mut turn).await;
        // Those who were answered come back before the turn is free: they shall wait together.
        task::yield_now().await;
        drop(turn);
    }
    served.ended = true;
}

/// The next group, chosen once SQLite's write lock is held: what was told a time-out while it waited
/// for the lock is not in it.
async fn one_commit(store: &SqliteStore, turn: &mut Turn<'_>) {
    let waited = store.queue.len();
    let mut group = Vec::new();
    let written = within(store.timeout, async {
        let mut connection = sound(store, turn).await?;
        let begin = connection.begin_with("BEGIN IMMEDIATE");
        let mut transaction = begin.await.map_err(outage)?;
        group = store.queue.take_group();
        if group.is_empty() {
            transaction.rollback().await.map_err(outage)?;
        } else if run(&mut transaction, &mut group).await.is_ok() {
            transaction.commit().await.map_err(outage)?;
        } else {
            transaction.rollback().await.map_err(outage)?;
            return Ok(Written::Undone(connection));
        }
        store.turns.leave(turn, &store.pool, connection);
        Ok(Written::Done)
    });
    match written.await {
        Ok(Written::Done) => {}
        Ok(Written::Undone(connection)) => one_by_one(store, &mut group, connection).await,
        Err(error) => {
            if group.is_empty() {
                group = store.queue.take_first(waited);
            }
            let error = Arc::new(error);
            for job in &mut group {
                job.fail(shared(&error));
            }
        }
    }
    group.into_iter().for_each(Step::tell);
}

/// What became of a group that began.
enum Written {
    Done,
    /// One of them failed, and all were rolled back.
    Undone(PoolConnection<Sqlite>),
}

async fn run(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Step>],
) -> Result<(), StoreError> {
    let mut ledger = Ledger::default();
    let charges = group.iter().flat_map(|job| job.charges());
    ledger.read(connection, charges).await?;
    let (mut redeems, mut others) = (Vec::new(), Vec::new());
    for step in group {
        let step = &mut **step;
        let redeem = (step as &dyn Any).downcast_ref::<Waiting<Redeem>>();
        if redeem.is_some_and(|redeem| redeem.verb.is_companion()) {
            redeems.extend((step as &mut dyn Any).downcast_mut::<Waiting<Redeem>>());
        } else {
            others.push(step);
        }
    }
    redeem_all(connection, &mut redeems, &mut ledger).await?;
    for step in others {
        step.run(connection, &mut ledger).await?;
    }
    ledger.write(connection).await
}

/// Each in a commit of its own, because one of them failed: it takes nobody along.
async fn one_by_one(
    store: &SqliteStore,
    group: &mut [Box<dyn Step>],
    mut connection: PoolConnection<Sqlite>,
) {
    for job in group {
        let step = &mut **job;
        if step.is_gone() {
            continue;
        }
        let run = within(store.timeout, async {
            if connection.is_in_transaction() {
                connection = store.reader().await?;
            }
            step.run_alone(&mut connection).await
        });
        if let Err(error) = run.await {
            step.fail(error);
        }
    }
}

/// A connection that begins a transaction.
///
/// SQLite ends a transaction by itself when the disk is full or fails. The driver's rollback then
/// fails, it counts the transaction as open for ever, and that connection begins no other.
pub(super) async fn sound(
    store: &SqliteStore,
    turn: &mut Turn<'_>,
) -> Result<PoolConnection<Sqlite>, StoreError> {
    loop {
        let connection = store.turns.connection(turn, &store.pool).await?;
        if !connection.is_in_transaction() {
            return Ok(connection);
        }
        connection.close().await.map_err(outage)?;
    }
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
