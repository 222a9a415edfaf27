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
//! * An empty server is taken for one that has lost everything, whoever asks it first, unless somebody said
//!   that it is new: [`RedisStore::initialize`]. And a process believes no server that stands behind what
//!   it has seen.
//! * Whoever is told of it learns that the primary is another one: [`RedisStoreBuilder::events`].
//! * A server that evicts is refused: at the start, whenever its replication id is new, and every 30
//!   seconds, until it stops.
//! * What was sent and not answered is never sent again. A connection that answers nobody for a verb's
//!   whole time is given up, and the next verb makes another.
//! * No key and no value holds a token, a handle, an address or a server key.
//!
//! # What happens in each failure
//!
//! | failure | answer | afterwards |
//! | --- | --- | --- |
//! | no server, a lost connection | [`StoreError::Unavailable`] | done or not, whole; the next verb connects again |
//! | a server that hangs, a way to it that swallows everything | [`StoreError::Timeout`] within the store's time | done later, or not, whole; the next verb connects again, to wherever the name leads by then |
//! | the memory is full | [`StoreError::Unavailable`] | not done |
//! | a replica is promoted | tokens [`Reason::Unknown`]; factors and ceilings [`Outage::Lost`]; an event | whatever it missed, nothing is redeemed or burnt twice |
//! | Redis restarts | the same | the same; see [`keeping_across_restarts`](RedisStoreBuilder::keeping_across_restarts) |
//! | fewer replicas than [`replicas`](RedisStoreBuilder::replicas) | [`Outage::FewReplicas`] | done, and may be lost by a promotion |
//! | two primaries at once | each answers for what it was told itself | no token of one is known to the other; a process that has seen the second takes the first, when it is led back to it, for another primary |
//! | the server evicts | [`Outage::Evicts`] | nothing is asked of it |
//! | a hash cannot be read | [`StoreError::Corrupt`] | nothing is proved |
//! | the process dies, a future is dropped | none | done or not, whole |
//! | the server comes back empty | as one that was promoted, whoever asks it first | the same |
//! | keys of another version of this crate | [`Outage::Layout`], also at the start | nothing is read or written |
//!
//! [`Outage`] is the source of the [`StoreError::Unavailable`].
//!
//! # What may be lost
//!
//! * **Tokens**, all of them, whenever the primary changes. Nothing is redeemed twice for it.
//! * **Paces**: after a change each has one left and recovers from there, by the primary's own clock, so an
//!   attacker gains one guess a key; nobody is locked out for longer than one of its periods.
//! * **Factors, ceilings, allowances**: the last writes, or all. They are refused
//!   ([`StoreError::Misuse`]) unless accepted by name.
//!
//! After a change, an operator who keeps these here finds [`What::PrimaryChanged`] with a number in the
//! events and [`Outage::Lost`] with the same in the outages, waits until no code lives that may have been
//! burnt and forgotten, and calls [`RedisStore::accept_lost_writes`] with that number. What he accepted is
//! that change and no later one.
//!
//! `appendfsync always` with [`keeping_across_restarts`](RedisStoreBuilder::keeping_across_restarts)
//! keeps everything over a restart; read there what it asks of you. Nothing keeps it over a promotion.
//!
//! # Cluster
//!
//! One store is one slot: every key begins with the prefix in braces, since a record is found by its id
//! alone, and a subject's records must stand beside it. So **one store, one shard**. Moving the slot to
//! another member is a new primary, and an outage while it moves. Only primaries are asked.
//!
//! More than one shard is more than one store, each with its own prefix, whose slots differ: one for each
//! tenant, or one for each part of the subjects. The application chooses, always by the same rule:
//!
//! ```
//! # use token_store::{Inserted, Redeemed, Revoke, TokenStore, ott_core::{Binding, Issuer, KeyRing, Policy, Purpose, Subject, chrono}};
//! # use token_store_redis::RedisStore;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let url = std::env::var("REDIS_URL").map_err(|_| "REDIS_URL must name a Redis server")?;
//! const PARTS: u32 = 16; // for good: a subject's part changes with it
//!
//! /// FNV-1a, which no release of anything changes.
//! fn part(subject: &Subject) -> u32 {
//!     let bytes = subject.tenant().bytes().chain([0]).chain(subject.id().bytes());
//!     bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) % PARTS
//! }
//!
//! let mut stores = Vec::new();
//! for part in 0..PARTS {
//!     let builder = RedisStore::builder().prefix(format!("ott-{part}"));
//!     stores.push(builder.connect(url.as_str()).await?); // or `cluster`
//! }
//! let alice = Subject::new("example", "4711")?;
//! let store = &stores[part(&alice) as usize];
//! # const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
//! # let (issuer, now) = (Issuer::new(KeyRing::generate()?), chrono::DateTime::UNIX_EPOCH);
//! # let issued = issuer.issue(&SIGN_IN, &Binding::subject(&alice), now)?;
//! # let right = issuer.present_by_id(&SIGN_IN, &issued.handle, &Binding::subject(&alice), issued.token.expose_secret(), now)?;
//! # let other = &stores[(part(&alice) as usize + 1) % stores.len()];
//! assert_eq!(store.insert(&[issued.record]).await?, Inserted::Done);
//! assert!(matches!(other.redeem(&right, now).await?, Redeemed::Refused(_))); // it is in one part alone
//! assert!(matches!(store.redeem(&right, now).await?, Redeemed::Redeemed(_)));
//! # Ok(()) }
//! ```
//!
//! Whatever names its subject finds its part: codes, recovery codes, prompts, `list`, `revoke`, the limits
//! and factors of a subject. What names none does not: a link or bearer token that is found by itself must
//! carry the part, in the link beside the token for example, or belong to a store of its own; so must the
//! id that `decide` and `find` are given. Limits of a tenant or an address belong to one store that is
//! neither. Nothing is one step over two parts, each has a primary's number of its own to accept, and each
//! is purged by itself. The number of parts is for good: to change it, let old tokens expire where they
//! are, and revoke in both.
//!
//! # Keys
//!
//! `{ott}:` stands for the prefix in braces. Times are microseconds since 1970, numbers are decimal, a
//! field that is absent is "none", which is not 0. Ids and names are 32 hexadecimal digits.
//!
//! | key | holds |
//! | --- | --- |
//! | `{ott}:epoch` | hash: `layout` (of these keys: 1), `primary` (replication id), `run` (id of its process), `number` (grows with each new primary; 1 for a store that was initialized), `era` (a name for the time of that number, given once), `kept` (the number whose factors, ceilings and allowances are believed), `since` (when that number began, by the server's clock; absent where it was initialized), `weak` (when it was seen that a restart could lose writes; absent if not) |
//! | `{ott}:token:`id | hash: `epoch` (the number it was written under), `purpose`, `key`, `tenant`, `subject`, `slot`, `policy`, `binding`, `digest`, `data`, `number`, `max_attempts`, `issued_at`, `expires_at`, `idle_micros`, `tag`; `state` 0 waiting, 1 ready, 2 denied, 3 exhausted, 4 revoked, 5 spent, 6 superseded; `attempts`, `used_at`; the decision, all six or none: `approved`, `decider_tenant`, `decider`, `decision_data`, `decided_at`, `decision_tag` |
//! | `{ott}:ends` | sorted set: from when on each token may be purged, if it comes to no final state |
//! | `{ott}:final` | sorted set: the same of those that did, beside their place in `ends`; a purge empties it |
//! | `{ott}:slot:`slot | set: the slot's latest batch |
//! | `{ott}:tokens-of:`length`:`tenant`:`subject | set: the subject's tokens; the length is the tenant's, in bytes |
//! | `{ott}:limit:`name | hash: `full_at`, `count`, `epoch` |
//! | `{ott}:limits` | sorted set: when each limit is as good as new, `inf` for a ceiling that counts |
//! | `{ott}:factor:`id | hash: `tenant`, `subject`, `kind`, `label`, `state` 0 pending, 1 active, 2 disabled, 3 removed; `sealed`, `last` (19 digits), `created_at`, `used_at` |
//! | `{ott}:factors-of:`length`:`tenant`:`subject | set: the subject's factors |
//!
//! Tokens with an end, and timed limits, expire in Redis a day after it, by the server's clock; that is
//! garbage collection, the caller's `now` decides. Names of what expired stay in `ends`, `final` and `limits`
//! until a purge: call `purge` and `purge_limits` now and then. Tokens without an end go by them alone.
//!
//! # Migrating
//!
//! **The layout.** `layout` says how keys are laid out. A store that finds another one reads and writes
//! nothing ([`Outage::Layout`]), so two versions never mix. Between versions whose layouts differ, and
//! likewise to another server, cluster or prefix: start the new version with a new prefix, issue there, and
//! until the longest life is over ask the old store for what the new one does not know; then remove the
//! old keys. What must not be forgotten (factors, ceilings, allowances) is copied by a tool of yours through
//! the traits, with the application stopped, or stands in SQL to begin with.
//!
//! **Data**: `DUMP` and `RESTORE`, a copied file or `REPLICAOF` bring the keys to another server, and there
//! they are another primary's: tokens are unknown, factors and ceilings wait to be accepted.
//!
//! **Keys of the ring**: rotation, a leak and a restore are in `docs/keys.md` of this repository. Its two
//! questions for what an old key still holds are here a `SCAN` over `{ott}:token:*` for the field `key`, and
//! over `{ott}:factor:*` for bytes 2 to 5 of `sealed`.
//!
//! # What the server needs
//! # What the server needs
//!
//! Redis 7.0 or later (6.2 does for a standalone one, untested), `maxmemory-policy noeviction`, and a
//! user who may run `EVAL`, `EVALSHA`, `INFO`, `TIME`, in a cluster `CLUSTER`, and, for
//! [`replicas`](RedisStoreBuilder::replicas), `WAIT`.
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
//! servers, for which `redis-server` must be installed. How to run the laws over a store of your own is
//! in `docs/own-store.md` of this repository.
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
//! [`What::PrimaryChanged`]: token_store::What::PrimaryChanged

mod call;
mod era;
mod error;
mod factors;
mod keys;
mod limits;
mod link;
mod primary;
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
