//! Short-lived tokens and rate limits in Redis, standalone or cluster.
//!
//! ```
//! use token_store::{Tokens, ott_core::{Binding, KeyRing, Policy, Purpose, Subject}};
//! use token_store_redis::RedisStore;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let url = std::env::var("REDIS_URL").map_err(|_| "REDIS_URL must name a Redis server")?;
//! # let sql_store = std::sync::Arc::new(token_store::MemoryStore::new());
//!
//! const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
//! let (keys, redis) = (KeyRing::generate()?, RedisStore::connect(url).await?);
//! let tokens = Tokens::builder(keys, redis).limits(sql_store).policy(&SECOND_STEP).build()?;
//! let alice = Subject::new("", "4711")?;
//! let binding = Binding::subject(&alice);
//! let issued = tokens.issue(&SECOND_STEP, &binding).await?;
//! let typed = issued.token.expose_secret();
//! assert!(tokens.redeem(&SECOND_STEP, &issued.handle, &binding, typed).await.is_ok()); // once
//! # Ok(()) }
//! ```
//!
//! **Give the limits to an SQL store**, as the example does with `.limits(…)`. The default policies need an
//! allowance that must not get lost, and Redis may lose its last writes. So [`LimitStore::keeps`] is false for ceilings
//! and allowances, and `Tokens` does not build over this store alone, unless the loss was accepted by name:
//! [`accepting_loss_of_ceilings`](RedisStoreBuilder::accepting_loss_of_ceilings) for ceilings and allowances,
//! [`accepting_loss_of_factors`](RedisStoreBuilder::accepting_loss_of_factors) for factors, whose verbs are
//! [`StoreError::Misuse`] without it.
//!
//! # When to choose it
//!
//! Choose it for short-lived tokens, if the application runs on several machines, has Redis already, and can ask
//! a person for a new code after a failover. If a token must survive a failover (an invitation, a session
//! of weeks), and for factors, choose a database that loses nothing: `token-store-sqlx`.
//!
//! Whoever runs the server reads `docs/redis.md` of this repository: settings, rights, failures, failover step by
//! step, cluster, the keys.
//!
//! # What it guarantees
//!
//! * The laws of `token-store`, all of them: `tests/laws.rs`, and on a cluster `tests/cluster.rs`.
//! * Every verb is one script, so it is atomic. All keys of a script share a hash slot and are declared. A verb over
//!   many records (a resend, `list`, `revoke` of a subject, the purges) first reads which keys to declare. If the keys
//!   changed meanwhile, the script changes nothing and the store reads them again.
//! * A new primary may have missed writes, so nothing from before counts. Redis has a new replication id after each
//!   promotion and each restart, and every script compares it with the one under which the data was written. If it
//!   changed, all old tokens are refused as unknown, each pace has one try left, and factors, ceilings and
//!   allowances are an outage until an operator calls [`RedisStore::accept_lost_writes`]. So after a failover no token
//!   can be used a second time.
//! * The replication id also changes when the first replica connects and when the last one was away for an hour.
//!   Nothing was lost then; the store recognises that by what the process received from a primary, which is nothing,
//!   and refuses nothing.
//! * An empty server counts as one that lost everything, unless somebody said that it is new:
//!   [`RedisStore::initialize`]. A process that has seen newer data refuses a server with older data.
//! * When the primary changed, the operator gets an event: [`RedisStoreBuilder::events`], [`events`].
//! * A server that evicts keys is refused: at the start, and by a look every 30 seconds and at each new primary.
//! * No command is sent twice that the server may have run. A connection that died while no verb waited on it is found
//!   out before a verb is sent (`tests/quiet.rs`). If a connection answers no verb for the whole time-out, the next verb
//!   makes a new one.
//! * No key and no value holds a token, a handle, an address or a key of the application.
//!
//! # What it does not
//!
//! * Tokens survive no failover and no restart: a server that starts with a file does not say whose data that is.
//! * Redis has no transaction to hand over, so the store is no `RedeemInTransaction`: a token is spent before the action is done.
//! * It cannot tell an outage from a verb that was done and not answered. After [`StoreError::Unavailable`] or
//!   [`StoreError::Timeout`] a verb was done whole, or not at all. [`Outage`] is the source of the former.
//! * Whoever writes to the server can bring a token back until it expires; SECURITY.md says what else.
//! * Nothing is purged by itself: call `purge`, `purge_limits` and `purge_factors` every few minutes.
//! * Times end with the year 2128, and ends of tokens with 2223, since a Lua number has 53 bits. Counters of
//!   factors have all 63.
//!
//! # Running the laws
//!
//! `REDIS_URL=redis://127.0.0.1:6379/ cargo test -p token-store-redis --all-features`: each test uses a
//! prefix of its own and removes its keys. The tests of faults and of the cluster start their own
//! servers, so `redis-server` must be installed. `docs/own-store.md` of this repository shows how to run the laws
//! over a store of your own.
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
//! [`LimitStore::keeps`]: token_store::LimitStore::keeps
//! [`StoreError::Misuse`]: token_store::StoreError::Misuse
//! [`StoreError::Timeout`]: token_store::StoreError::Timeout
//! [`StoreError::Unavailable`]: token_store::StoreError::Unavailable
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
mod era;
mod error;
pub mod events;
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
