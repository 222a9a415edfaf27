//! Making a store: the address, what the server must be, what may be lost.

use core::{fmt, time::Duration};
use std::{sync::Arc, time::Instant};

use redis::IntoConnectionInfo;
use token_store::{EventSink, NoEvents, StoreError};

use crate::{
    RedisStore, StartError,
    keys::Keys,
    link::{Link, Place, with_settings},
    primary::Watch,
    store::Inner,
};

/// How often the server is asked again whether it evicts, and how durable it is.
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
            events: Arc::new(NoEvents),
        }
    }
}

/// Settings of a [`RedisStore`].
#[derive(Clone)]
#[must_use]
pub struct RedisStoreBuilder {
    prefix: String,
    timeout: Duration,
    replicas: u32,
    recheck_every: Duration,
    keeps_across_restarts: bool,
    keeps_factors: bool,
    keeps_ceilings: bool,
    events: Arc<dyn EventSink>,
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
    /// within half of the time-out, the answer is [`FewReplicas`], and the write may be done.
    ///
    /// Waiting (`WAIT`) holds up the connection that all verbs of this store share.
    ///
    /// [`FewReplicas`]: crate::Outage::FewReplicas
    pub fn replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }

    /// How often a verb asks the server first whether it evicts by now, and whether a restart would lose
    /// what it answers; every 30 seconds unless set.
    pub fn recheck_every(self, recheck_every: Duration) -> Self {
        Self {
            recheck_every,
            ..self
        }
    }

    /// Keeps what stands in Redis when its process starts anew, where a restart loses nothing:
    /// `appendonly yes`, `appendfsync always` and `no-appendfsync-on-rewrite no`. Otherwise a restart is a
    /// new primary. Every process of the application asks for it, or none.
    ///
    /// Whether the server is set so is asked at the start, at a restart and every
    /// [`recheck_every`](Self::recheck_every), and remembered in Redis where it was not. So do not change it
    /// while the server runs: what is lost before the next look goes unnoticed.
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
    /// burnt code. After a new primary, and on an empty server that nobody
    /// [initialized](RedisStore::initialize), they are an outage until
    /// [`accept_lost_writes`](RedisStore::accept_lost_writes).
    pub fn accepting_loss_of_factors(self) -> Self {
        Self {
            keeps_factors: true,
            ..self
        }
    }

    /// Keeps ceilings and allowances here although Redis may lose the last spends, or all. After a new
    /// primary, and on an empty server that nobody [initialized](RedisStore::initialize), they are an outage
    /// until [`accept_lost_writes`](RedisStore::accept_lost_writes).
    pub fn accepting_loss_of_ceilings(self) -> Self {
        Self {
            keeps_ceilings: true,
            ..self
        }
    }

    /// Where it is told that the primary is another one ([`What::PrimaryChanged`]), or that a restart could
    /// lose what is answered now ([`What::DurabilityWeak`]); nowhere unless set. To whoever asks for a token,
    /// a loss looks like any other refusal: this is how an operator learns of it. Each process tells
    /// of a primary; of a weak setting the one that wrote it down.
    ///
    /// [`What::DurabilityWeak`]: token_store::What::DurabilityWeak
    /// [`What::PrimaryChanged`]: token_store::What::PrimaryChanged
    pub fn events(self, events: impl EventSink + 'static) -> Self {
        Self {
            events: Arc::new(events),
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
        let server = server.into_connection_info().map_err(StartError::Client)?;
        let server = with_settings(server, self.timeout);
        // What is wrong with the address itself is told apart from a server that does not answer.
        redis::Client::open(server.clone()).map_err(StartError::Client)?;
        let keys = self.keys()?;
        self.start(keys, Place::One(Box::new(server))).await
    }

    /// A store on the primary of a Redis Cluster that has the prefix's slot; `nodes` are some of its
    /// members. The others get the user, password and TLS of the first.
    ///
    /// # Errors
    /// [`StartError`]: among others [`StartError::Evicts`].
    #[cfg(feature = "cluster")]
    pub async fn cluster<N: IntoConnectionInfo + Send>(
        self,
        nodes: impl IntoIterator<Item = N> + Send,
    ) -> Result<RedisStore, StartError> {
        let nodes: redis::RedisResult<Vec<_>> = nodes
            .into_iter()
            .map(|node| Ok(with_settings(node.into_connection_info()?, self.timeout)))
            .collect();
        let nodes = nodes.map_err(StartError::Client)?;
        let keys = self.keys()?;
        let members = crate::link::Members::new(nodes, keys.epoch());
        self.start(keys, Place::Cluster(members)).await
    }

    fn keys(&self) -> Result<Keys, StartError> {
        Keys::new(&self.prefix).ok_or(StartError::Prefix)
    }

    async fn start(self, keys: Keys, place: Place) -> Result<RedisStore, StartError> {
        let store = RedisStore {
            inner: Arc::new(Inner {
                link: Link::new(place, self.timeout),
                keys,
                timeout: self.timeout,
                replicas: self.replicas,
                recheck_every: self.recheck_every,
                keeps_across_restarts: self.keeps_across_restarts,
                keeps_factors: self.keeps_factors,
                keeps_ceilings: self.keeps_ceilings,
                events: self.events,
                started: Instant::now(),
                watch: Watch::default(),
            }),
        };
        tokio::time::timeout(self.timeout, store.check())
            .await
            .map_err(|_| StoreError::Timeout)??;
        Ok(store)
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}
