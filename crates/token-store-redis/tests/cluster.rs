//! The laws of `token-store`, all of them, over a Redis Cluster of three.

use core::time::Duration;
use std::sync::Arc;

use testing::redis::{Cluster, Install, everything};
use token_store::conformance::Harness;
use token_store_redis::RedisStore;
use tokio::sync::OnceCell;

/// A cluster that ends with the test.
#[derive(Default)]
struct Three(OnceCell<Cluster>);

impl Harness for Three {
    type Store = RedisStore;

    async fn store(&self) -> Arc<RedisStore> {
        let cluster = self.0.get_or_init(Cluster::start).await;
        let builder = everything().timeout(Duration::from_secs(30));
        Arc::new(builder.install_cluster(cluster.urls()).await)
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
}
