//! Primaries that were promoted, or are behind what a process has seen. Each test starts its own.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/outages.rs"]
mod outages;

use fixture::{CODE, Fixture, LINK, charge, now, outage};
use outages::{CEILING, PACE, lost, one_left, redeems, until_it_answers};
use testing::proxy::Proxy;
use testing::redis::{DURABLE, Install, Server, everything};
use token_store::{
    Advanced, FactorState, FactorStore, LimitStore, Spent, TokenStore,
    ott_core::{
        Reason,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use token_store_redis::{Outage, RedisStore, RedisStoreBuilder, StartError};

/// A replica answers no verb, and no store starts on one.
#[tokio::test(flavor = "multi_thread")]
async fn replica_answers_nothing_and_starts_no_store() {
    let primary = Server::start(&[]).await;
    let builder = everything();
    let fixture = Fixture::new(builder.clone().install(primary.url()).await);
    let issued = fixture.insert(&CODE).await;
    let other = Server::start(&[]).await;
    let store = builder.clone().connect(other.url()).await.unwrap();
    let told = store.find(issued.record.id()).await;
    assert_eq!(told.unwrap(), None);
    other
        .ask(&format!("REPLICAOF 127.0.0.1 {}", primary.port()))
        .await;
    other.caught_up(&primary).await;
    let told = store.find(issued.record.id()).await;
    assert!(
        matches!(outage(&told), Some(Outage::NotPrimary)),
        "{told:?}"
    );
    let told = store.redeem(&fixture.right(&CODE, &issued), now()).await;
    assert!(
        matches!(outage(&told), Some(Outage::NotPrimary)),
        "{told:?}"
    );
    let Err(StartError::Store(told)) = builder.connect(other.url()).await else {
        panic!("a store on a replica");
    };
    let told = Err::<(), _>(told);
    assert!(
        matches!(outage(&told), Some(Outage::NotPrimary)),
        "{told:?}"
    );
}

/// A promoted replica that missed the last writes grants nothing twice, even if every write is synced.
#[tokio::test(flavor = "multi_thread")]
async fn promoted_replica_grants_nothing_twice() {
    promoted(DURABLE, everything()).await;
}

async fn promoted(options: &[&str], builder: RedisStoreBuilder) {
    let mut primary = Server::start(options).await;
    let fixture = Fixture::new(builder.clone().install(primary.url()).await);
    let (store, factor) = (&fixture.store, fixture.factor(1, FactorState::Active));
    let (code, link) = (fixture.insert(&CODE).await, fixture.insert(&LINK).await);
    assert!(store.insert_factor(&factor).await.unwrap());
    let (pace, ceiling) = ([charge("pace", PACE)], [charge("ceiling", CEILING)]);
    assert_eq!(store.spend(&pace, now()).await.unwrap(), Spent::Allowed);
    let replica = primary.replica(options).await;
    // From here on it misses everything.
    replica.ask("REPLICAOF NO ONE").await;
    let (code, link) = (fixture.right(&CODE, &code), fixture.right(&LINK, &link));
    assert_eq!(redeems(store, &code).await, None);
    assert_eq!(
        store.advance(&factor.id, 7, now()).await.unwrap(),
        Advanced::Accepted
    );
    for _ in 0..3 {
        assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    }
    for _ in 0..4 {
        assert_eq!(store.spend(&pace, now()).await.unwrap(), Spent::Allowed);
        assert_eq!(
            store
                .spend(&[charge("new pace", PACE)], now())
                .await
                .unwrap(),
            Spent::Allowed
        );
    }
    primary.kill();

    let store = builder.connect(replica.url()).await.unwrap();
    for right in [&code, &link] {
        assert_eq!(redeems(&store, right).await, Some(Reason::Unknown));
    }
    let number = lost(&store, &factor.id).await;
    for name in ["pace", "new pace"] {
        one_left(&store, name).await;
        let charge = [charge(name, PACE)];
        // Clearing is a success's, and gives all of it back.
        store.clear(&charge[0].key).await.unwrap();
        for _ in 0..5 {
            assert_eq!(store.spend(&charge, now()).await.unwrap(), Spent::Allowed);
        }
        assert_ne!(store.spend(&charge, now()).await.unwrap(), Spent::Allowed);
    }
    // Accepted is what was seen to be lost, and nothing else.
    let told = store.accept_lost_writes(number + 1).await;
    assert!(
        matches!(outage(&told), Some(Outage::Lost { number: named }) if *named == number),
        "{told:?}"
    );
    assert_eq!(lost(&store, &factor.id).await, number);
    store.accept_lost_writes(number).await.unwrap();
    // From here on it counts as it stands there: what was burnt and is lost passes once more, and no
    // more than once. So whoever accepts waits for as long as a code lives.
    for expected in [Advanced::Accepted, Advanced::Replayed] {
        let told = store.advance(&factor.id, 7, now()).await.unwrap();
        assert_eq!(told, expected);
    }
    for _ in 0..3 {
        assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    }
    assert_ne!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
}

/// A primary that was a replica meanwhile is another one.
#[tokio::test(flavor = "multi_thread")]
async fn primary_that_was_a_replica_is_another_one() {
    let primary = Server::start(&[]).await;
    let fixture = Fixture::new(everything().install(primary.url()).await);
    let (store, factor) = (&fixture.store, fixture.factor(1, FactorState::Active));
    assert!(store.insert_factor(&factor).await.unwrap());
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    let mut replica = primary.replica(&[]).await;
    // By now its id is new, since it has a replica, and nothing is lost by that.
    assert!(store.find(right.id()).await.unwrap().is_some());
    replica.caught_up(&primary).await;
    replica.ask("REPLICAOF NO ONE").await;
    assert_eq!(redeems(store, &right).await, None);
    // It takes over what the other has, and is promoted again, all in one life.
    primary
        .ask(&format!("REPLICAOF 127.0.0.1 {}", replica.port()))
        .await;
    primary.caught_up(&replica).await;
    replica.kill();
    primary.ask("REPLICAOF NO ONE").await;
    assert_eq!(redeems(store, &right).await, Some(Reason::Unknown));
    lost(store, &factor.id).await;
}

/// A process that has seen the next primary treats the old one as a further new primary.
#[tokio::test(flavor = "multi_thread")]
async fn old_primary_that_comes_back_is_a_new_one() {
    let first = Server::start(&[]).await;
    let proxy = Proxy::start(0, first.port()).await;
    let fixture = Fixture::new(everything().install(proxy.url()).await);
    let (store, factor) = (&fixture.store, fixture.factor(1, FactorState::Active));
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    let ceiling = [charge("ceiling", CEILING)];
    let second = first.replica(&[]).await;
    second.ask("REPLICAOF NO ONE").await;
    proxy.lead_to(second.port());
    proxy.cut().await;
    until_it_answers(store).await;
    let number = lost(store, &factor.id).await;
    store.accept_lost_writes(number).await.unwrap();
    for _ in 0..3 {
        assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    }
    assert_ne!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    // Back to the first, which still takes itself for the primary and knows of no spend.
    proxy.lead_to(first.port());
    proxy.cut().await;
    until_it_answers(store).await;
    assert!(lost(store, &factor.id).await > number);
    assert_eq!(redeems(store, &right).await, Some(Reason::Unknown));
    one_left(store, "pace").await;
}

/// A primary that was a replica until now.
async fn promotion() -> (Server, RedisStore) {
    let primary = Server::start(&[]).await;
    let builder = everything();
    let store = builder.clone().install(primary.url()).await;
    until_it_answers(&store).await;
    let replica = primary.replica(&[]).await;
    replica.ask("REPLICAOF NO ONE").await;
    let store = builder.connect(replica.url()).await.unwrap();
    (replica, store)
}

/// How often a new pace allows at this time.
async fn allows(store: &RedisStore, name: &str, now: DateTime<Utc>) -> u32 {
    let (pace, mut allowed) = ([charge(name, PACE)], 0);
    while store.spend(&pace, now).await.unwrap() == Spent::Allowed {
        allowed += 1;
    }
    allowed
}

/// After a promotion no pace depends on the clock of the first caller.
#[tokio::test(flavor = "multi_thread")]
async fn paces_after_a_promotion_depend_on_no_caller_clock() {
    let (now, hour) = (now() + TimeDelta::days(1), TimeDelta::hours(1));
    for first in [now - hour, now + hour, now] {
        let (_server, store) = promotion().await;
        assert_eq!(allows(&store, "the first", first).await, 1, "{first}");
        for (name, clock) in [("here", now), ("behind", now - hour), ("ahead", now + hour)] {
            assert_eq!(allows(&store, name, clock).await, 1, "{first}, {name}");
        }
    }
}

/// Paces are full again once the primary is old enough by its own clock.
#[tokio::test(flavor = "multi_thread")]
async fn paces_recover_by_the_clock_of_the_primary() {
    let (server, store) = promotion().await;
    assert_eq!(allows(&store, "at once", now()).await, 1);
    // As if it had been promoted 25 minutes ago.
    let keys: Vec<String> =
        token_store_redis::redis::from_redis_value(server.ask("KEYS *:epoch").await).unwrap();
    let [epoch] = keys.as_slice() else {
        panic!("one store: {keys:?}");
    };
    let since = server.ask(&format!("HGET {epoch} since")).await;
    let since: i64 = token_store_redis::redis::from_redis_value(since).unwrap();
    let earlier = since - 25 * 60 * 1_000_000;
    server.ask(&format!("HSET {epoch} since {earlier}")).await;
    assert_eq!(allows(&store, "later", now()).await, 3);
    server.ask(&format!("HSET {epoch} since 0")).await;
    assert_eq!(allows(&store, "much later", now()).await, 5);
    // What was spent since the promotion stays spent.
    assert_eq!(allows(&store, "at once", now()).await, 0);
}
