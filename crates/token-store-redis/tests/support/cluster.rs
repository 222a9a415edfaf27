//! A Redis Cluster of three that a test starts itself.

#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::indexing_slicing, reason = "there are three")]

use core::time::Duration;
use std::time::Instant;

use token_store_redis::redis;

use crate::server::Server;

const MEMBER: &[&str] = &["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    pub(crate) members: Vec<Server>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let mut members = Vec::new();
        for _ in 0..3 {
            members.push(Server::start(MEMBER).await);
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
        Self::ready(cluster.members.iter(), 3).await;
        cluster
    }

    /// Who has the slot of this prefix.
    pub(crate) async fn owner(&self, prefix: &str) -> usize {
        let slot = self.slot(prefix).await;
        usize::from(slot > 5_460).saturating_add(usize::from(slot > 10_922))
    }

    pub(crate) async fn slot(&self, prefix: &str) -> u16 {
        let slot = self.members[0]
            .ask(&format!("CLUSTER KEYSLOT {{{prefix}}}"))
            .await;
        redis::from_redis_value(slot).expect("a number")
    }

    /// The name by which members know one of them.
    pub(crate) async fn id(&self, member: usize) -> String {
        let id = self.members[member].ask("CLUSTER MYID").await;
        redis::from_redis_value(id).expect("a text")
    }

    /// A replica of a member, which has everything.
    pub(crate) async fn replica(&self, member: usize) -> Server {
        let replica = Server::start(MEMBER).await;
        let meet = format!("CLUSTER MEET 127.0.0.1 {}", self.members[member].port());
        replica.ask(&meet).await;
        let replicate = format!("CLUSTER REPLICATE {}", self.id(member).await);
        let begun = Instant::now();
        // Until it has heard of the other.
        while replica.try_ask(&replicate).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "no replica in time");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        replica.caught_up(&self.members[member]).await;
        // A member that has not heard of it does not believe that it was promoted.
        // Nor does one promote itself that has not heard of all the others.
        Self::ready(self.members.iter().chain([&replica]), 4).await;
        replica
    }

    /// Waits until every member knows all of them and where every slot is.
    async fn ready(members: impl Iterator<Item = &Server>, nodes: usize) {
        let begun = Instant::now();
        let all = format!("cluster_known_nodes:{nodes}");
        for member in members {
            loop {
                let info = member.ask("CLUSTER INFO").await;
                let info: String = redis::from_redis_value(info).expect("a text");
                if info.contains("cluster_state:ok") && info.contains(&all) {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "no cluster in time");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.members.iter().map(Server::url).collect()
    }
}
