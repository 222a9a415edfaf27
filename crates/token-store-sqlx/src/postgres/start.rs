//! Starting a store: what the server promises, and the tables.

use core::{future::poll_fn, pin::pin, task::Poll, time::Duration};
use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Row,
    migrate::MigrateError,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};
use token_store::StoreError;

use super::{
    BEGIN, PostgresStore,
    names::Names,
    outage::{is_lock_timeout, outage},
    statements::{Place, Statements},
};
use crate::{StartError, error::within};

/// Longer than a healthy server ever needs, shorter than a person waits.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What was applied stands in a table of its own, apart from the application's.
const MIGRATIONS: [(i64, &str); 1] =
    [(1, include_str!("../../migrations/postgres/0001_first.sql"))];

const MIGRATIONS_TABLE: &str = "\
CREATE TABLE {migrations} ( \
  version bigint NOT NULL PRIMARY KEY, \
  applied_at timestamptz NOT NULL DEFAULT now())";

/// Whoever migrates holds this lock: of two processes that start at once, one waits.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7815290144635907123)";

impl PostgresStore {
    /// A store in the application's own database; its tables start with `ott_`, in the schema
    /// `public`. Make the pool with [`PostgresStoreBuilder::pool_options`].
    ///
    /// # Errors
    /// [`StartError`]: among others [`StartError::WeakCommits`] for a server or a pool whose commits
    /// may be lost.
    pub async fn new(pool: PgPool) -> Result<Self, StartError> {
        Self::builder().pool(pool).await
    }

    /// The same, with settings.
    pub fn builder() -> PostgresStoreBuilder {
        PostgresStoreBuilder {
            names: Names {
                schema: "public".into(),
                prefix: "ott_".into(),
            },
            timeout: TIMEOUT,
            accepts_late_statements: false,
            accepts_weak_commits: false,
            pooler: Pooler::Refused,
        }
    }
}

/// Settings of a [`PostgresStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PostgresStoreBuilder {
    names: Names,
    timeout: Duration,
    accepts_late_statements: bool,
    accepts_weak_commits: bool,
    pooler: Pooler,
}

/// What to do behind a proxy that gives each transaction another connection of the server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pooler {
    /// Named statements: they would be missing, or somebody else's.
    Refused,
    /// It follows named statements by itself.
    Accepted,
    /// Unnamed statements, each in a transaction.
    Expected,
}

impl PostgresStoreBuilder {
    /// The schema that the tables are in; `public` unless set. It is made if there is none.
    ///
    /// Lower-case letters, digits and underscores, no digit first.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.names.schema = schema.into();
        self
    }

    /// What the names of tables and indexes start with; `ott_` unless set.
    ///
    /// Lower-case letters, digits and underscores, no digit first; at most 46.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.names.prefix = prefix.into();
        self
    }

    /// How long a verb may take before it is [`StoreError::Timeout`]; 5 seconds unless set.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Accepts a server whose commits may be lost (`fsync` or `full_page_writes` off) or a pool that
    /// does not wait for them (`synchronous_commit` off). A token that was spent just before a crash
    /// can then be spent again, and a guess was never counted.
    pub const fn accepting_weak_commits(mut self) -> Self {
        self.accepts_weak_commits = true;
        self
    }

    /// Accepts a pool whose connections have no `statement_timeout`, or one that is not below the
    /// store's time-out. Then the server does not give up what a verb gave up: a statement that waits
    /// for a lock waits on, in a process of the server's for each try, and what was told as
    /// [`StoreError::Timeout`] may be done long afterwards.
    pub const fn accepting_late_statements(mut self) -> Self {
        self.accepts_late_statements = true;
        self
    }

    /// For a proxy that gives each transaction another connection of the server, as PgBouncer does
    /// with `pool_mode = transaction`: statements have no names, and each verb is a transaction.
    ///
    /// That costs three more round trips a verb. Without a transaction even an unnamed statement is
    /// prepared in one moment and run in the next, when it may be somebody else's.
    pub const fn behind_transaction_pooler(mut self) -> Self {
        self.pooler = Pooler::Expected;
        self
    }

    /// For such a proxy that follows named statements itself, as PgBouncer does from 1.21 on with
    /// `max_prepared_statements` above 0: one round trip a verb. With any other one a verb may run
    /// another verb's statement.
    pub const fn accepting_named_statements_through_a_pooler(mut self) -> Self {
        self.pooler = Pooler::Accepted;
        self
    }

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
    ///   nobody ends: see [`PostgresStore`].
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
    fn half(&self) -> u128 {
        self.timeout.mul_f32(0.5).as_millis().max(1)
    }

    /// A store with a pool of its own, of [`pool_options`](Self::pool_options), which tries a connection
    /// that was idle before it is used.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn connect(self, options: PgConnectOptions) -> Result<PostgresStore, StartError> {
        let options = if self.pooler == Pooler::Refused {
            options
        } else {
            // A pooler refuses a connection that asks for a setting it does not know.
            options.extra_float_digits(None)
        };
        let pool = self
            .pool_options()
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
            .connect_lazy_with(options);
        self.pool(pool).await
    }

    /// A store in the application's own database.
    ///
    /// Make the pool with [`pool_options`](Self::pool_options). The time-out holds for the store's own
    /// verbs.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn pool(self, pool: PgPool) -> Result<PostgresStore, StartError> {
        if !self.names.are_valid() {
            return Err(StartError::Name);
        }
        let statements = |place| {
            let are_named = self.pooler != Pooler::Expected;
            Arc::new(Statements::new(&self.names, place, are_named))
        };
        let begins = self.pooler == Pooler::Expected;
        let store = PostgresStore {
            pool,
            statements: statements(Place::Pool),
            on_open: statements(Place::Open),
            begin: if begins {
                // Its connections have no settings of ours.
                format!("{BEGIN}; SET LOCAL statement_timeout = {}", self.half()).into()
            } else {
                BEGIN.into()
            },
            timeout: self.timeout,
            begins,
        };
        let checks = async {
            let mut connection = store.pool.acquire().await.map_err(outage)?;
            self.check(&mut connection).await?.map_or(Ok(()), Err)?;
            if self.pooler == Pooler::Refused {
                if is_pooled(&store.pool, connection).await? {
                    return Err(StartError::Pooler);
                }
                connection = store.pool.acquire().await.map_err(outage)?;
            }
            version(&mut connection, &self.names)
                .await
                .map_err(|error| StartError::Store(outage(error)))
        };
        let version = tokio::time::timeout(self.timeout, checks)
            .await
            .unwrap_or(Err(StartError::Store(StoreError::Timeout)))?;
        let newest = MIGRATIONS.iter().map(|(version, _)| *version).max();
        if version > newest {
            let unknown = MigrateError::VersionMissing(version.unwrap_or_default());
            return Err(StartError::Migration(unknown));
        }
        if version < newest {
            let mut connection = within(self.timeout, async {
                store.pool.acquire().await.map_err(outage)
            })
            .await?;
            let patience = self.timeout.as_millis().max(1);
            migrate(&mut connection, &self.names, patience)
                .await
                .map_err(|error| {
                    if is_lock_timeout(&error) {
                        StartError::Migrating
                    } else {
                        StartError::Migration(MigrateError::Execute(error))
                    }
                })?;
        }
        Ok(store)
    }

    async fn check(&self, connection: &mut PgConnection) -> Result<Option<StartError>, StoreError> {
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

/// As many as answer a few hundred redeems at once; each is a process of the server.
const CONNECTIONS: u32 = 16;
/// A server that was restarted closed every connection.
const IDLE: Duration = Duration::from_secs(1);

/// One row, without a statement that anybody prepares.
async fn ask(connection: &mut PgConnection, text: String) -> Result<PgRow, sqlx::Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(text));
    let mut rows = query.fetch_all(connection).await?;
    rows.pop().ok_or(sqlx::Error::RowNotFound)
}

async fn run(connection: &mut PgConnection, text: String) -> Result<(), sqlx::Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(text));
    query.execute(connection).await.map(drop)
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

/// Whether one of two connections meets another process of the server in its next transaction.
///
/// A proxy that is found is there; one that stays hidden, as with a single connection, is not found.
/// The two leave the pool for good: whatever ends the look half-way, their transactions end with them.
async fn is_pooled(pool: &PgPool, one: PoolConnection<Postgres>) -> Result<bool, StoreError> {
    if pool.options().get_max_connections() < 2 {
        return Ok(false);
    }
    let mut one = one.detach();
    let Ok(Ok(other)) = tokio::time::timeout(LONGEST_LOOK, pool.acquire()).await else {
        return Ok(false);
    };
    let mut other = other.detach();
    let look = async {
        // The proxy hands out what came back last, or what came back first.
        for ends_first in [true, false] {
            let before = begin(&mut one).await?;
            begin(&mut other).await?;
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
    match tokio::time::timeout(LONGEST_LOOK, look).await {
        Ok(found) => found.map_err(outage),
        // The second transaction waits for the first one's end: somebody shares one connection.
        Err(_) => Ok(true),
    }
}

const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// The server's process in a new transaction.
async fn begin(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    run(connection, "BEGIN".into()).await?;
    let row = ask(connection, "SELECT pg_backend_pid()::bigint".into()).await?;
    row.try_get(0)
}

/// The newest migration that was applied.
async fn version(connection: &mut PgConnection, names: &Names) -> Result<Option<i64>, sqlx::Error> {
    let exists = format!(
        "SELECT to_regclass('{}') IS NOT NULL",
        names.table("migrations")
    );
    if !ask(connection, exists).await?.try_get::<bool, _>(0)? {
        return Ok(None);
    }
    let newest = names.fill("SELECT coalesce(max(version), 0) FROM {migrations}");
    ask(connection, newest).await?.try_get(0)
}

/// In one transaction, and for as long as the work takes; a lock that somebody else holds is waited for
/// no longer than so many milliseconds. Asks for no right that is not needed: whoever may make no tables
/// can start where somebody else has made them.
async fn migrate(
    connection: &mut PgConnection,
    names: &Names,
    patience: u128,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let times = format!("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {patience}");
    run(&mut transaction, times).await?;
    run(&mut transaction, LOCK.into()).await?;
    let schema = format!(
        "SELECT count(*) FROM pg_namespace WHERE nspname = '{}'",
        names.schema
    );
    if ask(&mut transaction, schema).await?.try_get::<i64, _>(0)? == 0 {
        let create = format!("CREATE SCHEMA \"{}\"", names.schema);
        run(&mut transaction, create).await?;
    }
    let applied = version(&mut transaction, names).await?;
    if applied.is_none() {
        run(&mut transaction, names.fill(MIGRATIONS_TABLE)).await?;
    }
    for (number, text) in MIGRATIONS {
        if applied < Some(number) {
            run(&mut transaction, names.fill(text)).await?;
            let note = format!("INSERT INTO {{migrations}} (version) VALUES ({number})");
            run(&mut transaction, names.fill(&note)).await?;
        }
    }
    transaction.commit().await
}
