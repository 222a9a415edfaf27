//! A Redis Cluster of three that a test starts itself.

use core::time::Duration;
use std::time::Instant;

use crate::server::Server;

pub(crate) struct Cluster {
    pub(crate) members: Vec<Server>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let mut members = Vec::new();
        for _ in 0..3 {
            let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
            members.push(Server::start(&options).await);
        }
        let cluster = Self { members };
        let thirds = ["0 5460", "5461 10922", "10923 16383"];
        for (member, third) in cluster.members.iter().zip(thirds) {
            member.ask(&format!("CLUSTER ADDSLOTSRANGE {third}")).await;
            for other in &cluster.members {
                let meet = format!("CLUSTER MEET 127.0.0.1 {}", other.port());
                member.ask(&meet).await;
            }
        }
        cluster.ready().await;
        cluster
    }

    /// Waits until every member knows where every slot is.
    async fn ready(&self) {
        let begun = Instant::now();
        for member in &self.members {
            loop {
                let info = member.ask("CLUSTER INFO").await;
                let info: String =
                    token_store_redis::redis::from_redis_value(info).expect("a text");
                if info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3") {
                    break;
                }
                assert!(
                    begun.elapsed() < Duration::from_secs(30),
                    "no cluster in time"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.members.iter().map(Server::url).collect()
    }
}
