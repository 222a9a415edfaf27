//! The laws of `token-store`, all of them, over the server of `REDIS_URL`.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use testing::redis::{Install, Server, clean, everything, prefix, url};
use token_store::conformance::Harness;
use token_store_redis::RedisStore;

const LONG: Duration = Duration::from_secs(120);

/// Prefixes whose keys go away with the test.
#[derive(Default)]
struct Prefixes(Mutex<Vec<String>>);

impl Drop for Prefixes {
    fn drop(&mut self) {
        for prefix in self.0.get_mut().expect("no test panicked").drain(..) {
            clean(&url(), &prefix);
        }
    }
}

impl Harness for Prefixes {
    type Store = RedisStore;

    async fn store(&self) -> Arc<RedisStore> {
        let prefix = prefix();
        let builder = everything().prefix(&prefix).timeout(LONG);
        self.0.lock().expect("no test panicked").push(prefix);
        Arc::new(builder.install(url()).await)
    }

    /// The laws ask for one of the store that was made last.
    async fn another(&self, _: &Arc<RedisStore>) -> Arc<RedisStore> {
        let prefix = {
            let prefixes = self.0.lock().expect("no test panicked");
            prefixes.last().expect("a store was made").clone()
        };
        let builder = everything().prefix(prefix).timeout(LONG);
        Arc::new(builder.connect(url()).await.expect("the server will do"))
    }

    async fn broken(&self) -> Arc<RedisStore> {
        let mut server = Server::start(&[]).await;
        let builder = everything().timeout(self.patience());
        let store = builder.install(server.url()).await;
        server.kill();
        Arc::new(store)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(2)
    }
}

/// Named for the report of `scripts/test`.
mod redis {
    use super::Prefixes;

    token_store::laws!(Prefixes::default());
    token_store::laws!(charged: Prefixes::default());
    token_store::laws!(charged_factors: Prefixes::default());
}
