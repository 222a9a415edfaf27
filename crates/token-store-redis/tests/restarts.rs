//! Servers that restart, with their data, without, or with some of it. Each test starts its own.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/outages.rs"]
mod outages;

use std::sync::{Arc, Mutex};

use fixture::{CODE, Fixture, after, charge, now};
use outages::{CEILING, PACE, lost, one_left, redeems, until_it_answers};
use testing::redis::{DURABLE, Install, Server, everything};
use token_store::{
    Event, FactorState, FactorStore, LimitStore, Revoke, Spent, TokenStore,
    ott_core::{Reason, chrono::TimeDelta},
};
use token_store_redis::{RedisStoreBuilder, events, redis::Value};

/// The events of a store: their names and numbers.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Named>>>);

type Named = (&'static str, Option<u64>);

impl Told {
    fn by(&self, builder: RedisStoreBuilder) -> RedisStoreBuilder {
        let told = Arc::clone(&self.0);
        builder.events(move |event: Event| told.lock().unwrap().push((event.name, event.count)))
    }

    fn take(&self) -> Vec<Named> {
        core::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A store whose ceiling is used up, and whose server then comes back empty.
async fn emptied(builder: &RedisStoreBuilder) -> (Server, Fixture) {
    let mut server = Server::start(&[]).await;
    let fixture = Fixture::new(builder.clone().install(server.url()).await);
    let ceiling = [charge("ceiling", CEILING)];
    for _ in 0..3 {
        let told = fixture.store.spend(&ceiling, now()).await;
        assert_eq!(told.unwrap(), Spent::Allowed);
    }
    let told = fixture.store.spend(&ceiling, now()).await;
    assert_ne!(told.unwrap(), Spent::Allowed);
    server.kill();
    server.restart().await;
    assert_eq!(server.ask("DBSIZE").await, Value::Int(0));
    (server, fixture)
}

/// A server that comes back empty begins no ceiling anew.
#[tokio::test(flavor = "multi_thread")]
async fn empty_server_begins_no_ceiling_anew() {
    let told = Told::default();
    let (_server, fixture) = emptied(&told.by(everything())).await;
    let (store, factor) = (&fixture.store, fixture.factor(1, FactorState::Active));
    until_it_answers(store).await;
    let number = lost(store, &factor.id).await;
    one_left(store, "pace").await;
    assert_eq!(told.take(), [(events::PRIMARY_CHANGED, Some(number))]);
}

/// A server that comes back empty begins no ceiling anew, even if a new process asks first.
#[tokio::test(flavor = "multi_thread")]
async fn empty_server_begins_nothing_for_a_new_process() {
    let (told, builder) = (Told::default(), everything());
    let (server, fixture) = emptied(&told.by(builder.clone())).await;
    let factor = fixture.factor(1, FactorState::Active);
    let told_new = Told::default();
    let new = told_new.by(builder).connect(server.url()).await.unwrap();
    let number = lost(&new, &factor.id).await;
    one_left(&new, "pace").await;
    assert_eq!(told_new.take(), [(events::PRIMARY_CHANGED, Some(number))]);
    let new = Fixture::new(new);
    let issued = new.insert(&CODE).await;
    // The old one believes no more of it, and takes nothing from the new one.
    until_it_answers(&fixture.store).await;
    assert_eq!(lost(&fixture.store, &factor.id).await, number);
    one_left(&fixture.store, "another pace").await;
    assert_eq!(told.take(), [(events::PRIMARY_CHANGED, Some(number))]);
    let right = new.right(&CODE, &issued);
    assert_eq!(redeems(&new.store, &right).await, None);
    assert_eq!(told_new.take(), []);
}

/// A server that comes back empty begins no ceiling anew, even if somebody marks it as new by mistake.
#[tokio::test(flavor = "multi_thread")]
async fn empty_server_said_new_by_mistake_begins_nothing() {
    let builder = everything();
    let (server, fixture) = emptied(&builder).await;
    let factor = fixture.factor(1, FactorState::Active);
    // Whoever remembers what stood there does not.
    assert!(!fixture.store.initialize().await.unwrap());
    let new = builder.clone().install(server.url()).await;
    assert!(!new.initialize().await.unwrap());
    until_it_answers(&fixture.store).await;
    let number = lost(&fixture.store, &factor.id).await;
    assert_eq!(lost(&new, &factor.id).await, number);
    one_left(&new, "pace").await;
}

/// On a new server paces are full and ceilings count at once, if somebody says that it is new.
#[tokio::test(flavor = "multi_thread")]
async fn new_server_counts_at_once_once_it_is_said_new() {
    let server = Server::start(&[]).await;
    let store = everything().connect(server.url()).await.unwrap();
    let factor = Fixture::new(store.clone()).factor(1, FactorState::Active);
    assert!(store.initialize().await.unwrap());
    assert!(!store.initialize().await.unwrap());
    assert!(store.insert_factor(&factor).await.unwrap());
    let (pace, ceiling) = ([charge("pace", PACE)], [charge("ceiling", CEILING)]);
    for _ in 0..5 {
        assert_eq!(store.spend(&pace, now()).await.unwrap(), Spent::Allowed);
    }
    assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    // Once anything stands there it is not new: here the first verb took it for one that lost everything.
    let store = everything().connect(server.url()).await.unwrap();
    one_left(&store, "pace").await;
    assert!(!store.initialize().await.unwrap());
    lost(&store, &factor.id).await;
}

/// After a restart no token from before can be redeemed, whatever the server kept.
#[tokio::test(flavor = "multi_thread")]
async fn restart_leaves_no_token() {
    // It keeps its data here, and cannot tell that it is its own.
    let mut server = Server::start(DURABLE).await;
    let fixture = Fixture::new(everything().install(server.url()).await);
    let (store, factor) = (&fixture.store, fixture.factor(1, FactorState::Active));
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    assert!(store.insert_factor(&factor).await.unwrap());
    server.kill();
    server.restart().await;
    until_it_answers(store).await;
    let kept = server.ask("DBSIZE").await;
    assert!(matches!(kept, token_store_redis::redis::Value::Int(size) if size > 3));
    assert_eq!(redeems(store, &right).await, Some(Reason::Unknown));
    assert_eq!(store.find(issued.record.id()).await.unwrap(), None);
    assert!(
        store
            .list(&fixture.alice, None, now())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store
            .revoke(&Revoke::subject(&fixture.alice))
            .await
            .unwrap(),
        0
    );
    lost(store, &factor.id).await;
    // And the store goes on.
    let issued = fixture.insert(&CODE).await;
    assert_eq!(redeems(store, &fixture.right(&CODE, &issued)).await, None);
    // What nobody sees is purged all the same.
    let later = after(TimeDelta::days(1));
    assert_eq!(store.purge(later, 100).await.unwrap(), 2);
}
