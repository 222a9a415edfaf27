//! Where tokens, factors and limits are kept in a test.

use core::{fmt, ops::Deref};
use std::sync::Arc;

use token_store::{FactorStore, LimitStore, MemoryStore, TokenStore};

/// What keeps tokens, factors and limits.
pub trait Everything: TokenStore + FactorStore + LimitStore {}

impl<S: TokenStore + FactorStore + LimitStore> Everything for S {}

/// A kind of back end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The memory of this process.
    Memory,
    /// The same, where [`Watched`](crate::Watched) charges nothing in the step of a verb: as stores do that are apart.
    Apart,
    /// SQLite, in a file.
    #[cfg(feature = "sqlite")]
    Sqlite,
    /// PostgreSQL, on the server of `POSTGRES_URL`.
    #[cfg(feature = "postgres")]
    Postgres,
    /// Redis, on the server of `REDIS_URL`.
    #[cfg(feature = "redis")]
    Redis,
    /// Redis Cluster, of three members that are started once in a test binary.
    #[cfg(feature = "redis")]
    Cluster,
}

impl Place {
    /// A new store here, which nobody else uses.
    pub async fn store(self) -> Store {
        let home = Home::new(self).await;
        Store {
            handle: home.open().await,
            home: Arc::new(home),
        }
    }

    /// Another number for each place, so that those which share work do not do the same.
    #[must_use]
    pub const fn number(self) -> usize {
        match self {
            Self::Memory | Self::Apart => 0,
            #[cfg(feature = "sqlite")]
            Self::Sqlite => 1,
            #[cfg(feature = "postgres")]
            Self::Postgres => 2,
            #[cfg(feature = "redis")]
            Self::Redis => 3,
            #[cfg(feature = "redis")]
            Self::Cluster => 4,
        }
    }

    /// How often something is done: fewer times where every step lasts, and so takes its time; and where it is done in memory
    /// already.
    #[must_use]
    pub fn often(self, in_memory: usize, durable: usize) -> usize {
        if self == Self::Memory {
            in_memory
        } else {
            durable
        }
    }
}

/// Whether the long form was asked for: `NIGHTLY=1` in the environment.
#[must_use]
pub fn nightly() -> bool {
    std::env::var_os("NIGHTLY").is_some_and(|set| set == "1")
}

/// A handle on a back end of one test. The back end goes away with the last of its handles.
#[derive(Clone)]
pub struct Store {
    // Dropped first: its connections end before what they lead to.
    handle: Arc<dyn Everything>,
    home: Arc<Home>,
}

impl Store {
    /// Another handle on the same back end, with connections of its own, as another process has it.
    /// Memory has no second one: it is the same there.
    pub async fn beside(&self) -> Self {
        Self {
            handle: match *self.home {
                Home::Memory(_) => Arc::clone(&self.handle),
                #[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
                _ => self.home.open().await,
            },
            home: Arc::clone(&self.home),
        }
    }

    /// The same back end as a queue, with connections of its own. Redis keeps none.
    #[cfg(feature = "queue")]
    pub async fn queue(&self) -> Arc<dyn token_store::QueueStore> {
        match &*self.home {
            Home::Memory(store) => Arc::<MemoryStore>::clone(store),
            #[cfg(feature = "sqlite")]
            Home::Sqlite(folder) => Arc::new(sqlite(folder).await),
            #[cfg(feature = "postgres")]
            Home::Postgres(schema) => Arc::new(postgres(schema).await),
            #[cfg(feature = "redis")]
            Home::Redis(_) | Home::Cluster(..) => panic!("Redis keeps no queue"),
        }
    }
}

impl Deref for Store {
    type Target = dyn Everything;

    fn deref(&self) -> &Self::Target {
        &*self.handle
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.home)
    }
}

/// What goes away with the last handle.
#[derive(Debug)]
enum Home {
    Memory(Arc<MemoryStore>),
    #[cfg(feature = "sqlite")]
    Sqlite(tempfile::TempDir),
    #[cfg(feature = "postgres")]
    Postgres(Box<crate::postgres::Schema>),
    #[cfg(feature = "redis")]
    Redis(crate::redis::Prefix),
    #[cfg(feature = "redis")]
    Cluster(&'static crate::redis::Cluster, String),
}

impl Home {
    #[cfg_attr(
        not(feature = "redis"),
        expect(clippy::unused_async, reason = "a cluster is waited for")
    )]
    async fn new(place: Place) -> Self {
        match place {
            Place::Memory | Place::Apart => Self::Memory(Arc::new(MemoryStore::new())),
            #[cfg(feature = "sqlite")]
            Place::Sqlite => Self::Sqlite(tempfile::tempdir().expect("a temporary folder")),
            #[cfg(feature = "postgres")]
            Place::Postgres => Self::Postgres(Box::new(crate::postgres::Schema::new())),
            #[cfg(feature = "redis")]
            Place::Redis => Self::Redis(crate::redis::Prefix::new()),
            #[cfg(feature = "redis")]
            Place::Cluster => {
                let cluster = crate::redis::Cluster::shared().await;
                Self::Cluster(cluster, crate::redis::prefix())
            }
        }
    }

    /// A handle with connections of its own.
    #[cfg_attr(
        not(any(feature = "postgres", feature = "redis", feature = "sqlite")),
        expect(clippy::unused_async, reason = "a back end is waited for")
    )]
    async fn open(&self) -> Arc<dyn Everything> {
        match self {
            Self::Memory(store) => Arc::<MemoryStore>::clone(store),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(folder) => Arc::new(sqlite(folder).await),
            #[cfg(feature = "postgres")]
            Self::Postgres(schema) => Arc::new(postgres(schema).await),
            #[cfg(feature = "redis")]
            Self::Redis(prefix) => {
                let builder = crate::redis::everything().timeout(PATIENCE);
                let opened = builder
                    .prefix(prefix.name())
                    .connect(crate::redis::url())
                    .await;
                Arc::new(initialized(opened.expect("the server is there")).await)
            }
            #[cfg(feature = "redis")]
            Self::Cluster(cluster, prefix) => {
                let builder = crate::redis::everything().timeout(PATIENCE);
                let opened = builder.prefix(prefix).cluster(cluster.urls()).await;
                Arc::new(initialized(opened.expect("the cluster is there")).await)
            }
        }
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(folder: &tempfile::TempDir) -> token_store_sqlx::SqliteStore {
    let builder = token_store_sqlx::SqliteStore::builder().timeout(PATIENCE);
    let opened = builder.open(folder.path().join("tokens.db")).await;
    opened.expect("the file opens")
}

#[cfg(feature = "postgres")]
async fn postgres(schema: &crate::postgres::Schema) -> token_store_sqlx::PostgresStore {
    let builder = token_store_sqlx::PostgresStore::builder().timeout(PATIENCE);
    let builder = builder.schema(&schema.name);
    let opened = builder.pool(crate::postgres::pool()).await;
    opened.expect("the server is there")
}

/// How long a store waits on a busy machine.
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
const PATIENCE: core::time::Duration = core::time::Duration::from_secs(30);

#[cfg(feature = "redis")]
async fn initialized(store: token_store_redis::RedisStore) -> token_store_redis::RedisStore {
    // The first does it; to the others it says that it was done.
    store.initialize().await.expect("the server answers");
    store
}
