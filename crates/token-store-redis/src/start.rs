//! Making a store: the address, what the server must be, what may be lost.

use core::{fmt, time::Duration};
use std::sync::Arc;

use redis::IntoConnectionInfo;
use token_store::{EventSink, NoEvents, StoreError};

use crate::{
    era::Watch,
    error::StartError,
    keys::Keys,
    link::{Link, Place, Sentinels, with_settings},
    store::{Inner, RedisStore},
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
    keeps_factors: bool,
    keeps_ceilings: bool,
    events: Arc<dyn EventSink>,
}

impl RedisStoreBuilder {
    /// What every key begins with, in braces; `ott` unless set. Two stores on one server need two.
    ///
    /// # More than one shard
    ///
    /// One store is one hash slot: a record is found by its id alone, and the records of its subject must stand
    /// beside it. So one store uses one shard. An application that needs more shards has one store for each tenant,
    /// or for each part of the subjects, and chooses the store always by the same rule:
    ///
    /// ```
    /// # use token_store::{Inserted, Redeemed, Revoke, TokenStore, ott_core::{Binding, Issuer, KeyRing, Policy, Purpose, Subject, chrono}};
    /// # use token_store_redis::RedisStore;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let url = std::env::var("REDIS_URL").map_err(|_| "REDIS_URL must name a Redis server")?;
    /// const PARTS: u32 = 16; // for good: a subject's part changes with it
    ///
    /// /// FNV-1a, which no release of anything changes.
    /// fn part(subject: &Subject) -> u32 {
    ///     let bytes = subject.tenant().bytes().chain([0]).chain(subject.id().bytes());
    ///     let next = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    ///     bytes.fold(0x811c_9dc5, next) % PARTS
    /// }
    ///
    /// let mut stores = Vec::new();
    /// for part in 0..PARTS {
    ///     let builder = RedisStore::builder().prefix(format!("ott-{part}"));
    ///     stores.push(builder.connect(url.as_str()).await?); // or `cluster`
    /// }
    /// let alice = Subject::new("example", "4711")?;
    /// let store = &stores[part(&alice) as usize];
    /// # const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
    /// # let (issuer, now) = (Issuer::new(KeyRing::generate()?), chrono::DateTime::UNIX_EPOCH);
    /// # let issued = issuer.issue(&SECOND_STEP, &Binding::subject(&alice), now)?;
    /// # let right = issuer.present_by_handle(&SECOND_STEP, &issued.handle, &Binding::subject(&alice), issued.token.expose_secret(), now)?;
    /// # let other = &stores[(part(&alice) as usize + 1) % stores.len()];
    /// assert_eq!(store.insert(&[issued.record]).await?, Inserted::Done);
    /// let refused = other.redeem(&right, now).await?; // it is in one part alone
    /// assert!(matches!(refused, Redeemed::Refused(_)));
    /// assert!(matches!(store.redeem(&right, now).await?, Redeemed::Redeemed(_)));
    /// # Ok(()) }
    /// ```
    ///
    /// A verb that names its subject finds the part: codes, recovery codes, prompts, `list`, `revoke`, the limits and
    /// factors of a subject. A verb that names no subject does not. A link or bearer token that is found by
    /// itself must carry the part (in the link beside the token, for example) or belong to a store of its own; so must
    /// the id that `decide` and `find` are given. Limits of a tenant or of a network address belong to one store
    /// that is no part.
    ///
    /// Nothing is atomic over two parts. The number of parts is for good: to change it, let the old tokens expire where
    /// they are, and revoke in both.
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

    /// How many replicas must have a write before it is answered; none unless set. If fewer have it within
    /// an eighth of the time-out, the answer is [`FewReplicas`], and the write is done on the primary.
    ///
    /// Waiting (`WAIT`) holds up the connection that all verbs of this store share, so writes that come at the same
    /// time wait together. While a replica is away, every verb takes up to three quarters of the time-out.
    ///
    /// [`FewReplicas`]: crate::Outage::FewReplicas
    pub fn replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }

    /// How often the store looks, before a verb, whether the server evicts keys; every 30 seconds unless set.
    pub fn recheck_every(self, recheck_every: Duration) -> Self {
        Self {
            recheck_every,
            ..self
        }
    }

    /// Keeps factors here although Redis may lose the last writes, or all: an enrolment, a removal, a used
    /// code. After the primary changed, and on an empty server that nobody
    /// [initialized](RedisStore::initialize), factors are an outage until
    /// [`accept_lost_writes`](RedisStore::accept_lost_writes).
    pub fn accepting_loss_of_factors(self) -> Self {
        Self {
            keeps_factors: true,
            ..self
        }
    }

    /// Keeps ceilings and allowances here although Redis may lose the last spends, or all. After the
    /// primary changed, and on an empty server that nobody [initialized](RedisStore::initialize), ceilings and
    /// allowances are an outage until [`accept_lost_writes`](RedisStore::accept_lost_writes).
    pub fn accepting_loss_of_ceilings(self) -> Self {
        Self {
            keeps_ceilings: true,
            ..self
        }
    }

    /// Where the store sends its events; nowhere unless set. [`PRIMARY_CHANGED`]: the primary is another one;
    /// each process emits it.
    ///
    /// To a person who types a code, a loss looks like any other refusal, so an operator learns of it only here.
    ///
    /// [`PRIMARY_CHANGED`]: crate::events::PRIMARY_CHANGED
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
        // A wrong address and a server that does not answer are different errors.
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

    /// A store on the primary that Sentinels watch under the name `service`; `sentinels` are all of them, or as many
    /// as are known.
    ///
    /// `primary` is the address of any of the watched servers. Its user, password, database and TLS are used for
    /// whichever is the primary; its host and port are not. The addresses of the Sentinels have their own. The store
    /// asks the Sentinels whenever it connects: at the start, after a connection was lost or answered nothing, and
    /// when its server says that it is a replica.
    ///
    /// ```no_run
    /// # use token_store_redis::RedisStore;
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let sentinels = ["redis://s1:26379", "redis://s2:26379", "redis://s3:26379"];
    /// let store = RedisStore::builder().sentinels("tokens", sentinels, "redis://:password@any/").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`StartError`]: among others [`StartError::Evicts`].
    ///
    /// Specification: [Guidelines for Redis clients with support for Redis Sentinel](https://redis.io/docs/latest/develop/reference/sentinel-clients/).
    pub async fn sentinels<N: IntoConnectionInfo + Send>(
        self,
        service: impl Into<String> + Send,
        sentinels: impl IntoIterator<Item = N> + Send,
        primary: impl IntoConnectionInfo + Send,
    ) -> Result<RedisStore, StartError> {
        let named: redis::RedisResult<Vec<_>> = sentinels
            .into_iter()
            .map(|one| Ok(with_settings(one.into_connection_info()?, self.timeout)))
            .collect();
        let primary = primary.into_connection_info().map_err(StartError::Client)?;
        let sentinels = Sentinels {
            named: named.map_err(StartError::Client)?,
            service: service.into(),
            primary: with_settings(primary, self.timeout),
        };
        let keys = self.keys()?;
        self.start(keys, Place::Sentinels(Box::new(sentinels)))
            .await
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
                keeps_factors: self.keeps_factors,
                keeps_ceilings: self.keeps_ceilings,
                events: self.events,
                watch: Watch::new(self.recheck_every),
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
