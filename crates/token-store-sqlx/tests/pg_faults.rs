//! Servers that are killed, servers that hang, locks that somebody holds. The servers are the test's own.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/pg_backend.rs"]
mod backend;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/world.rs"]
mod world;

use core::{str::FromStr as _, time::Duration};
use std::time::Instant;

use fixture::{PROMPT, at_once, now};
use testing::{postgres::Server, proxy::Proxy};
use token_store::{
    Advanced, FactorChange, FactorId, FactorStore, InTransaction, LimitStore, RedeemInTransaction,
    Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{Decider, KeyId, KeyRing, RecordId, State, Verdict, rand::rngs::SysRng},
};
use token_store_sqlx::{
    PostgresStore,
    sqlx::{
        self,
        postgres::{PgConnectOptions, PgSslMode},
    },
};
use world::{EFFECTS, FACTORS, Kind, World, charge, factor_id};

fn ring() -> String {
    let line = KeyRing::try_new_line_from_rng(KeyId(1), &mut SysRng).unwrap();
    line.trim_end().to_owned()
}

/// A server with what every life needs.
async fn new_server(keys: &str) -> Server {
    let server = Server::start();
    let world = World::open(&server.url(), keys).await;
    let pool = world.store.pool();
    sqlx::query(EFFECTS).execute(pool).await.unwrap();
    for number in 0..FACTORS {
        let factor = world.factor(factor_id(number));
        assert!(world.store.insert_factor(&factor).await.unwrap());
    }
    pool.close().await;
    server
}

/// Until the server has noticed that the other process is gone.
async fn wait_until_alone(world: &World) {
    let others = "SELECT count(*) FROM pg_stat_activity \
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'";
    let others = || sqlx::query_scalar::<_, i64>(others).fetch_one(world.store.pool());
    while others().await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
}

/// A connection that broke is told once, and then the store is there.
#[tokio::test(flavor = "multi_thread")]
async fn store_goes_on_with_a_server_that_was_restarted() {
    let keys = ring();
    let mut server = new_server(&keys).await;
    let world = World::open(&server.url(), &keys).await;
    let (token, record) = world.issue(Kind::Code);
    world.store.insert(&[record]).await.unwrap();
    server.kill();
    let told = world.store.redeem(&world.right(&token), now()).await;
    assert!(told.is_err(), "{told:?}");
    server.restart();
    // A connection that broke is told once, to the verb that finds it.
    let mut told = world.store.redeem(&world.right(&token), now()).await;
    for _ in 0..world.store.pool().options().get_max_connections() {
        if told.is_ok() {
            break;
        }
        told = world.store.redeem(&world.right(&token), now()).await;
    }
    assert!(matches!(told, Ok(Redeemed::Redeemed(_))), "{told:?}");
}

/// A server that hangs is a time-out in time, and nothing succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn server_that_hangs_is_a_time_out_in_time() {
    const TIMEOUT: Duration = Duration::from_secs(8);
    let keys = ring();
    let server = new_server(&keys).await;
    let builder = PostgresStore::builder().timeout(TIMEOUT);
    let store = builder.connect(server.options()).await.unwrap();
    let world = World::over(store, &keys);
    let store = &world.store;
    let (token, record) = world.issue(Kind::Code);
    let (effect, effect_record) = world.issue(Kind::Effect);
    let (prompt, prompt_record) = world.issue(Kind::Prompt);
    let verdict = Verdict::Approve {
        number: prompt_record.stored().number,
    };
    let decided = world.issuer.decide(
        &PROMPT,
        &prompt_record,
        &Decider::from(&world.alice),
        verdict,
        b"",
        now(),
    );
    let decision = decided.unwrap();
    for record in [record, effect_record, prompt_record] {
        store.insert(&[record]).await.unwrap();
    }
    let kept = charge(1);
    store.spend(&[kept], now()).await.unwrap();
    let fresh = world.issue(Kind::Code).1;
    let fresh_factor = world.factor(FactorId::from_bytes([99; 16]));
    let (right, wrong) = (world.right(&token), world.wrong(&token));
    let opening = world.right(&effect);
    let (id, revoke) = (factor_id(0), Revoke::Record(token.id));
    // As many connections as verbs, opened before it hangs.
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(store.pool().acquire().await.unwrap());
    }
    drop(held);

    server.stop();
    let began = Instant::now();
    let batch = [fresh.clone()];
    let charges = [kept];
    let told = tokio::join!(
        store.insert(&batch),
        store.redeem(&right, now()),
        store.redeem(&wrong, now()),
        store.redeem_in_transaction(&opening, now()),
        store.decide(&prompt.id, &decision, now()),
        store.find(&token.id),
        store.touch(&token.id, now()),
        store.list(&world.alice, None, now()),
        store.revoke(&revoke),
        store.insert_factor(&fresh_factor),
        store.factors(&world.alice),
        store.advance(&id, 7, now()),
        store.update(&id, &FactorChange::Disable),
        store.spend(&charges, now()),
        store.refund(&charges, 1),
        store.clear(&kept.key),
    );
    let took = began.elapsed();
    macro_rules! timed_out {
        ($($place:tt)*) => {$(
            assert!(
                matches!(told.$place, Err(StoreError::Timeout)),
                "verb {}: {:?}", $place, told.$place
            );
        )*};
    }
    timed_out!(0 1 2 4 5 6 7 8 9 10 11 12 13 14 15);
    assert!(matches!(told.3, Err(StoreError::Timeout)));
    assert!(took < TIMEOUT + Duration::from_secs(5), "{took:?}");
    // With every connection lost, a new one is asked for, in vain.
    let told = store.find(&token.id).await;
    assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");

    server.go_on();
    // What was under way ends as a whole, one way or the other; the store goes on.
    let patient = World::open(&server.url(), &keys).await;
    wait_until_alone(&patient).await;
    let found = patient.store.find(&token.id).await.unwrap().unwrap();
    assert!(found.attempts <= 2, "{found:?}");
    let opened = patient.store.find(&effect.id).await.unwrap().unwrap();
    assert_eq!(opened.state, State::Ready, "nobody committed it");
    let told = store.redeem_in_transaction(&opening, now()).await.unwrap();
    let InTransaction::Redeemed(transaction, _) = told else {
        panic!("the right token is refused");
    };
    transaction.commit().await.unwrap();
    let told = store.advance(&factor_id(1), 7, now()).await.unwrap();
    assert_eq!(told, Advanced::Accepted);
}

/// A store goes on elsewhere while its old server still hangs.
#[tokio::test(flavor = "multi_thread")]
async fn store_goes_on_while_its_old_server_hangs() {
    let keys = ring();
    let (old, new) = (new_server(&keys).await, new_server(&keys).await);
    let builder = PostgresStore::builder().timeout(Duration::from_secs(8));
    let store = builder.connect(old.options()).await.unwrap();
    let world = World::over(store, &keys);
    let pool = world.store.pool();
    let mut held = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        held.push(pool.acquire().await.unwrap());
    }
    let verbs = held.len();
    drop(held);
    old.stop();
    let finds = (0..verbs).map(|_| {
        let store = world.store.clone();
        async move { store.find(&RecordId::from_bytes([1; 16])).await }
    });
    for told in at_once(finds).await {
        assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    }
    // The name of the server leads to another one now. No connection waits for the old one's answer.
    pool.set_connect_options(new.options());
    let (token, record) = world.issue(Kind::Code);
    world.store.insert(&[record]).await.unwrap();
    let told = world.store.redeem(&world.right(&token), now()).await;
    assert!(matches!(told, Ok(Redeemed::Redeemed(_))), "{told:?}");
}

/// A server is not taken for a pooler because it is slow.
#[tokio::test(flavor = "multi_thread")]
async fn slow_server_is_not_taken_for_a_pooler() {
    let server = new_server(&ring()).await;
    let proxy = Proxy::start(0, server.socket()).await;
    proxy.delay(Duration::from_millis(200));
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
    let slow = PgConnectOptions::from_str(&url).unwrap();
    let builder = PostgresStore::builder().timeout(Duration::from_secs(60));
    let told = builder.connect(slow.ssl_mode(PgSslMode::Disable)).await;
    assert!(told.is_ok(), "{told:?}");
}

/// A lock that somebody holds is a time-out, and nothing is done.
#[tokio::test(flavor = "multi_thread")]
async fn lock_that_somebody_holds_is_a_time_out() {
    let keys = ring();
    let server = new_server(&keys).await;
    let builder = PostgresStore::builder().timeout(Duration::from_secs(8));
    let store = builder.connect(server.options()).await.unwrap();
    let world = World::over(store, &keys);
    let (token, record) = world.issue(Kind::Code);
    world.store.insert(&[record]).await.unwrap();
    let mut other = world.store.pool().begin().await.unwrap();
    let lock = "SELECT id FROM ott_tokens FOR UPDATE";
    sqlx::query(lock).execute(&mut *other).await.unwrap();
    let told = world.store.redeem(&world.wrong(&token), now()).await;
    assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    other.commit().await.unwrap();
    // The server gave the statement up itself, so nothing of it comes later.
    wait_until_alone(&world).await;
    let found = world.store.find(&token.id).await.unwrap().unwrap();
    assert_eq!(found.attempts, 0);
    // Nobody's lock is in the way of a purge.
    let mut other = world.store.pool().begin().await.unwrap();
    sqlx::query(lock).execute(&mut *other).await.unwrap();
    let later = now() + token_store::ott_core::chrono::TimeDelta::days(9);
    assert_eq!(world.store.purge(later, 10).await.unwrap(), 0);
    other.rollback().await.unwrap();
    assert_eq!(world.store.purge(later, 10).await.unwrap(), 1);
}
