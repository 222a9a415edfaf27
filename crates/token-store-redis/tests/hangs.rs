//! Servers that hang, and ways to them that swallow everything. Each test starts its own.

#![cfg(unix)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/outages.rs"]
mod outages;
#[path = "support/verbs.rs"]
mod verbs;

use core::time::Duration;
use std::{sync::Arc, time::Instant};

use fixture::{CODE, Fixture, PROMPT, at_once, now};
use outages::{redeems, until_it_answers};
use testing::proxy::Proxy;
use testing::redis::{Install, Server, everything};
use token_store::{FactorState, FactorStore, StoreError, TokenStore, ott_core::Reason};
use verbs::every_verb;

const LIMIT: Duration = Duration::from_secs(8);
/// What a machine that does much else may add.
const SLACK: Duration = Duration::from_secs(10);

/// If the server is stopped, every verb is a time-out within the time-out of the store.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_server_times_out_every_verb() {
    let server = Server::start(&[]).await;
    let store = everything().timeout(LIMIT).install(server.url()).await;
    let fixture = Arc::new(Fixture::new(store));
    let (code, prompt) = (fixture.insert(&CODE).await, fixture.insert(&PROMPT).await);
    for (id, state) in [(1, FactorState::Pending), (2, FactorState::Active)] {
        let factor = fixture.factor(id, state);
        assert!(fixture.store.insert_factor(&factor).await.unwrap());
    }
    // Where it does not hang, each of them is done.
    let other = Fixture::new(fixture.store.clone());
    let (one, two) = (other.insert(&CODE).await, other.insert(&PROMPT).await);
    for (verb, told) in at_once(every_verb(&Arc::new(other), &one, &two)).await {
        assert!(told.is_ok(), "{verb}: {told:?}");
    }
    server.signal("-STOP");
    let begun = Instant::now();
    for (verb, told) in at_once(every_verb(&fixture, &code, &prompt)).await {
        assert!(matches!(told, Err(StoreError::Timeout)), "{verb}: {told:?}");
    }
    assert!(begun.elapsed() < LIMIT + SLACK, "{:?}", begun.elapsed());
    server.signal("-CONT");
    until_it_answers(&fixture.store).await;
}

/// A verb that a stopped server received is done once or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_server_does_a_verb_once_or_never() {
    let server = Server::start(&[]).await;
    let store = everything().timeout(LIMIT).install(server.url()).await;
    let fixture = Fixture::new(store);
    let mut presented = Vec::new();
    for _ in 0..20 {
        presented.push(fixture.right(&CODE, &fixture.insert(&CODE).await));
    }
    server.signal("-STOP");
    let tries = presented.iter().map(|right| {
        let (store, right) = (fixture.store.clone(), right.clone());
        async move { store.redeem(&right, now()).await }
    });
    for told in at_once(tries).await {
        assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    }
    server.signal("-CONT");
    until_it_answers(&fixture.store).await;
    // Whoever was told of an outage asks again: it may have been done, but it is not done twice.
    for right in &presented {
        let reason = redeems(&fixture.store, right).await;
        assert!(matches!(reason, None | Some(Reason::Spent)), "{reason:?}");
        assert_eq!(redeems(&fixture.store, right).await, Some(Reason::Spent));
    }
}

/// A store goes on elsewhere while its old server still hangs.
#[tokio::test(flavor = "multi_thread")]
async fn store_goes_on_elsewhere_while_a_server_hangs() {
    let primary = Server::start(&[]).await;
    let proxy = Proxy::start(0, primary.port()).await;
    let store = everything().timeout(LIMIT).install(proxy.url()).await;
    let fixture = Fixture::new(store);
    let before = fixture.insert(&CODE).await;
    let replica = primary.replica(&[]).await;
    primary.signal("-STOP");
    replica.ask("REPLICAOF NO ONE").await;
    let right = fixture.right(&CODE, &before);
    let told = fixture.store.redeem(&right, now()).await;
    assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    // The name leads elsewhere from now on. The old connection stands, and hangs.
    proxy.lead_to(replica.port());
    let begun = Instant::now();
    until_it_answers(&fixture.store).await;
    assert!(begun.elapsed() < 3 * LIMIT + SLACK, "{:?}", begun.elapsed());
    assert_eq!(redeems(&fixture.store, &right).await, Some(Reason::Unknown));
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    assert_eq!(redeems(&fixture.store, &right).await, None);
}

/// If a connection leads nowhere any more while verbs wait on it, the next verb makes another.
#[tokio::test(flavor = "multi_thread")]
async fn dead_connection_is_made_anew() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(0, server.port()).await;
    let store = everything().timeout(LIMIT).install(proxy.url()).await;
    let fixture = Fixture::new(store);
    let right = fixture.right(&CODE, &fixture.insert(&CODE).await);
    server.signal("-STOP");
    let (store, id) = (fixture.store.clone(), *right.id());
    let asked = tokio::spawn(async move { store.find(&id).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    proxy.swallow();
    server.signal("-CONT");
    // Unless it asked first whether anybody is there, since the machine was slow.
    let told = asked.await.unwrap();
    assert!(matches!(told, Ok(_) | Err(StoreError::Timeout)), "{told:?}");
    // The very next verb.
    assert_eq!(redeems(&fixture.store, &right).await, None);
}

/// A verb that was dropped ends no connection.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_verb_ends_no_connection() {
    let server = Server::start(&[]).await;
    let fixture = Fixture::new(everything().install(server.url()).await);
    let id = *fixture.insert(&CODE).await.record.id();
    let clients = server.info("stats").await;
    for _ in 0..20 {
        let asked = fixture.store.find(&id);
        let _ = tokio::time::timeout(Duration::from_micros(1), asked).await;
        fixture.store.find(&id).await.unwrap();
    }
    let made = |stats: &str| -> u64 {
        let mut lines = stats.lines();
        let found = lines.find_map(|line| line.strip_prefix("total_connections_received:"));
        found.unwrap().trim().parse().unwrap()
    };
    // One that asks for this figure.
    assert_eq!(made(&server.info("stats").await), made(&clients) + 1);
}
