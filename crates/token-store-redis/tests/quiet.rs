//! Connections that die while nobody uses them, and servers that are no primary any more: the next caller meets
//! no outage, and nothing is sent twice. Each test starts its own servers.

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

use core::time::Duration;
use std::time::Instant;

use fixture::{CODE, Fixture, LINK, REPLICATES, at_once, charge, now, outage};
use outages::redeems;
use testing::{
    patiently,
    proxy::Proxy,
    redis::{DURABLE, Install, Server, everything, free_port},
};
use token_store::{
    Charge, Inserted, LimitStore, Spent, TokenStore,
    ott_core::{Limit, chrono::TimeDelta},
};
use token_store_redis::{Outage, RedisStore, redis::Value};

const LIMIT: Duration = Duration::from_secs(8);

/// How a connection dies that nobody uses.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// The server closes what was idle for a second.
    Idle,
    /// Somebody between closes it.
    Closed,
    /// Somebody between knows nothing of it any more, and says so,
    Reset,
    /// or does not.
    Swallowed,
    /// The server ends its clients' connections, as Sentinel has it do.
    Killed,
}

const DEATHS: [Death; 5] = [
    Death::Idle,
    Death::Closed,
    Death::Reset,
    Death::Swallowed,
    Death::Killed,
];

async fn die(death: Death, server: &mut Server, proxy: &Proxy) {
    match death {
        Death::Idle => {
            server.ask("CONFIG SET timeout 1").await;
            let begun = Instant::now();
            while clients(server).await > 1 {
                assert!(begun.elapsed() < Duration::from_secs(20), "none is closed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            server.ask("CONFIG SET timeout 0").await;
        }
        Death::Closed => proxy.cut().await,
        Death::Reset => proxy.reset().await,
        Death::Swallowed => proxy.swallow(),
        Death::Killed => {
            server.ask("CLIENT KILL TYPE normal SKIPME yes").await;
        }
    }
    // Nobody used it for a moment.
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// How many connections the server has, with the one that asks.
async fn clients(server: &Server) -> usize {
    let Value::BulkString(list) = server.ask("CLIENT LIST").await else {
        panic!("no list");
    };
    String::from_utf8(list).unwrap().lines().count()
}

const AT_ONCE: usize = 8;

/// After each death eight callers at once and then two more are answered, and each verb was sent once.
async fn no_caller_notices(store: RedisStore, server: &mut Server, proxy: &Proxy) {
    let fixture = Fixture::new(store);
    // By now the server has the scripts.
    let right = fixture.right(&LINK, &fixture.insert(&LINK).await);
    assert_eq!(redeems(&fixture.store, &right).await, None);
    let all = u32::try_from(AT_ONCE * DEATHS.len()).unwrap();
    let ceiling = [charge("ceiling", Limit::ceiling(all))];
    let right = fixture.right(&LINK, &fixture.insert(&LINK).await);
    fixture.store.find(right.id()).await.unwrap();
    fixture.store.refund(&ceiling, 1).await.unwrap();
    spend(&fixture.store, [charge("other", Limit::ceiling(1))]).await;
    for death in DEATHS {
        let code = fixture.insert(&CODE).await;
        let right = fixture.right(&CODE, &code);
        die(death, server, proxy).await;
        let before = proxy.scripts();
        let spends = (0..AT_ONCE).map(|_| spend(&fixture.store, ceiling));
        at_once(spends.collect::<Vec<_>>()).await;
        assert_eq!(redeems(&fixture.store, &right).await, None, "{death:?}");
        let sent = proxy.scripts() - before;
        assert_eq!(sent, AT_ONCE + 1, "{death:?}");
    }
    let told = fixture.store.spend(&ceiling, now()).await.unwrap();
    assert_eq!(told, Spent::Locked(ceiling[0].key), "one was lost");
}

fn spend(store: &RedisStore, charges: [Charge; 1]) -> impl Future<Output = ()> + Send + use<> {
    let store = store.clone();
    async move {
        let told = store.spend(&charges, now()).await;
        assert!(matches!(told, Ok(Spent::Allowed)), "{told:?}");
    }
}

/// However a connection dies that nobody uses, no caller notices, and nothing is sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn connection_that_died_unused_fails_no_verb() {
    let mut server = Server::start(DURABLE).await;
    let proxy = Proxy::start(0, server.port()).await;
    let builder = everything().timeout(LIMIT);
    let store = builder.install(proxy.url()).await;
    no_caller_notices(store, &mut server, &proxy).await;
}

/// On a cluster too, however a connection dies that nobody uses, no caller notices.
#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread")]
async fn connection_to_a_cluster_fails_no_verb() {
    let port = free_port();
    let announced = port.to_string();
    let mut options = DURABLE.to_vec();
    options.extend([
        "--cluster-enabled",
        "yes",
        "--cluster-announce-port",
        &announced,
    ]);
    let mut server = Server::start(&options).await;
    server.ask("CLUSTER ADDSLOTSRANGE 0 16383").await;
    let proxy = Proxy::start(port, server.port()).await;
    let builder = everything().timeout(LIMIT);
    let begun = Instant::now();
    let store = loop {
        match builder.clone().cluster([proxy.url()]).await {
            Ok(store) => break store,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(store.initialize().await.unwrap());
    no_caller_notices(store, &mut server, &proxy).await;
}

/// A server that restarts while nobody asks is no caller's outage: what it had is void, and new tokens work at once, for
/// all who come at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn server_that_restarted_unused_fails_no_verb() {
    let mut server = Server::start(DURABLE).await;
    let store = everything().timeout(LIMIT).install(server.url()).await;
    let fixture = Fixture::new(store);
    let finds = |fixture: &Fixture, id| {
        let store = fixture.store.clone();
        async move { store.find(&id).await }
    };
    for round in 0..3 {
        let before = fixture.insert(&LINK).await;
        let id = *before.record.id();
        for told in at_once((0..AT_ONCE).map(|_| finds(&fixture, id))).await {
            assert!(told.unwrap().is_some());
        }
        server.kill();
        server.restart().await;
        let pace = [charge("pace", Limit::pace(100, TimeDelta::minutes(1)))];
        let all = (0..AT_ONCE).map(|number| {
            let (store, issued) = (fixture.store.clone(), fixture.issue(&LINK));
            let right = fixture.right(&LINK, &issued);
            async move {
                if number % 2 == 0 {
                    let told = store.spend(&pace, now()).await;
                    // A pace that may have been lost begins used up: being told to wait is no outage.
                    assert!(told.is_ok(), "{round}: {told:?}");
                }
                let told = store.insert(&[issued.record]).await;
                assert!(matches!(told, Ok(Inserted::Done)), "{round}: {told:?}");
                assert_eq!(redeems(&store, &right).await, None, "{round}");
            }
        });
        at_once(all).await;
        let right = fixture.right(&LINK, &before);
        assert_ne!(redeems(&fixture.store, &right).await, None, "{round}");
    }
}

/// A primary is demoted where it stands. Its name leads to the new one, and the old connections stay.
#[tokio::test(flavor = "multi_thread")]
async fn demoted_server_is_left_at_once() {
    for orderly in [false, true] {
        let primary = Server::start(&[]).await;
        let proxy = Proxy::start(0, primary.port()).await;
        let store = everything().timeout(LIMIT).install(proxy.url()).await;
        let fixture = Fixture::new(store);
        let before = fixture.right(&CODE, &fixture.insert(&CODE).await);
        let replica = primary.replica(&[]).await;
        if orderly {
            let failover = format!("FAILOVER TO 127.0.0.1 {}", replica.port());
            primary.ask(&failover).await;
        } else {
            replica.ask("REPLICAOF NO ONE").await;
            let follow = format!("REPLICAOF 127.0.0.1 {}", replica.port());
            primary.ask(&follow).await;
        }
        let begun = Instant::now();
        while !replica.info("replication").await.contains("role:master")
            || !primary.info("replication").await.contains("role:slave")
        {
            assert!(begun.elapsed() < Duration::from_secs(20), "no failover");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // For as long as the name leads to the old one, that is what is told.
        let told = fixture.store.redeem(&before, now()).await;
        assert!(
            matches!(outage(&told), Some(Outage::NotPrimary)),
            "{told:?}"
        );
        fixture.store.find(before.id()).await.unwrap_err();
        proxy.lead_to(replica.port());
        // The very next verb.
        let issued = fixture.insert(&CODE).await;
        let right = fixture.right(&CODE, &issued);
        assert_eq!(redeems(&fixture.store, &right).await, None);
    }
}

/// Without its replica, each of many writes at once is told so, and none is a time-out.
#[tokio::test(flavor = "multi_thread")]
async fn writes_without_a_replica_are_all_told_so() {
    let primary = Server::start(&[]).await;
    let mut replica = primary.replica(&[]).await;
    let builder = everything().replicas(1).timeout(REPLICATES);
    let fixture = Fixture::new(builder.clone().install(primary.url()).await);
    let hasty = builder.timeout(LIMIT);
    let hasty = patiently(|| hasty.clone().connect(primary.url())).await;
    let mut rights = Vec::new();
    for _ in 0..60 {
        rights.push(fixture.right(&CODE, &fixture.insert(&CODE).await));
    }
    replica.caught_up(&primary).await;
    replica.kill();
    // Some come while others wait already.
    let writes = rights.into_iter().enumerate().map(|(number, right)| {
        let store = hasty.clone();
        let pause = Duration::from_millis(u64::try_from(number).unwrap() * 50);
        async move {
            tokio::time::sleep(pause).await;
            let begun = Instant::now();
            let told = store.redeem(&right, now()).await;
            (told, begun.elapsed())
        }
    });
    for (told, took) in at_once(writes).await {
        let is_told = matches!(
            outage(&told),
            Some(Outage::FewReplicas {
                acknowledged: 0,
                wanted: 1
            })
        );
        assert!(is_told, "{told:?} after {took:?}");
    }
}
