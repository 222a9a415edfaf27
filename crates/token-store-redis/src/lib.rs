//! Tokens and paces in Redis, standalone or cluster; factors, ceilings and allowances where their loss
//! is accepted by name.
//!
//! ```
//! use token_store::{Redeemed, TokenStore, ott_core::{Binding, Issuer, KeyRing, Policy, Purpose, Subject}};
//! use token_store_redis::RedisStore;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let url = std::env::var("REDIS_URL").map_err(|_| "REDIS_URL must name a Redis server")?;
//! # let now = token_store::ott_core::chrono::DateTime::UNIX_EPOCH;
//! const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
//! let (store, issuer) = (RedisStore::connect(url).await?, Issuer::new(KeyRing::generate()?));
//! let alice = Subject::new("", "4711")?;
//! let issued = issuer.issue(&SIGN_IN, &Binding::subject(&alice), now)?;
//! store.insert(&[issued.record]).await?;
//! let typed = issued.token.expose_secret();
//! let presented = issuer.present_by_id(&SIGN_IN, &issued.handle, &Binding::subject(&alice), typed, now)?;
//! assert!(matches!(store.redeem(&presented, now).await?, Redeemed::Redeemed(_)));
//! # Ok(()) }
//! ```
//!
//! Most applications hand the store to `Tokens` of [`token_store`], and a store in SQL to its builder's
//! `limits`, since the default policies count on a ceiling and an allowance.
//!
//! # When to choose it
//!
//! For short-lived tokens of an application that runs Redis already, on several machines, and can ask a
//! person for a new code after a fail-over. Where a token must survive one (an invitation, a session of
//! weeks), and for factors, take a database that loses nothing: `token-store-sqlx`.
//!
//! # What it guarantees
//!
//! * The laws of `token-store`, all of them: `tests/laws.rs`, and over a cluster `tests/cluster.rs`.
//! * Every verb is one script in one hash slot, all its keys declared. The verbs that range over records
//!   (a resend, `list`, `revoke` of a subject, the purges) ask first which keys to declare, and again
//!   where those have changed; the script that answers is one step.
//! * What another primary wrote is never taken for the whole. Each script compares the server's
//!   replication id with the one under which the store's data was written. It is new after each
//!   promotion and each restart; then every token is refused as unknown, paces have one left, and
//!   factors, ceilings and allowances are an outage until [`RedisStore::accept_lost_writes`]. It is also
//!   new when a primary's first replica comes or its last one stays away: then the process is the same,
//!   names no primary before it, and nothing is refused.
//! * A server that evicts is refused: at the start, whenever its replication id is new, and every 30
//!   seconds, until it stops.
//! * What was sent and not answered is never sent again.
//! * No key and no value holds a token, a handle, an address or a server key.
//!
//! # What happens in each failure
//!
//! | failure | answer | afterwards |
//! | --- | --- | --- |
//! | no server, a lost connection | [`StoreError::Unavailable`] | done or not, whole; the next verb connects again |
//! | a server that hangs | [`StoreError::Timeout`] within the store's time | done later, or not, whole |
//! | the memory is full | [`StoreError::Unavailable`] | not done |
//! | a replica is promoted | tokens [`Reason::Unknown`]; factors and ceilings [`Outage::Lost`] | whatever it missed, nothing is redeemed or burnt twice |
//! | Redis restarts | the same | the same; see [`keeping_across_restarts`](RedisStoreBuilder::keeping_across_restarts) |
//! | fewer replicas than [`replicas`](RedisStoreBuilder::replicas) | [`Outage::FewReplicas`] | done, and may be lost by a promotion |
//! | two primaries at once | each answers for what it was told itself | no token of one is known to the other |
//! | the server evicts | [`Outage::Evicts`] | nothing is asked of it |
//! | a hash cannot be read | [`StoreError::Corrupt`] | nothing is proved |
//! | the process dies, a future is dropped | none | done or not, whole |
//! | the server comes back empty | as one that was promoted, to whoever was connected | a process that starts afterwards takes it for new |
//!
//! [`Outage`] is the source of the [`StoreError::Unavailable`].
//!
//! # What may be lost
//!
//! * **Tokens**, all of them, whenever the primary changes. Nothing is redeemed twice for it.
//! * **Paces**: after a change each has one left and recovers from there, so an attacker gains one guess
//!   a key; nobody is locked out for longer than one of its periods.
//! * **Factors, ceilings, allowances**: the last writes, or all. They are refused
//!   ([`StoreError::Misuse`]) unless accepted by name.
//!
//! `appendfsync always` with [`keeping_across_restarts`](RedisStoreBuilder::keeping_across_restarts)
//! keeps everything over a restart; read there what it asks of you. Nothing keeps it over a promotion.
//!
//! # Cluster
//!
//! One store is one slot: every key begins with the prefix in braces, since a record is found by its id
//! alone, and a subject's records must stand beside it. So **one store, one shard**. Spread the load by
//! a store for each tenant, or one for tokens and one for limits, each with its own prefix: their slots
//! differ. Moving the slot to another member is a new primary, and an outage while it moves. Reads go to
//! primaries alone.
//!
//! # Keys
//!
//! `{ott}:` stands for the prefix in braces. Times are microseconds since 1970, numbers are decimal, a
//! field that is absent is "none", which is not 0. Ids and names are 32 hexadecimal digits.
//!
//! | key | holds |
//! | --- | --- |
//! | `{ott}:epoch` | hash: `primary` (replication id), `run` (id of its process), `number` (grows with each new primary), `kept` (the number from which factors, ceilings and allowances are believed), `since` (when the present number began, by the first spend's clock; absent for the first) |
//! | `{ott}:token:`id | hash: `epoch` (the number it was written under), `purpose`, `key`, `tenant`, `subject`, `slot`, `policy`, `binding`, `digest`, `data`, `number`, `max_attempts`, `issued_at`, `expires_at`, `idle_micros`, `tag`; `state` 0 waiting, 1 ready, 2 denied, 3 exhausted, 4 revoked, 5 spent, 6 superseded; `attempts`, `used_at`; the decision, all six or none: `approved`, `decider_tenant`, `decider`, `decision_data`, `decided_at`, `decision_tag` |
//! | `{ott}:ends` | sorted set: from when on each token may be purged |
//! | `{ott}:slot:`slot | set: the slot's latest batch |
//! | `{ott}:tokens-of:`length`:`tenant`:`subject | set: the subject's tokens; the length is the tenant's, in bytes |
//! | `{ott}:limit:`name | hash: `full_at`, `count`, `epoch` |
//! | `{ott}:limits` | sorted set: when each limit is as good as new, `inf` for a ceiling that counts |
//! | `{ott}:factor:`id | hash: `tenant`, `subject`, `kind`, `label`, `state` 0 pending, 1 active, 2 disabled, 3 removed; `sealed`, `last` (19 digits), `created_at`, `used_at` |
//! | `{ott}:factors-of:`length`:`tenant`:`subject | set: the subject's factors |
//!
//! Tokens with an end, and timed limits, expire in Redis a day after it, by the server's clock; that is
//! garbage collection, the caller's `now` decides. Names of what expired stay in `ends` and `limits`
//! until a purge: call `purge` and `purge_limits` now and then. Tokens without an end go by them alone.
//!
//! # What the server needs
//!
//! Redis 7.0 or later (6.2 does for a standalone one, untested), `maxmemory-policy noeviction`, and a
//! user who may run `EVAL`, `EVALSHA`, `INFO` and, for [`replicas`](RedisStoreBuilder::replicas), `WAIT`.
//! `CONFIG GET` is asked for [`keeping_across_restarts`](RedisStoreBuilder::keeping_across_restarts)
//! alone. For TLS, enable `tokio-rustls-comp` or `tokio-native-tls-comp` of [`redis`] in your own
//! manifest and connect to `rediss://`. A proxy must not send a command again.
//!
//! # What it does not
//!
//! * Whoever writes to the server can bring a token back until it expires; SECURITY.md says what else.
//! * It is no `OpenRedeem`: Redis has no transaction to hand over.
//! * It reckons with times up to the year 2128, with ends up to 2223: a Lua number has 53 bits.
//!   Counters of factors have all 63.
//!
//! # Running the laws
//!
//! `REDIS_URL=redis://127.0.0.1:6379/ cargo test -p token-store-redis --all-features`: each test uses a
//! prefix of its own and removes its keys. The tests of faults and of the cluster start their own
//! servers, for which `redis-server` must be installed.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `cluster` | `RedisStoreBuilder::cluster` |
//!
//! # Specifications
//!
//! Redis: [scripts](https://redis.io/docs/latest/develop/interact/programmability/eval-intro/),
//! [replication](https://redis.io/docs/latest/operate/oss_and_stack/management/replication/),
//! [cluster](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/),
//! [persistence](https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).
//!
//! [`Reason::Unknown`]: token_store::ott_core::Reason::Unknown
//! [`StoreError::Corrupt`]: token_store::StoreError::Corrupt
//! [`StoreError::Misuse`]: token_store::StoreError::Misuse
//! [`StoreError::Timeout`]: token_store::StoreError::Timeout
//! [`StoreError::Unavailable`]: token_store::StoreError::Unavailable

mod error;
mod factors;
mod keys;
mod limits;
mod link;
mod reply;
mod scripts;
mod start;
mod store;
mod time;
mod tokens;

pub use error::{Outage, StartError};
pub use start::RedisStoreBuilder;
pub use store::RedisStore;

pub use redis;
pub use token_store;
