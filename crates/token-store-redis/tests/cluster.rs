//! The laws of `token-store`, all of them, over a Redis Cluster of three.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use testing::redis::{Cluster, Install, everything, prefix};
use token_store::conformance::Harness;
use token_store_redis::RedisStore;
use tokio::sync::OnceCell;

const LONG: Duration = Duration::from_secs(120);

/// A cluster that ends with the test.
#[derive(Default)]
struct Three {
    cluster: OnceCell<Cluster>,
    prefix: Mutex<String>,
}

impl Harness for Three {
    type Store = RedisStore;

    async fn store(&self) -> Arc<RedisStore> {
        let cluster = self.cluster.get_or_init(Cluster::patient).await;
        let prefix = prefix();
        let builder = everything().prefix(&prefix).timeout(LONG);
        *self.prefix.lock().expect("no test panicked") = prefix;
        Arc::new(builder.install_cluster(cluster.urls()).await)
    }

    /// The laws ask for one of the store that was made last.
    async fn another(&self, _: &Arc<RedisStore>) -> Arc<RedisStore> {
        let cluster = self.cluster.get_or_init(Cluster::patient).await;
        let prefix = self.prefix.lock().expect("no test panicked").clone();
        let builder = everything().prefix(prefix).timeout(LONG);
        let another = builder.cluster(cluster.urls()).await;
        Arc::new(another.expect("the cluster answers"))
    }

    async fn broken(&self) -> Arc<RedisStore> {
        let mut cluster = Cluster::start().await;
        let builder = everything().timeout(self.patience());
        let store = builder.install_cluster(cluster.urls()).await;
        for member in &mut cluster.members {
            member.kill();
        }
        Arc::new(store)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(2)
    }
}

/// Named for the report of `scripts/test`.
mod redis_cluster {
    use super::Three;

    token_store::laws!(Three::default());
    token_store::laws!(charged: Three::default());
    token_store::laws!(charged_factors: Three::default());
}
