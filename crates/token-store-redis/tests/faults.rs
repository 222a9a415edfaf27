//! Servers that are killed, stopped, promoted, full, or that evict. Each test starts its own.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/common.rs"]
mod common;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/server.rs"]
mod server;

use core::time::Duration;
use std::{collections::HashMap, sync::Arc, sync::Mutex, time::Instant};

use common::everything;
use fixture::{CODE, Fixture, LINK, PROMPT, after, at_once, charge, now, outage};
use proxy::Proxy;
use server::{DURABLE, Server, free_port};
use token_store::{
    Advanced, FactorState, FactorStore, Inserted, LimitStore, Redeemed, Revoke, Spent, StoreError,
    TokenStore,
    ott_core::{Limit, Presented, Reason, State, chrono::TimeDelta},
};
use token_store_redis::{Outage, RedisStore, RedisStoreBuilder, StartError};
use tokio::task::JoinSet;

const PACE: Limit = Limit::pace(5, TimeDelta::minutes(1));
const CEILING: Limit = Limit::ceiling(3);

async fn redeems(store: &RedisStore, presented: &Presented) -> Option<Reason> {
    match store.redeem(presented, now()).await.unwrap() {
        Redeemed::Redeemed(_) => None,
        Redeemed::Refused(reason) => Some(reason),
    }
}

/// Asks until the store answers: the first verbs after an outage may still be told of it.
async fn until_it_answers(store: &RedisStore) {
    let begun = Instant::now();
    let id = *Fixture::new(store.clone()).issue(&CODE).record.id();
    while store.find(&id).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "no answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_evicts_is_refused_at_the_start_and_later() {
    let server = Server::start(&["--maxmemory-policy", "volatile-lru"]).await;
    let told = everything().connect(server.url()).await;
    assert!(
        matches!(&told, Err(StartError::Evicts { policy }) if policy == "volatile-lru"),
        "{told:?}"
    );
    server.ask("CONFIG SET maxmemory-policy noeviction").await;
    let builder = everything().recheck_every(Duration::from_millis(100));
    let fixture = Fixture::new(builder.connect(server.url()).await.unwrap());
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

#[tokio::test(flavor = "multi_thread")]
async fn a_full_memory_does_nothing_half() {
    let server = Server::start(&[]).await;
    let fixture = Fixture::new(everything().connect(server.url()).await.unwrap());
    let store = &fixture.store;
    let (code, prompt) = (fixture.insert(&CODE).await, fixture.insert(&PROMPT).await);
    let factor = fixture.factor(1, FactorState::Active);
    assert!(store.insert_factor(&factor).await.unwrap());
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
    let again = store.advance(&factor.id, 1, now()).await.unwrap();
    assert_eq!(again, Advanced::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_is_a_time_out_within_the_time() {
    let server = Server::start(&[]).await;
    let limit = Duration::from_millis(400);
    let builder = everything().timeout(limit);
    let fixture = Arc::new(Fixture::new(builder.connect(server.url()).await.unwrap()));
    let mut issued = Vec::new();
    for _ in 0..20 {
        issued.push(fixture.insert(&CODE).await);
    }
    let presented: Vec<_> = issued.iter().map(|it| fixture.right(&CODE, it)).collect();
    server.signal("-STOP");
    let begun = Instant::now();
    let tries = presented.iter().map(|right| {
        let (store, right) = (fixture.store.clone(), right.clone());
        async move { store.redeem(&right, now()).await }
    });
    for told in at_once(tries).await {
        assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    }
    assert!(
        begun.elapsed() < limit + Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    server.signal("-CONT");
    until_it_answers(&fixture.store).await;
    // Whoever was told of an outage asks again: it may have been done, but it is not done twice.
    for right in &presented {
        let reason = redeems(&fixture.store, right).await;
        assert!(matches!(reason, None | Some(Reason::Spent)), "{reason:?}");
        assert_eq!(redeems(&fixture.store, right).await, Some(Reason::Spent));
    }
}

/// What was asked and answered of one token.
#[derive(Clone, Copy, Default)]
struct Known {
    inserted: bool,
    asked: bool,
    redeemed: u32,
}

/// Issues, inserts and redeems in many tasks, until the store fails.
async fn load(fixture: &Arc<Fixture>, known: &Arc<Mutex<HashMap<usize, (Presented, Known)>>>) {
    let mut tasks = JoinSet::new();
    for task in 0..32 {
        let (fixture, known) = (Arc::clone(fixture), Arc::clone(known));
        tasks.spawn(async move {
            for round in 0_usize.. {
                let issued = fixture.issue(&CODE);
                let right = fixture.right(&CODE, &issued);
                let number = {
                    let mut known = known.lock().unwrap();
                    let number = known.len();
                    known.insert(number, (right.clone(), Known::default()));
                    number
                };
                let note = |change: fn(&mut Known)| {
                    change(&mut known.lock().unwrap().get_mut(&number).unwrap().1);
                };
                let Ok(inserted) = fixture.store.insert(&[issued.record]).await else {
                    return;
                };
                assert_eq!(inserted, Inserted::Done);
                note(|known| known.inserted = true);
                if (round + task) % 2 == 0 {
                    note(|known| known.asked = true);
                    match fixture.store.redeem(&right, now()).await {
                        Ok(Redeemed::Redeemed(_)) => note(|known| known.redeemed += 1),
                        Ok(Redeemed::Refused(reason)) => panic!("refused: {reason:?}"),
                        Err(_) => return,
                    }
                }
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_load_loses_no_answer_where_every_write_is_synced() {
    let mut server = Server::start(DURABLE).await;
    let builder = everything()
        .keeping_across_restarts()
        .timeout(Duration::from_secs(10));
    let store = builder.connect(server.url()).await.unwrap();
    let fixture = Arc::new(Fixture::new(store));
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let known = Arc::default();
    for life in 1..=5 {
        let running = {
            let (fixture, known) = (Arc::clone(&fixture), Arc::clone(&known));
            tokio::spawn(async move { load(&fixture, &known).await })
        };
        tokio::time::sleep(Duration::from_millis(100 + 70 * life)).await;
        server.kill();
        running.await.unwrap();
        server.restart().await;
        until_it_answers(&fixture.store).await;
        // What may be lost by another primary is whole here, without a word from anybody.
        let burnt = fixture.store.advance(&factor.id, life, now()).await;
        assert_eq!(burnt.unwrap(), Advanced::Accepted);
        let again = fixture.store.advance(&factor.id, life, now()).await;
        assert_eq!(again.unwrap(), Advanced::Replayed);
        let all: Vec<_> = known.lock().unwrap().clone().into_iter().collect();
        for (number, (right, before)) in all {
            let reason = redeems(&fixture.store, &right).await;
            match (before, reason) {
                (
                    Known {
                        inserted: true,
                        asked: false,
                        ..
                    },
                    None,
                )
                | (
                    Known {
                        inserted: true,
                        asked: true,
                        redeemed: 0,
                    },
                    None | Some(Reason::Spent),
                )
                | (Known { redeemed: 1, .. }, Some(Reason::Spent))
                | (
                    Known {
                        inserted: false, ..
                    },
                    None | Some(Reason::Unknown),
                ) => {}
                _ => panic!("life {life}, token {number}: {reason:?}"),
            }
            let now_known = &mut known.lock().unwrap();
            let (_, now_known) = now_known.get_mut(&number).unwrap();
            if reason.is_none() {
                *now_known = Known {
                    inserted: true,
                    asked: true,
                    redeemed: 1,
                };
            }
        }
        let redeemed = known
            .lock()
            .unwrap()
            .values()
            .filter(|it| it.1.redeemed == 1)
            .count();
        assert!(redeemed > 10, "the load did nothing: {redeemed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_may_lose_writes_leaves_nothing_to_redeem() {
    // It keeps its data here, and cannot tell that it did.
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "everysec"]).await;
    let told = everything()
        .keeping_across_restarts()
        .connect(server.url())
        .await;
    assert!(
        matches!(&told, Err(StartError::WeakDurability { appendonly: true, appendfsync }) if appendfsync == "everysec"),
        "{told:?}"
    );
    let fixture = Fixture::new(everything().connect(server.url()).await.unwrap());
    let (store, factor) = (&fixture.store, fixture.factor(1, FactorState::Active));
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    assert!(store.insert_factor(&factor).await.unwrap());
    tokio::time::sleep(Duration::from_millis(1_200)).await;
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

/// Factors, ceilings and allowances are an outage.
async fn lost(store: &RedisStore, id: &token_store::FactorId) {
    let owner = Fixture::new(store.clone()).alice;
    let other = Fixture::new(store.clone()).factor(9, FactorState::Pending);
    let told = [
        store.advance(id, 1_000, now()).await.map(drop),
        store.confirm(id, None, now()).await.map(drop),
        store.factors(&owner).await.map(drop),
        store.insert_factor(&other).await.map(drop),
        store.remove(id, now()).await.map(drop),
        store
            .spend(&[charge("ceiling", CEILING)], now())
            .await
            .map(drop),
        store
            .spend(&[charge("new ceiling", CEILING)], now())
            .await
            .map(drop),
        store
            .spend(&[charge("allowance", Limit::ALLOWANCE)], now())
            .await
            .map(drop),
        store.refund(&[charge("ceiling", CEILING)], 1).await,
    ];
    for (verb, told) in told.iter().enumerate() {
        assert!(
            matches!(outage(told), Some(Outage::Lost)),
            "{verb}: {told:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_that_missed_the_last_writes_grants_nothing_twice() {
    promoted(&[], everything()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_where_every_write_is_synced() {
    promoted(DURABLE, everything().keeping_across_restarts()).await;
}

async fn promoted(options: &[&str], builder: RedisStoreBuilder) {
    let mut primary = Server::start(options).await;
    let fixture = Fixture::new(builder.clone().connect(primary.url()).await.unwrap());
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
    lost(&store, &factor.id).await;
    for name in ["pace", "new pace"] {
        let charge = [charge(name, PACE)];
        assert_eq!(
            store.spend(&charge, now()).await.unwrap(),
            Spent::Allowed,
            "{name}"
        );
        let told = store.spend(&charge, now()).await.unwrap();
        assert_eq!(
            told,
            Spent::RetryAt(charge[0].key, after(TimeDelta::minutes(1)))
        );
        // Clearing is a success's, and gives all of it back.
        store.clear(&charge[0].key).await.unwrap();
        for _ in 0..5 {
            assert_eq!(store.spend(&charge, now()).await.unwrap(), Spent::Allowed);
        }
        assert_ne!(store.spend(&charge, now()).await.unwrap(), Spent::Allowed);
    }
    store.accept_lost_writes().await.unwrap();
    assert_eq!(
        store.advance(&factor.id, 8, now()).await.unwrap(),
        Advanced::Accepted
    );
    assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_was_a_replica_meanwhile_is_another_one() {
    let primary = Server::start(&[]).await;
    let fixture = Fixture::new(everything().connect(primary.url()).await.unwrap());
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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_answered_is_not_sent_again() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(free_port(), server.port()).await;
    let store = everything().connect(proxy.url()).await.unwrap();
    cut_off(&store, &proxy).await;
}

#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread")]
async fn nor_in_a_cluster() {
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
            Ok(store) => break store,
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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_begins_no_ceiling_anew() {
    let mut server = Server::start(&[]).await;
    let fixture = Fixture::new(everything().connect(server.url()).await.unwrap());
    let (store, factor) = (&fixture.store, fixture.factor(1, FactorState::Active));
    let ceiling = [charge("ceiling", CEILING)];
    for _ in 0..3 {
        assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    }
    assert_ne!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    server.kill();
    server.restart().await;
    until_it_answers(store).await;
    assert_eq!(
        server.ask("DBSIZE").await,
        token_store_redis::redis::Value::Int(1)
    );
    lost(store, &factor.id).await;
    let pace = [charge("pace", PACE)];
    assert_eq!(store.spend(&pace, now()).await.unwrap(), Spent::Allowed);
    assert_ne!(store.spend(&pace, now()).await.unwrap(), Spent::Allowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_answers_nothing() {
    let primary = Server::start(&[]).await;
    let builder = everything();
    let fixture = Fixture::new(builder.clone().connect(primary.url()).await.unwrap());
    let issued = fixture.insert(&CODE).await;
    let replica = primary.replica(&[]).await;
    let store = builder.connect(replica.url()).await.unwrap();
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
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_too_few_replicas_have_is_no_success() {
    let primary = Server::start(&[]).await;
    let mut replica = primary.replica(&[]).await;
    // A new replica says for the first time within a second what it has.
    let builder = everything().replicas(1).timeout(Duration::from_secs(4));
    let fixture = Fixture::new(builder.connect(primary.url()).await.unwrap());
    let issued = fixture.insert(&CODE).await;
    replica.caught_up(&primary).await;
    assert_eq!(
        redeems(&fixture.store, &fixture.right(&CODE, &issued)).await,
        None
    );
    let issued = fixture.insert(&CODE).await;
    replica.kill();
    let begun = Instant::now();
    let told = fixture
        .store
        .redeem(&fixture.right(&CODE, &issued), now())
        .await;
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
    assert!(begun.elapsed() < Duration::from_secs(4));
    // Reading waits for nobody, and shows that it was done.
    let found = fixture.store.find(issued.record.id()).await.unwrap();
    assert_eq!(found.unwrap().state, State::Spent);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let server = Server::start(&[]).await;
    let fixture = Fixture::new(everything().connect(server.url()).await.unwrap());
    let issued = fixture.insert(&CODE).await;
    server.ask("SCRIPT FLUSH").await;
    assert_eq!(
        redeems(&fixture.store, &fixture.right(&CODE, &issued)).await,
        None
    );
}
