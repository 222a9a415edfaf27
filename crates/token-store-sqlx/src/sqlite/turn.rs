//! Whose turn it is to write, and the connection that the last writer leaves to the next.
//!
//! A connection that comes back from the pool is another one each time: it has not read the pages that the last
//! one wrote, and giving it back is a round trip and a task. So who writes leaves theirs to whoever writes next.

use core::{
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::sync::{Arc, Weak};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use token_store::StoreError;
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
    task, time,
};

use super::outage::outage;

/// A connection that nobody wrote with for so long, or twice as long, goes back to the pool.
const KEPT: Duration = Duration::from_millis(10);

/// SQLite has one writer. One that finds it busy sleeps for up to 100 ms, also when its turn has come; here
/// writers queue. Other processes still meet SQLite's own lock.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<Kept>>);

/// What the last writer left.
#[derive(Default)]
pub(super) struct Kept {
    connection: Option<PoolConnection<Sqlite>>,
    /// Since the keeper last looked.
    used: bool,
    /// Whether a keeper is there, who gives it back.
    keeper: Arc<AtomicBool>,
}

/// The turn of whoever holds it.
pub(super) type Turn<'t> = MutexGuard<'t, Kept>;

impl Turns {
    /// The turn, if it is nobody's.
    pub(super) fn at_once(&self) -> Option<Turn<'_>> {
        self.0.try_lock().ok()
    }

    pub(super) async fn next(&self) -> Turn<'_> {
        self.0.lock().await
    }

    /// A connection to write with, for whoever has the turn.
    pub(super) async fn connection(
        &self,
        turn: &mut Turn<'_>,
        pool: &SqlitePool,
    ) -> Result<PoolConnection<Sqlite>, StoreError> {
        let kept = turn.connection.take();
        match kept.filter(|_| !pool.is_closed()) {
            Some(connection) => Ok(connection),
            None => pool.acquire().await.map_err(outage),
        }
    }

    /// Leaves the connection to whoever writes next, unless somebody else may need it.
    pub(super) fn leave(
        &self,
        turn: &mut Turn<'_>,
        pool: &SqlitePool,
        connection: PoolConnection<Sqlite>,
    ) {
        let options = pool.options();
        let most = options.get_max_connections();
        // A number that went below nothing, as sqlx's does for a moment, is nothing.
        let idle = u32::try_from(pool.num_idle()).is_ok_and(|idle| (1..=most).contains(&idle));
        let another = idle || pool.size() < most;
        // With a least number of connections the pool needs a runtime to let go of one.
        if !another || options.get_min_connections() > 0 || pool.is_closed() {
            return;
        }
        turn.connection = Some(connection);
        turn.used = true;
        if !turn.keeper.swap(true, Ordering::Relaxed) {
            let there = There(Arc::clone(&turn.keeper));
            task::spawn(keep(Arc::downgrade(&self.0), there));
        }
    }
}

/// Looks now and then, and gives the connection back that nobody used meanwhile.
async fn keep(turns: Weak<Mutex<Kept>>, there: There) {
    loop {
        time::sleep(KEPT).await;
        let Some(turns) = turns.upgrade() else {
            return;
        };
        let Ok(mut kept) = turns.try_lock() else {
            continue;
        };
        if !core::mem::take(&mut kept.used) {
            // Before anybody else has the turn.
            drop(there);
            kept.connection = None;
            return;
        }
    }
}

/// Dropped with its keeper, or with the runtime of it.
struct There(Arc<AtomicBool>);

impl Drop for There {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Drop for Kept {
    /// A store may be dropped outside of a runtime, where the pool takes nothing back.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            drop(self.connection.take().map(PoolConnection::detach));
        }
    }
}

/// A connection whose turn it is. It goes back to the pool.
pub(super) struct Writer<'t> {
    pub(super) connection: PoolConnection<Sqlite>,
    pub(super) _turn: Turn<'t>,
}

impl Deref for Writer<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Writer<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
