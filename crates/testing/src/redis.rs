//! The server of `REDIS_URL`, with a prefix for each test whose keys go away with it; and servers
//! that a test starts itself.

mod cluster;
mod sentinels;
mod server;

use core::hash::BuildHasher;
use std::{env, hash::RandomState};

use token_store_redis::{RedisStore, RedisStoreBuilder, redis};

use crate::patience::patiently;

pub use self::{
    cluster::Cluster,
    sentinels::Sentinels,
    server::{DURABLE, Server, free_port},
};

/// The server to test on.
pub fn url() -> String {
    env::var("REDIS_URL").expect(
        "REDIS_URL is not set: it names a Redis server for these tests, such as \
         redis://127.0.0.1:6379/ (`scripts/with-servers` starts one)",
    )
}

/// A name that no other test has.
pub fn prefix() -> String {
    format!("test-{:016x}", RandomState::new().hash_one(0))
}

/// Settings of a store that keeps everything, as the laws ask for it.
pub fn everything() -> RedisStoreBuilder {
    RedisStore::builder()
        .prefix(prefix())
        .accepting_loss_of_factors()
        .accepting_loss_of_ceilings()
}

/// Where a store has never been before.
pub trait Install {
    /// On a standalone server.
    fn install(self, url: String) -> impl Future<Output = RedisStore> + Send;
    /// On a cluster.
    fn install_cluster(self, urls: Vec<String>) -> impl Future<Output = RedisStore> + Send;
}

impl Install for RedisStoreBuilder {
    async fn install(self, url: String) -> RedisStore {
        let store = patiently(|| self.clone().connect(url.clone())).await;
        patiently(|| store.initialize()).await;
        store
    }

    async fn install_cluster(self, urls: Vec<String>) -> RedisStore {
        let store = patiently(|| self.clone().cluster(urls.clone())).await;
        patiently(|| store.initialize()).await;
        store
    }
}

/// Removes the keys of a prefix.
pub fn clean(url: &str, prefix: &str) {
    let client = redis::Client::open(url).expect("an address");
    let mut connection = client.get_connection().expect("the server answers");
    let mut cursor = 0_u64;
    loop {
        let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(format!("{{{prefix}}}:*"))
            .arg("COUNT")
            .arg(1_000)
            .query(&mut connection)
            .expect("the server answers");
        if !keys.is_empty() {
            let _: u64 = redis::cmd("UNLINK")
                .arg(keys)
                .query(&mut connection)
                .expect("the server answers");
        }
        if next == 0 {
            return;
        }
        cursor = next;
    }
}

/// A prefix on the server of `REDIS_URL`, whose keys go away with it.
#[derive(Debug)]
pub struct Prefix(String);

impl Prefix {
    /// One that no other test has.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self(prefix())
    }

    /// What keys begin with.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        clean(&url(), &self.0);
    }
}
