//! Making a store: the address, what the server must be, what may be lost.

use core::{
    sync::atomic::{AtomicBool, AtomicU64},
    time::Duration,
};
use std::{sync::Arc, time::Instant};

use redis::{IntoConnectionInfo, RedisResult};
use token_store::StoreError;

use crate::{
    RedisStore, StartError,
    error::{Outage, outage},
    keys::Keys,
    link::Link,
    scripts,
    store::{Inner, Kind},
};

/// How often the server is asked again whether it evicts.
const RECHECK: Duration = Duration::from_secs(30);

/// Longer than a healthy server ever needs, shorter than a person waits.
const TIMEOUT: Duration = Duration::from_secs(5);

impl RedisStore {
    /// A store on a standalone server: `redis://:password@host:6379/0`.
    ///
    /// # Errors
    /// [`StartError`]: among others [`StartError::Evicts`].
    pub async fn connect(server: impl IntoConnectionInfo + Send) -> Result<Self, StartError> {
        Self::builder().connect(server).await
    }

    /// A store with settings.
    pub fn builder() -> RedisStoreBuilder {
        RedisStoreBuilder {
            prefix: String::from("ott"),
            timeout: TIMEOUT,
            replicas: 0,
            recheck_every: RECHECK,
            keeps_across_restarts: false,
            keeps_factors: false,
            keeps_ceilings: false,
        }
    }
}

/// Settings of a [`RedisStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisStoreBuilder {
    prefix: String,
    timeout: Duration,
    replicas: u32,
    recheck_every: Duration,
    keeps_across_restarts: bool,
    keeps_factors: bool,
    keeps_ceilings: bool,
}

impl RedisStoreBuilder {
    /// What every key begins with, in braces; `ott` unless set. Two stores on one server need two.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            ..self
        }
    }

    /// How long a verb may take before it is [`StoreError::Timeout`]; 5 seconds unless set.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How many replicas must have a write before it is answered; none unless set. Where fewer have it
    /// within half of the time-out, the answer is [`Outage::FewReplicas`], and the write may be done.
    ///
    /// Waiting (`WAIT`) holds up the connection that all verbs of this store share.
    pub fn replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }

    /// How often a verb asks the server first whether it evicts by now; every 30 seconds unless set.
    pub fn recheck_every(self, recheck_every: Duration) -> Self {
        Self {
            recheck_every,
            ..self
        }
    }

    /// Keeps what stands in Redis when its process starts anew, where a restart loses nothing:
    /// `appendonly yes` and `appendfsync always`. Otherwise a restart is a new primary.
    ///
    /// It is a promise of yours, since a server that starts with its own file does not say whose data
    /// that is: a server that was a replica, or was promoted while no verb was asked, is never started
    /// as the primary by its configuration. Promote a running one (`REPLICAOF NO ONE`, Sentinel).
    pub fn keeping_across_restarts(self) -> Self {
        Self {
            keeps_across_restarts: true,
            ..self
        }
    }

    /// Keeps factors here although Redis may lose the last ones, or all: an enrolment, a removal, a
    /// burnt code. After a new primary they are an outage until
    /// [`accept_lost_writes`](RedisStore::accept_lost_writes); a server that comes back empty has none.
    pub fn accepting_loss_of_factors(self) -> Self {
        Self {
            keeps_factors: true,
            ..self
        }
    }

    /// Keeps ceilings and allowances here although Redis may lose the last spends, or all. After a new
    /// primary they are an outage until [`accept_lost_writes`](RedisStore::accept_lost_writes); a
    /// server that comes back empty has none.
    pub fn accepting_loss_of_ceilings(self) -> Self {
        Self {
            keeps_ceilings: true,
            ..self
        }
    }

    /// A store on a standalone server.
    ///
    /// # Errors
    /// [`StartError`]: among others [`StartError::Evicts`].
    pub async fn connect(
        self,
        server: impl IntoConnectionInfo + Send,
    ) -> Result<RedisStore, StartError> {
        let client = redis::Client::open(server).map_err(StartError::Client)?;
        let timeout = self.timeout;
        self.start(Link::one(client, timeout)).await
    }

    /// A store on the primary of a Redis Cluster that has the prefix's slot; `nodes` are some of its
    /// members.
    ///
    /// # Errors
    /// [`StartError`]: among others [`StartError::Evicts`].
    #[cfg(feature = "cluster")]
    pub async fn cluster<N: IntoConnectionInfo + Send>(
        self,
        nodes: impl IntoIterator<Item = N> + Send,
    ) -> Result<RedisStore, StartError> {
        let nodes: RedisResult<Vec<_>> = nodes
            .into_iter()
            .map(IntoConnectionInfo::into_connection_info)
            .collect();
        let nodes = nodes.map_err(StartError::Client)?;
        let timeout = self.timeout;
        self.start(Link::cluster(nodes, timeout)).await
    }

    async fn start(
        self,
        link: impl Future<Output = RedisResult<Link>> + Send,
    ) -> Result<RedisStore, StartError> {
        let keys = Keys::new(&self.prefix).ok_or(StartError::Prefix)?;
        let link = tokio::time::timeout(self.timeout, link).await;
        let link = link
            .map_err(|_| StoreError::Timeout)?
            .map_err(|error| StartError::Store(outage(error)))?;
        let store = RedisStore {
            inner: Arc::new(Inner {
                link,
                keys,
                timeout: self.timeout,
                replicas: self.replicas,
                recheck_every: self.recheck_every,
                keeps_across_restarts: self.keeps_across_restarts,
                keeps_factors: self.keeps_factors,
                keeps_ceilings: self.keeps_ceilings,
                started: Instant::now(),
                recheck_at: AtomicU64::new(0),
                evicts: AtomicBool::new(false),
            }),
        };
        tokio::time::timeout(self.timeout, store.check())
            .await
            .map_err(|_| StoreError::Timeout)??;
        Ok(store)
    }
}

/// What a server says of itself.
pub(crate) struct Server {
    policy: String,
    appendonly: bool,
    /// Whose what stands here is, nothing where nothing does.
    seen: String,
    /// Its own replication id.
    primary: String,
}

impl Server {
    pub(crate) fn evicts(&self) -> bool {
        self.policy != "noeviction"
    }

    pub(crate) fn refuse_evicting(&self) -> Result<(), StoreError> {
        if self.evicts() {
            return Err(Outage::Evicts.into());
        }
        Ok(())
    }
}

impl RedisStore {
    /// Refuses a server that will not do, and marks an empty one as this primary's.
    async fn check(&self) -> Result<(), StartError> {
        let server = self.server().await?;
        if server.evicts() {
            return Err(StartError::Evicts {
                policy: server.policy,
            });
        }
        if self.inner.keeps_across_restarts
            && let Some(weak) = self.loses_nothing(&server).await?
        {
            return Err(weak);
        }
        if server.seen.is_empty() {
            self.adopt(&server.primary, "", "first").await?;
        }
        Ok(())
    }

    /// What the server says of itself now.
    pub(crate) async fn server(&self) -> Result<Server, StoreError> {
        let call = self.call(&scripts::SERVER, Kind::Reads);
        let mut reply = self.ask(&call).await?;
        Ok(Server {
            policy: reply.rest().text()?,
            appendonly: reply.rest().text()? == "1",
            seen: reply.rest().text()?,
            primary: reply.rest().text()?,
        })
    }

    /// Nothing, if everything that this server answers is on its disk before.
    pub(crate) async fn loses_nothing(
        &self,
        server: &Server,
    ) -> Result<Option<StartError>, StoreError> {
        let mut ask = redis::cmd("CONFIG");
        ask.arg("GET").arg("appendfsync");
        let key = self.keys().epoch();
        let appendfsync = match self.inner.link.send(&ask, &key).await {
            Ok(answer) => redis::from_redis_value::<Vec<String>>(answer)
                .ok()
                .and_then(|words| words.into_iter().nth(1))
                .unwrap_or_default(),
            // Forbidden, or renamed: then nobody knows.
            Err(error) if matches!(error.kind(), redis::ErrorKind::Server(_)) => String::new(),
            Err(error) => return Err(outage(error)),
        };
        let strong = server.appendonly && appendfsync == "always";
        Ok((!strong).then_some(StartError::WeakDurability {
            appendonly: server.appendonly,
            appendfsync,
        }))
    }
}
