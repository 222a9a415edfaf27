//! A cluster whose members are killed, stopped or promoted, whose slots move. Each test starts its own.

#![cfg(unix)]

#[path = "support/clients.rs"]
mod clients;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/outages.rs"]
mod outages;
#[path = "support/verbs.rs"]
mod verbs;

use core::time::Duration;
use std::{sync::Arc, time::Instant};

use fixture::{CODE, Fixture, PROMPT, REPLICATES, at_once, now, outage};
use testing::{
    patiently,
    redis::{Cluster, Install, Server, everything, prefix},
};
use token_store::{
    FactorState, FactorStore, Redeemed, StoreError, TokenStore,
    ott_core::{Presented, Reason, State},
};
use token_store_redis::{Outage, redis};

/// A store on a new cluster, with a token and a factor in it.
async fn with_a_token(prefix: &str) -> (Cluster, Fixture, Presented) {
    let cluster = Cluster::patient().await;
    let builder = everything().prefix(prefix).timeout(Duration::from_secs(10));
    let fixture = Fixture::new(builder.install_cluster(cluster.urls()).await);
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    let factor = fixture.factor(1, FactorState::Active);
    let new = fixture.store.insert_factor(&factor).await;
    assert!(new.expect("the store answers"));
    (cluster, fixture, right)
}

/// Another primary has the slot now: the same store finds it, believes nothing of before, and goes on.
async fn goes_on(fixture: &Fixture, right: &Presented) {
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
    assert!(
        matches!(outage(&told), Some(Outage::Lost { .. })),
        "{told:?}"
    );
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    let told = fixture.store.redeem(&right, now()).await;
    assert!(matches!(told, Ok(Redeemed::Redeemed(_))), "{told:?}");
}

/// The store finds a promoted replica and treats it as a new primary.
#[tokio::test(flavor = "multi_thread")]
async fn promoted_member_is_found_and_counts_as_new() {
    let prefix = prefix();
    let (mut cluster, fixture, right) = with_a_token(&prefix).await;
    let owner = cluster.owner(&prefix).await;
    let replica = cluster.replica(owner).await;
    // A first replica makes a new replication id, of the same process: nothing is lost by that.
    let found = fixture.store.find(right.id()).await;
    assert!(found.expect("the store answers").is_some());
    replica.caught_up(member(&cluster, owner)).await;
    cluster.members.get_mut(owner).expect("one of three").kill();
    replica.ask("CLUSTER FAILOVER TAKEOVER").await;
    goes_on(&fixture, &right).await;
}

/// The store finds a slot that moved and treats its new member as a new primary.
#[tokio::test(flavor = "multi_thread")]
async fn moved_slot_is_found_and_counts_as_new() {
    let prefix = prefix();
    let (cluster, fixture, right) = with_a_token(&prefix).await;
    let (slot, from) = (cluster.slot(&prefix).await, cluster.owner(&prefix).await);
    let to = (from + 1) % 3;
    let (from_id, to_id) = (cluster.id(from).await, cluster.id(to).await);
    let member = |at| member(&cluster, at);
    let importing = format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}");
    member(to).ask(&importing).await;
    let migrating = format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}");
    member(from).ask(&migrating).await;
    let keys = format!("CLUSTER GETKEYSINSLOT {slot} 100");
    let keys: Vec<String> = redis::from_redis_value(member(from).ask(&keys).await).expect("names");
    assert!(keys.len() > 4, "{keys:?}");
    let port = member(to).port();
    for key in keys {
        member(from)
            .ask(&format!("MIGRATE 127.0.0.1 {port} {key} 0 60000"))
            .await;
    }
    for at in [to, from, (to + 1) % 3] {
        member(at)
            .ask(&format!("CLUSTER SETSLOT {slot} NODE {to_id}"))
            .await;
    }
    goes_on(&fixture, &right).await;
}

/// Which member it is.
fn member(cluster: &Cluster, at: usize) -> &Server {
    cluster.members.get(at).expect("one of three")
}

/// While a primary hangs every verb times out; once its replica is promoted, verbs go there.
#[tokio::test(flavor = "multi_thread")]
async fn hung_primary_times_out_until_its_replica_leads() {
    const LIMIT: Duration = Duration::from_secs(8);
    let prefix = prefix();
    let cluster = Cluster::patient().await;
    let builder = everything().prefix(&prefix).timeout(LIMIT);
    let store = builder.install_cluster(cluster.urls()).await;
    let fixture = Arc::new(Fixture::new(store));
    let (code, prompt) = (fixture.insert(&CODE).await, fixture.insert(&PROMPT).await);
    let factor = fixture.factor(1, FactorState::Active);
    assert!(
        fixture
            .store
            .insert_factor(&factor)
            .await
            .expect("an answer")
    );
    let owner = cluster.owner(&prefix).await;
    let replica = cluster.replica(owner).await;
    member(&cluster, owner).signal("-STOP");
    let begun = Instant::now();
    for (verb, told) in at_once(verbs::every_verb(&fixture, &code, &prompt)).await {
        assert!(matches!(told, Err(StoreError::Timeout)), "{verb}: {told:?}");
    }
    let slack = Duration::from_secs(10);
    assert!(begun.elapsed() < LIMIT + slack, "{:?}", begun.elapsed());
    // As an operator does it, since a busy machine may miss the time in which members vote.
    replica.ask("CLUSTER FAILOVER TAKEOVER").await;
    // The old one hangs on, and its connections stand.
    let since = Instant::now();
    goes_on(&fixture, &fixture.right(&CODE, &code)).await;
    assert!(since.elapsed() < 5 * LIMIT + slack, "{:?}", since.elapsed());
}

/// Members that hang hold up nothing unless they have the slot.
#[tokio::test(flavor = "multi_thread")]
async fn hung_members_of_other_slots_hold_up_nothing() {
    let prefix = prefix();
    let (cluster, fixture, right) = with_a_token(&prefix).await;
    let owner = cluster.owner(&prefix).await;
    for at in (0..3).filter(|at| *at != owner) {
        member(&cluster, at).signal("-STOP");
    }
    let begun = Instant::now();
    let told = fixture.store.redeem(&right, now()).await;
    assert!(matches!(told, Ok(Redeemed::Redeemed(_))), "{told:?}");
    let new = everything()
        .prefix(&prefix)
        .timeout(Duration::from_secs(30));
    let new = new.cluster(cluster.urls()).await;
    assert!(new.is_ok(), "{new:?}");
    // Whoever waits for one of them waits for half of the time-out.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    for at in (0..3).filter(|at| *at != owner) {
        member(&cluster, at).signal("-CONT");
    }
}

/// In a cluster too, a write that too few replicas have is no success.
#[tokio::test(flavor = "multi_thread")]
async fn write_with_too_few_replicas_fails_in_a_cluster() {
    let prefix = prefix();
    let cluster = Cluster::patient().await;
    let owner = cluster.owner(&prefix).await;
    let mut replica = cluster.replica(owner).await;
    let builder = everything().prefix(&prefix).replicas(1).timeout(REPLICATES);
    let store = builder.clone().install_cluster(cluster.urls()).await;
    let hasty = builder.timeout(Duration::from_secs(10));
    let hasty = patiently(|| hasty.clone().cluster(cluster.urls())).await;
    let fixture = Fixture::new(store);
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    let told = fixture.store.redeem(&right, now()).await;
    assert!(matches!(told, Ok(Redeemed::Redeemed(_))), "{told:?}");
    let issued = fixture.insert(&CODE).await;
    replica.kill();
    let right = fixture.right(&CODE, &issued);
    let told = hasty.redeem(&right, now()).await;
    assert!(
        matches!(
            outage(&told),
            Some(Outage::FewReplicas {
                acknowledged: 0,
                wanted: 1
            })
        ),
        "{told:?}"
    );
    // Reading waits for nobody, and shows that it was done.
    let found = fixture.store.find(right.id()).await.expect("an answer");
    assert_eq!(found.expect("a record").state, State::Spent);
}

/// Ten thousand clients redeem a thousand tokens of a cluster, a thousand times in all.
#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_cluster_redeem_each_token_once() {
    let cluster = Cluster::patient().await;
    let builder = everything().timeout(Duration::from_secs(60));
    let fixture = Fixture::new(builder.install_cluster(cluster.urls()).await);
    clients::ten_thousand(&fixture).await;
}
