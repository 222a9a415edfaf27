//! Servers that are killed, full, or that evict; answers that are lost. Each test starts its own.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/outages.rs"]
mod outages;

use core::time::Duration;
use std::time::Instant;

use fixture::{CODE, Fixture, PROMPT, REPLICATES, at_once, charge, now, outage};
use outages::{PACE, redeems, until_it_answers};
use testing::{
    patiently,
    proxy::Proxy,
    redis::{Install, Server, everything, free_port},
};
use token_store::{
    Advanced, Charged, ChargedFactors, FactorState, FactorStore, Guess, LimitStore, Revoke, Spent,
    StoreError, TokenStore,
    ott_core::{Limit, State},
};
use token_store_redis::{Outage, RedisStore, StartError};

/// A server that evicts is refused at the start and later.
#[tokio::test(flavor = "multi_thread")]
async fn server_that_evicts_is_refused_at_start_and_later() {
    let server = Server::start(&["--maxmemory-policy", "volatile-lru"]).await;
    let told = everything().connect(server.url()).await;
    assert!(
        matches!(&told, Err(StartError::Evicts { policy }) if policy == "volatile-lru"),
        "{told:?}"
    );
    server.ask("CONFIG SET maxmemory-policy noeviction").await;
    let builder = everything().recheck_every(Duration::from_millis(100));
    let fixture = Fixture::new(builder.install(server.url()).await);
    let issued = fixture.insert(&CODE).await;
    server.ask("CONFIG SET maxmemory-policy allkeys-lfu").await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    // Whoever finds it due asks the server; then all of them are refused, as long as it lasts.
    let right = fixture.right(&CODE, &issued);
    let told = fixture.store.redeem(&right, now()).await;
    assert!(matches!(outage(&told), Some(Outage::Evicts)), "{told:?}");
    let tries = (0..8).map(|_| {
        let (store, right) = (fixture.store.clone(), right.clone());
        async move { store.redeem(&right, now()).await }
    });
    for told in at_once(tries).await {
        assert!(matches!(outage(&told), Some(Outage::Evicts)), "{told:?}");
    }
    let told = fixture.store.spend(&[charge("pace", PACE)], now()).await;
    assert!(matches!(outage(&told), Some(Outage::Evicts)), "{told:?}");
    server.ask("CONFIG SET maxmemory-policy noeviction").await;
    let told = fixture.store.spend(&[charge("pace", PACE)], now()).await;
    assert!(matches!(told, Ok(Spent::Allowed)), "{told:?}");
}

/// If the memory is full, a verb is done whole or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn full_memory_does_nothing_half() {
    let server = Server::start(&[]).await;
    let fixture = Fixture::new(everything().install(server.url()).await);
    let store = &fixture.store;
    let (code, prompt) = (fixture.insert(&CODE).await, fixture.insert(&PROMPT).await);
    let factor = fixture.factor(1, FactorState::Active);
    assert!(store.insert_factor(&factor).await.unwrap());
    let guessed = [charge("guessed", Limit::ceiling(3))];
    let cleared = [guessed[0].key];
    assert_eq!(store.spend(&guessed, now()).await.unwrap(), Spent::Allowed);
    let guess = |right: Option<u64>| Guess {
        right: right.map(|counter| (factor.id, counter)),
        charges: &guessed,
        cleared: &cleared,
    };
    server.ask("CONFIG SET maxmemory 1").await;
    let other = fixture.issue(&CODE).record;
    let (right, approval) = (fixture.right(&CODE, &code), fixture.approval(&prompt));
    let told = [
        store.insert(core::slice::from_ref(&other)).await.map(drop),
        store.redeem(&right, now()).await.map(drop),
        store.redeem(&fixture.wrong(&code), now()).await.map(drop),
        store
            .decide(prompt.record.id(), &approval, now())
            .await
            .map(drop),
        store
            .revoke(&Revoke::subject(&fixture.alice))
            .await
            .map(drop),
        store.advance(&factor.id, 1, now()).await.map(drop),
        store.spend(&[charge("pace", PACE)], now()).await.map(drop),
        store.advance_charged(guess(None), now()).await.map(drop),
        store.advance_charged(guess(Some(1)), now()).await.map(drop),
    ];
    for (verb, told) in told.iter().enumerate() {
        assert!(
            matches!(told, Err(StoreError::Unavailable(_))),
            "{verb}: {told:?}"
        );
    }
    server.ask("CONFIG SET maxmemory 0").await;
    let found = store.find(code.record.id()).await.unwrap().unwrap();
    assert_eq!((found.state, found.attempts), (State::Ready, 0));
    assert_eq!(store.find(other.id()).await.unwrap(), None);
    assert_eq!(redeems(store, &right).await, None);
    let looked = store.look(&fixture.alice, &cleared).await.unwrap();
    assert_eq!(looked.limits[&cleared[0]].count, 1);
    let again = store.advance_charged(guess(Some(1)), now()).await.unwrap();
    assert_eq!(again, Charged::Answered(Some(Advanced::Accepted)));
}

/// A command that was not answered is not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn commands_without_an_answer_are_not_sent_again() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(0, server.port()).await;
    let store = everything().install(proxy.url()).await;
    cut_off(&store, &proxy).await;
}

/// A command to a cluster that was not answered is not sent again.
#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread")]
async fn commands_to_a_cluster_are_not_sent_again() {
    let port = free_port();
    let announced = port.to_string();
    let options = [
        "--cluster-enabled",
        "yes",
        "--cluster-announce-port",
        &announced,
    ];
    let server = Server::start(&options).await;
    server.ask("CLUSTER ADDSLOTSRANGE 0 16383").await;
    let proxy = Proxy::start(port, server.port()).await;
    let begun = Instant::now();
    let store = loop {
        match everything().cluster([proxy.url()]).await {
            Ok(store) => {
                assert!(store.initialize().await.unwrap());
                break store;
            }
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    cut_off(&store, &proxy).await;
}

/// The answer to a spend is lost on its way: it was charged once.
async fn cut_off(store: &RedisStore, proxy: &Proxy) {
    // By now the server has the script.
    let other = [charge("other", PACE)];
    assert_eq!(store.spend(&other, now()).await.unwrap(), Spent::Allowed);
    let ceiling = [charge("ceiling", Limit::ceiling(2))];
    proxy.lose_the_next_answer();
    let told = store.spend(&ceiling, now()).await;
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    until_it_answers(store).await;
    assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    let told = store.spend(&ceiling, now()).await.unwrap();
    assert_eq!(told, Spent::Locked(ceiling[0].key));
}

/// A write that too few replicas have is no success.
#[tokio::test(flavor = "multi_thread")]
async fn write_with_too_few_replicas_fails() {
    let primary = Server::start(&[]).await;
    let mut replica = primary.replica(&[]).await;
    let builder = everything().replicas(1).timeout(REPLICATES);
    let fixture = Fixture::new(builder.clone().install(primary.url()).await);
    let hasty = builder.timeout(Duration::from_secs(10));
    let hasty = patiently(|| hasty.clone().connect(primary.url())).await;
    let issued = fixture.insert(&CODE).await;
    replica.caught_up(&primary).await;
    assert_eq!(
        redeems(&fixture.store, &fixture.right(&CODE, &issued)).await,
        None
    );
    let issued = fixture.insert(&CODE).await;
    replica.kill();
    let begun = Instant::now();
    let told = hasty.redeem(&fixture.right(&CODE, &issued), now()).await;
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
    assert!(begun.elapsed() < Duration::from_secs(10));
    // Reading waits for nobody, and shows that it was done.
    let found = fixture.store.find(issued.record.id()).await.unwrap();
    assert_eq!(found.unwrap().state, State::Spent);
}

/// Scripts that the server forgot are sent again.
#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let server = Server::start(&[]).await;
    let fixture = Fixture::new(everything().install(server.url()).await);
    let issued = fixture.insert(&CODE).await;
    server.ask("SCRIPT FLUSH").await;
    assert_eq!(
        redeems(&fixture.store, &fixture.right(&CODE, &issued)).await,
        None
    );
}

/// Keys of another layout are neither read nor written.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_layout_stay_untouched() {
    let server = Server::start(&[]).await;
    let builder = everything().prefix("ott");
    let fixture = Fixture::new(builder.clone().install(server.url()).await);
    let right = fixture.right(&CODE, &fixture.insert(&CODE).await);
    for (change, found) in [
        ("HSET {ott}:epoch layout 2", 2),
        ("HSET {ott}:epoch layout newest", 0),
        ("HDEL {ott}:epoch layout", 0),
    ] {
        server.ask(change).await;
        let before = server.ask("HGETALL {ott}:epoch").await;
        let told = fixture.store.redeem(&right, now()).await;
        let is_refused = |told: Option<&Outage>| matches!(told, Some(Outage::Layout { found: named, known: 1 }) if *named == found);
        assert!(is_refused(outage(&told)), "{change}: {told:?}");
        let Err(StartError::Store(told)) = builder.clone().connect(server.url()).await else {
            panic!("{change}: a start");
        };
        let told = Err::<(), _>(told);
        assert!(is_refused(outage(&told)), "{change}: {told:?}");
        assert!(!fixture.store.initialize().await.unwrap());
        assert_eq!(server.ask("HGETALL {ott}:epoch").await, before, "{change}");
    }
    server.ask("HSET {ott}:epoch layout 1").await;
    assert_eq!(redeems(&fixture.store, &right).await, None);
}
