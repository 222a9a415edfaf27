//! The laws of `token-store`, all of them, over a Redis Cluster of three, and what a cluster adds.

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/common.rs"]
mod common;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/server.rs"]
mod server;

use core::time::Duration;
use std::{sync::Arc, time::Instant};

use cluster::Cluster;
use common::{everything, prefix};
use fixture::{CODE, Fixture, now, outage};
use token_store::{
    FactorState, FactorStore, Redeemed, TokenStore, conformance::Harness, ott_core::Reason,
};
use token_store_redis::{Outage, RedisStore};
use tokio::sync::OnceCell;

/// A cluster that ends with the test.
#[derive(Default)]
struct Three(OnceCell<Cluster>);

impl Harness for Three {
    type Store = RedisStore;

    async fn store(&self) -> Arc<RedisStore> {
        let cluster = self.0.get_or_init(Cluster::start).await;
        let builder = everything().timeout(Duration::from_secs(30));
        let store = builder.cluster(cluster.urls()).await;
        Arc::new(store.expect("a new cluster answers"))
    }

    async fn broken(&self) -> Arc<RedisStore> {
        let mut cluster = Cluster::start().await;
        let builder = everything().timeout(self.patience());
        let store = builder.cluster(cluster.urls()).await;
        for member in &mut cluster.members {
            member.kill();
        }
        Arc::new(store.expect("a new cluster answers"))
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

/// A store on a new cluster, with a token and a factor in it.
async fn with_a_token(prefix: &str) -> (Cluster, Fixture, token_store::ott_core::Presented) {
    let cluster = Cluster::start().await;
    let builder = everything().prefix(prefix).timeout(Duration::from_secs(5));
    let store = builder.cluster(cluster.urls()).await;
    let fixture = Fixture::new(store.expect("a new cluster answers"));
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    let factor = fixture.factor(1, FactorState::Active);
    let new = fixture.store.insert_factor(&factor).await;
    assert!(new.expect("the store answers"));
    (cluster, fixture, right)
}

/// Another primary has the slot now: the same store finds it, believes nothing of before, and goes on.
async fn goes_on(fixture: &Fixture, right: &token_store::ott_core::Presented) {
    let begun = Instant::now();
    let told = loop {
        match fixture.store.redeem(right, now()).await {
            Ok(told) => break told,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(told, Redeemed::Refused(Reason::Unknown));
    let factor = fixture.factor(1, FactorState::Active);
    let told = fixture.store.advance(&factor.id, 1, now()).await;
    assert!(matches!(outage(&told), Some(Outage::Lost)), "{told:?}");
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    let told = fixture.store.redeem(&right, now()).await;
    assert!(matches!(told, Ok(Redeemed::Redeemed(_))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_is_found_and_what_stands_there_is_not_believed() {
    let prefix = prefix();
    let (mut cluster, fixture, right) = with_a_token(&prefix).await;
    let owner = cluster.owner(&prefix).await;
    let replica = cluster.replica(owner).await;
    // A first replica makes a new replication id, of the same process: nothing is lost by that.
    let found = fixture.store.find(right.id()).await;
    assert!(found.expect("the store answers").is_some());
    replica
        .caught_up(cluster.members.get(owner).expect("one of three"))
        .await;
    cluster.members.get_mut(owner).expect("one of three").kill();
    replica.ask("CLUSTER FAILOVER TAKEOVER").await;
    goes_on(&fixture, &right).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_is_found_and_what_stands_there_is_not_believed() {
    let prefix = prefix();
    let (cluster, fixture, right) = with_a_token(&prefix).await;
    let (slot, from) = (cluster.slot(&prefix).await, cluster.owner(&prefix).await);
    let to = (from + 1) % 3;
    let (from_id, to_id) = (cluster.id(from).await, cluster.id(to).await);
    let member = |at: usize| cluster.members.get(at).expect("one of three");
    let importing = format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}");
    member(to).ask(&importing).await;
    let migrating = format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}");
    member(from).ask(&migrating).await;
    let keys = format!("CLUSTER GETKEYSINSLOT {slot} 100");
    let keys: Vec<String> =
        token_store_redis::redis::from_redis_value(member(from).ask(&keys).await).expect("names");
    assert!(keys.len() > 4, "{keys:?}");
    let port = member(to).port();
    for key in keys {
        member(from)
            .ask(&format!("MIGRATE 127.0.0.1 {port} {key} 0 1000"))
            .await;
    }
    for at in [to, from, (to + 1) % 3] {
        member(at)
            .ask(&format!("CLUSTER SETSLOT {slot} NODE {to_id}"))
            .await;
    }
    goes_on(&fixture, &right).await;
}
