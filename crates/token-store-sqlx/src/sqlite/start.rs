//! Opening a store: the file, its durability, its tables.

use core::time::Duration;
use std::{borrow::Cow, fs::OpenOptions, io::ErrorKind, path::Path, sync::Arc};

use sqlx::{
    Row, SqlSafeStr, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use token_store::StoreError;

use super::{SqliteStore, outage::outage, turn::Turns};
use crate::{StartError, error::within};

/// Longer than a healthy disk ever needs, shorter than a person waits.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Apart from the application's own migrations.
const MIGRATIONS: &str = "_ott_migrations";

impl SqliteStore {
    /// Opens the database file. If there is none, makes one that its owner alone can read.
    ///
    /// # Errors
    /// [`StartError`] if the file cannot be made or opened, or its tables cannot be made.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StartError> {
        Self::builder().open(path).await
    }

    /// A store in the application's own database. Its tables start with `ott_`.
    ///
    /// # Errors
    /// [`StartError`]: for example [`StartError::WeakDurability`] if the pool's connections are not in
    /// WAL mode with `synchronous=FULL`.
    pub async fn new(pool: SqlitePool) -> Result<Self, StartError> {
        Self::builder().pool(pool).await
    }

    /// A store with settings.
    pub const fn builder() -> SqliteStoreBuilder {
        SqliteStoreBuilder {
            timeout: TIMEOUT,
            accepts_weaker_durability: false,
        }
    }
}

/// Settings of a [`SqliteStore`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SqliteStoreBuilder {
    timeout: Duration,
    accepts_weaker_durability: bool,
}

impl SqliteStoreBuilder {
    /// How long a verb may take before it is [`StoreError::Timeout`]; 5 seconds unless set.
    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Accepts a pool whose commits may not survive a power cut. After a power cut, a token that was
    /// spent just before can be spent again, and a guess just before is not counted.
    pub const fn accepting_weaker_durability(self) -> Self {
        Self {
            accepts_weaker_durability: true,
            ..self
        }
    }

    /// Opens the database file. If there is none, makes one that its owner alone can read.
    ///
    /// The pool opens up to 8 connections, when they are needed. Each keeps at most 100 KiB of pages (`cache_size`), since the operating system keeps
    /// the file's. An application whose own statements read more at once makes a pool of its own, for [`SqliteStoreBuilder::pool`].
    ///
    /// # Errors
    /// [`StartError`] if the file cannot be made or opened, or its tables cannot be made.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StartError> {
        let path = path.as_ref();
        make_private(path).map_err(StartError::File)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", CACHE_SIZE)
            // Less than the time-out: then a verb that waits for a lock in vain is known not to be
            // done, while one that is dropped at the time-out may still be done later.
            .busy_timeout(self.timeout.mul_f32(0.5));
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(self.timeout)
            // A file does not hang up; each verb is spared a round trip to the driver's thread.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        within(self.timeout, write_ahead_log(&pool)).await?;
        self.pool(pool).await
    }

    /// A store in the application's own database. Its tables start with `ott_`.
    ///
    /// # Errors
    /// [`StartError`]: for example [`StartError::WeakDurability`] if the pool's connections are not in
    /// WAL mode with `synchronous=FULL`.
    pub async fn pool(self, pool: SqlitePool) -> Result<SqliteStore, StartError> {
        let store = SqliteStore {
            pool,
            timeout: self.timeout,
            turns: Turns::default(),
            queue: Arc::default(),
        };
        let mut connection = within(self.timeout, store.reader()).await?;
        if !self.accepts_weaker_durability {
            within(self.timeout, durability(&mut connection))
                .await?
                .map_or(Ok(()), Err)?;
        }
        drop(connection);
        // In one immediate transaction: of two processes that start at once, one waits. (`run` would
        // do, but its future is not `Send` over a borrowed connection.)
        let (mut transaction, turn) = within(self.timeout, store.begin()).await?;
        migrator()
            .run_direct(None, &mut *transaction, false)
            .await
            .map_err(StartError::Migration)?;
        transaction.commit().await.map_err(outage)?;
        drop(turn);
        Ok(store)
    }
}

/// One writes, the others read or wait.
const CONNECTIONS: u32 = 8;

/// Pages that each connection keeps: at most 100 KiB, where SQLite's own is 2,000. A reader forgets all of its pages with the next commit of another
/// connection, and the operating system has the file in memory anyhow. Pages of a group of writes above that go into the log before its commit.
const CACHE_SIZE: &str = "-100";

/// SQLite gives its side files (`-wal`, `-shm`) the mode of the main one.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// The mode stays with the file. SQLite waits for no lock here, so of two processes that make the
/// file at once one has to try again.
async fn write_ahead_log(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await.map_err(outage)?;
    loop {
        let pragma = sqlx::query("PRAGMA journal_mode = WAL");
        match pragma.execute(&mut *connection).await.map_err(outage) {
            Err(StoreError::Timeout) => tokio::time::sleep(Duration::from_millis(5)).await,
            answer => return answer.map(drop),
        }
    }
}

async fn durability(connection: &mut SqliteConnection) -> Result<Option<StartError>, StoreError> {
    let select = "SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous";
    let row = sqlx::query(select)
        .fetch_one(connection)
        .await
        .map_err(outage)?;
    let journal_mode: String = row.try_get(0).map_err(outage)?;
    let synchronous: i64 = row.try_get(1).map_err(outage)?;
    let strong = journal_mode == "wal" && synchronous >= 2;
    Ok((!strong).then_some(StartError::WeakDurability {
        journal_mode,
        synchronous,
    }))
}

fn migrator() -> Migrator {
    let first = Migration::new(
        1,
        Cow::Borrowed("first"),
        MigrationType::Simple,
        include_str!("../../migrations/sqlite/0001_first.sql").into_sql_str(),
        false,
    );
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name(MIGRATIONS);
    migrator
}
