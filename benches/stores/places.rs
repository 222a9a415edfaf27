//! Where each store keeps its tokens: a file, a schema or a prefix of its own, removed afterwards.

use core::str::FromStr;
use std::{env, path::PathBuf};

use tempfile::TempDir;
use token_store_redis::{RedisStore, redis};
use token_store_sqlx::{
    PostgresStore, SqliteStore,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
        postgres::{PgConnectOptions, PgPoolOptions},
    },
};

const SERVERS: &str = "run `scripts/with-servers cargo bench …`, or set it to a server of yours";

fn name() -> String {
    let random = core::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    format!("ott_bench_{random:016x}")
}

/// A file on the disk of the build, since a folder for temporary files may be in memory.
pub(crate) struct SqlitePlace {
    folder: TempDir,
    pub(crate) store: SqliteStore,
}

impl SqlitePlace {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = SqliteStore::open(folder.path().join("tokens.db")).await;
        Self {
            store: store.unwrap(),
            folder,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("tokens.db")
    }

    /// Everything is in the database file, and its log is empty.
    pub(crate) async fn checkpoint(&self) {
        let pragma = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
        pragma.fetch_all(self.store.pool()).await.unwrap();
    }
}

pub(crate) struct PgPlace {
    pub(crate) schema: String,
    pub(crate) store: PostgresStore,
}

impl PgPlace {
    pub(crate) async fn new() -> Self {
        let schema = name();
        let store = PostgresStore::builder().schema(&schema);
        let store = store.connect(Self::options()).await.unwrap();
        Self { schema, store }
    }

    pub(crate) fn url() -> String {
        env::var("POSTGRES_URL")
            .unwrap_or_else(|_| panic!("POSTGRES_URL names no PostgreSQL server: {SERVERS}"))
    }

    fn options() -> PgConnectOptions {
        PgConnectOptions::from_str(&Self::url()).unwrap()
    }

    pub(crate) fn plain_pool(connections: usize) -> PgPool {
        PgPoolOptions::new()
            .max_connections(u32::try_from(connections).unwrap())
            .test_before_acquire(false)
            .connect_lazy_with(Self::options())
    }

    /// A connection that is nobody else's, without the store's time-out.
    pub(crate) async fn outsider() -> PgConnection {
        Self::options().connect().await.unwrap()
    }

    /// The statements, with `{name}` for a table of the place.
    pub(crate) async fn run(&self, connection: &mut PgConnection, text: &str) {
        let query = AssertSqlSafe(self.fill(text));
        sqlx::raw_sql(query).execute(connection).await.unwrap();
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        ["tokens", "slots", "ends", "factors", "limits"]
            .iter()
            .fold(text.to_owned(), |text, table| {
                let name = format!("{}.ott_{table}", self.schema);
                text.replace(&format!("{{{table}}}"), &name)
            })
    }

    pub(crate) async fn remove(self) {
        let mut connection = Self::outsider().await;
        let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
        self.run(&mut connection, &drop).await;
        self.run(&mut connection, "CHECKPOINT").await;
        connection.close().await.unwrap();
        self.store.pool().close().await;
    }
}

pub(crate) struct RedisPlace {
    pub(crate) prefix: String,
    pub(crate) store: RedisStore,
    database: u8,
}

impl RedisPlace {
    pub(crate) async fn new() -> Self {
        Self::within(0).await
    }

    /// In one of the server's databases: each has a dictionary of keys of its own.
    pub(crate) async fn within(database: u8) -> Self {
        let prefix = name();
        // The default policies have an allowance. In a bench nobody misses it.
        let store = RedisStore::builder()
            .prefix(&prefix)
            .accepting_loss_of_ceilings()
            .accepting_loss_of_factors();
        let store = store.connect(Self::url(database)).await.unwrap();
        assert!(store.initialize().await.unwrap(), "a prefix of its own");
        Self {
            prefix,
            store,
            database,
        }
    }

    fn url(database: u8) -> String {
        let url = env::var("REDIS_URL")
            .unwrap_or_else(|_| panic!("REDIS_URL names no Redis server: {SERVERS}"));
        format!("{}/{database}", url.trim_end_matches('/'))
    }

    /// A connection that is nobody else's, of the kind that the store has.
    pub(crate) async fn outsider(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(Self::url(self.database)).unwrap();
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        client
            .get_multiplexed_async_connection_with_config(&patient)
            .await
            .unwrap()
    }

    pub(crate) async fn remove(self) {
        let mut connection = self.outsider().await;
        let script = redis::Script::new(
            "local found = redis.call('SCAN', ARGV[2], 'MATCH', ARGV[1], 'COUNT', 10000) \
             if #found[2] > 0 then for _, key in ipairs(found[2]) do redis.call('UNLINK', key) end end \
             return found[1]",
        );
        let mut cursor = String::from("0");
        loop {
            let mut call = script.arg(format!("{{{}}}:*", self.prefix));
            cursor = call
                .arg(&cursor)
                .invoke_async(&mut connection)
                .await
                .unwrap();
            if cursor == "0" {
                return;
            }
        }
    }
}
