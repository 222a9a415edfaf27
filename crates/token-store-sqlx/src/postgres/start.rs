//! Starting a store: what the server promises, and the tables.

use core::time::Duration;
use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, Row,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};
use token_store::StoreError;

use super::{PostgresStore, names::Names, outage::outage, statements::Statements};
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
    /// `public`.
    ///
    /// # Errors
    /// [`StartError`]: among others [`StartError::WeakCommits`] for a server or a pool whose commits
    /// may be lost.
    pub async fn new(pool: PgPool) -> Result<Self, StartError> {
        Self::builder().pool(pool).await
    }

    /// Options of a pool that looks after the transactions that its borrowers leave open.
    ///
    /// When a connection comes back, what is still open on it is rolled back, in a round trip that
    /// nobody waits for. A pool without this may hand out a connection inside of a transaction that
    /// nobody ends: see above. It takes the place of `after_release`.
    #[must_use]
    pub fn guarded(options: PgPoolOptions) -> PgPoolOptions {
        options.after_release(|connection, _| {
            Box::pin(async move {
                // Says nothing where nothing is open. In a transaction that failed it is an error, and
                // the connection is closed.
                run(connection, "BEGIN; ROLLBACK".into()).await?;
                Ok(true)
            })
        })
    }

    /// The same, with settings.
    pub fn builder() -> PostgresStoreBuilder {
        PostgresStoreBuilder {
            names: Names {
                schema: "public".into(),
                prefix: "ott_".into(),
            },
            timeout: TIMEOUT,
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

    /// A store with a pool of its own, made for it: the server itself gives a statement up after half
    /// of the time-out, so that one which waits for a lock in vain is known not to be done; and a
    /// connection that was idle is tried before it is used.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn connect(self, options: PgConnectOptions) -> Result<PostgresStore, StartError> {
        let half = self.timeout.mul_f32(0.5).as_millis().max(1);
        let options = if self.pooler == Pooler::Refused {
            options.options([("statement_timeout", half.to_string())])
        } else {
            // A pooler refuses a connection that asks for a setting it does not know.
            options.extra_float_digits(None)
        };
        let pool = PostgresStore::guarded(PgPoolOptions::new())
            .max_connections(CONNECTIONS)
            .acquire_timeout(self.timeout)
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
    /// Make the pool with [`PostgresStore::guarded`]. The time-out holds for the store's own verbs. Give the pool's connections a `statement_timeout` below
    /// it, so that a statement which waits for a lock in vain ends at the server too.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn pool(self, pool: PgPool) -> Result<PostgresStore, StartError> {
        if !self.names.are_valid() {
            return Err(StartError::Name);
        }
        let store = PostgresStore {
            statements: Arc::new(Statements::new(
                &self.names,
                self.pooler != Pooler::Expected,
            )),
            pool,
            timeout: self.timeout,
            begins: self.pooler == Pooler::Expected,
        };
        let checks = async {
            let mut connection = store.pool.acquire().await.map_err(outage)?;
            self.check(&mut connection).await?.map_or(Ok(()), Err)?;
            if self.pooler == Pooler::Refused && is_pooled(&store.pool, &mut connection).await? {
                return Err(StartError::Pooler);
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
            migrate(&mut connection, &self.names)
                .await
                .map_err(|error| StartError::Migration(MigrateError::Execute(error)))?;
        }
        Ok(store)
    }

    async fn check(&self, connection: &mut PgConnection) -> Result<Option<StartError>, StoreError> {
        let row = ask(
            connection,
            "SELECT current_setting('synchronous_commit'), current_setting('fsync'), \
               current_setting('full_page_writes'), \
               current_setting('default_transaction_isolation'), \
               current_setting('server_encoding')"
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
        Ok((encoding != "UTF8").then_some(StartError::Encoding(encoding)))
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

/// Whether one of two connections meets another process of the server in its next transaction.
///
/// A proxy that is found is there; one that stays hidden, as with a single connection, is not found.
async fn is_pooled(pool: &PgPool, one: &mut PgConnection) -> Result<bool, StoreError> {
    if pool.options().get_max_connections() < 2 {
        return Ok(false);
    }
    let Ok(Ok(mut other)) = tokio::time::timeout(LONGEST_LOOK, pool.acquire()).await else {
        return Ok(false);
    };
    let look = async {
        // The proxy hands out what came back last, or what came back first.
        for ends_first in [true, false] {
            let before = begin(one).await?;
            begin(&mut other).await?;
            let (first, last) = if ends_first {
                (&mut *one, &mut *other)
            } else {
                (&mut *other, &mut *one)
            };
            run(first, "COMMIT".into()).await?;
            run(last, "COMMIT".into()).await?;
            let after = begin(one).await?;
            run(one, "COMMIT".into()).await?;
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

/// In one transaction, and for as long as it takes. Asks for no right that is not needed: whoever may
/// make no tables can start where somebody else has made them.
async fn migrate(connection: &mut PgConnection, names: &Names) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    run(&mut transaction, "SET LOCAL statement_timeout = 0".into()).await?;
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
