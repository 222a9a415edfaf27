//! Connections that die while nobody uses them, that only read, or whose session somebody else changed: the next caller
//! meets no outage, and nothing is done twice. Each test starts its own server.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;

use core::{
    str::FromStr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};
use std::{sync::Arc, time::Instant};

use fixture::{CODE, Fixture, LINK, at_once, now};
use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use testing::{patiently, postgres::Server, proxy::Proxy};
use token_store::{
    Charge, InTransaction, LimitStore, RedeemInTransaction, Redeemed, Revoke, Spent, StoreError,
    TokenStore,
    ott_core::{Limit, LimitKey, LimitScope},
};
use token_store_sqlx::{PostgresStore, PostgresStoreBuilder, sqlx};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, UnixStream},
};

type PgFixture = Fixture<PostgresStore, ()>;

const LIMIT: Duration = Duration::from_secs(8);
const AT_ONCE: u32 = 8;

fn builder() -> PostgresStoreBuilder {
    PostgresStore::builder().timeout(LIMIT)
}

/// By way of the proxy. Whatever is idle for two seconds, the server closes.
fn through(proxy: &Proxy) -> PgConnectOptions {
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
    let options = PgConnectOptions::from_str(&url).unwrap();
    options
        .ssl_mode(PgSslMode::Disable)
        .options([("idle_session_timeout", "2s")])
}

fn ceiling(name: &str, most: u32) -> [Charge; 1] {
    let binding = token_store::ott_core::Binding::tenant("t1");
    [Charge {
        key: LimitKey::new(LimitScope::Application, name, &binding),
        limit: Limit::ceiling(most),
    }]
}

/// As many connections as are used at once, and nobody uses them.
async fn fill(pool: &PgPool) {
    while pool.num_idle() < AT_ONCE as usize {
        // What takes long to come may have ended before the last one is there.
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(pool.acquire().await.unwrap());
        }
        drop(held);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Ends every connection of clients but the one that asks.
async fn end_all(server: &Server) {
    let mut own = PgConnection::connect_with(&server.options()).await.unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    sqlx::raw_sql(end).execute(&mut own).await.unwrap();
}

/// How a connection dies that nobody uses.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// The server closes what was idle for two seconds.
    Idle,
    /// Somebody between closes it.
    Closed,
    /// Somebody between knows nothing of it any more, and says so,
    Reset,
    /// or does not.
    Swallowed,
    /// The server ends it, and says so.
    Ended,
    /// The same, a moment before it is used.
    EndedJustNow,
    /// The server stops in order, and starts again.
    Restarted,
    /// The server dies, and starts again.
    Killed,
}

const DEATHS: [Death; 8] = [
    Death::Idle,
    Death::Closed,
    Death::Reset,
    Death::Swallowed,
    Death::Ended,
    Death::EndedJustNow,
    Death::Restarted,
    Death::Killed,
];

async fn die(death: Death, server: &mut Server, proxy: &Proxy) {
    match death {
        Death::Idle => tokio::time::sleep(Duration::from_secs(3)).await,
        Death::Closed => proxy.cut().await,
        Death::Reset => proxy.reset().await,
        Death::Swallowed => proxy.swallow(),
        Death::Ended | Death::EndedJustNow => end_all(server).await,
        Death::Restarted => {
            server.shut_down();
            server.restart();
        }
        Death::Killed => {
            server.kill();
            server.restart();
        }
    }
    let pause = match death {
        // The good-byes are on their way.
        Death::EndedJustNow => 20,
        _ => 150,
    };
    tokio::time::sleep(Duration::from_millis(pause)).await;
}

/// However a connection dies that nobody uses, no caller notices, and nothing is done twice.
#[tokio::test(flavor = "multi_thread")]
async fn connection_that_died_unused_fails_no_verb() {
    let mut server = Server::start();
    let proxy = Proxy::start(0, server.socket()).await;
    let store = builder().connect(through(&proxy)).await.unwrap();
    let fixture: Arc<PgFixture> = Arc::new(Fixture::over(store, ()));
    let all = u32::try_from(DEATHS.len()).unwrap() * AT_ONCE;
    let ceiling = ceiling("each death", all);
    for death in DEATHS {
        let (code, link) = (fixture.insert(&CODE).await, fixture.insert(&LINK).await);
        let (code, link) = (fixture.right(&CODE, &code), fixture.right(&LINK, &link));
        fill(fixture.store.pool()).await;
        die(death, &mut server, &proxy).await;
        let spends = (0..AT_ONCE).map(|_| {
            let store = fixture.store.clone();
            async move { store.spend(&ceiling, now()).await }
        });
        for told in at_once(spends).await {
            assert!(matches!(told, Ok(Spent::Allowed)), "{death:?}: {told:?}");
        }
        fill(fixture.store.pool()).await;
        die(death, &mut server, &proxy).await;
        let told = fixture.store.redeem_in_transaction(&link, now()).await;
        let InTransaction::Redeemed(transaction, _) = told.unwrap() else {
            panic!("{death:?}");
        };
        transaction.commit().await.unwrap();
        let told = fixture.store.redeem(&code, now()).await;
        assert!(
            matches!(told, Ok(Redeemed::Redeemed(_))),
            "{death:?}: {told:?}"
        );
    }
    let told = fixture.store.spend(&ceiling, now()).await.unwrap();
    assert_eq!(told, Spent::Locked(ceiling[0].key), "one was lost");
}

/// While the server ends connections again and again, also ones that are in use, nothing is done twice and nothing that
/// was answered is lost. A good-bye before the statement's end undid it, and the verb is run again. One that comes
/// between the end and the commit's answer does not say which it was: that is an outage.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ends_lose_nothing() {
    let server = Server::start();
    // No verb is one that times out.
    let patient = builder().timeout(Duration::from_secs(60));
    let store = patient.connect(server.options()).await.unwrap();
    let (goes_on, spent) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let unknown = Arc::new(AtomicU32::new(0));
    let ceiling = ceiling("all", u32::MAX);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, goes_on, spent) = (store.clone(), Arc::clone(&goes_on), Arc::clone(&spent));
        let unknown = Arc::clone(&unknown);
        clients.spawn(async move {
            while goes_on.load(Ordering::SeqCst) {
                let told = match store.spend(&ceiling, now()).await {
                    Ok(Spent::Allowed) => &spent,
                    Err(StoreError::Unavailable(_)) => &unknown,
                    told => panic!("{told:?}"),
                };
                told.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    for _ in 0..30 {
        // Until second tries had their time, however long a connection takes here.
        let enough = spent.load(Ordering::SeqCst) + 10 * AT_ONCE;
        let begun = Instant::now();
        while spent.load(Ordering::SeqCst) < enough {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody spends");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        end_all(&server).await;
    }
    goes_on.store(false, Ordering::SeqCst);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let (spent, unknown) = (spent.load(Ordering::SeqCst), unknown.load(Ordering::SeqCst));
    // Of 240 connections that were in use. Without the second try it is all of them.
    assert!(unknown <= 60, "{unknown} outages");
    let count = "SELECT max(count) FROM ott_limits";
    // The pool may still hand out a connection that the last end left: that is this test's question, and no verb's.
    let count: i64 = loop {
        if let Ok(count) = sqlx::query_scalar(count).fetch_one(store.pool()).await {
            break count;
        }
    };
    let counted = i64::from(spent)..=i64::from(spent) + i64::from(unknown);
    assert!(counted.contains(&count), "{count} of {counted:?}");
}

/// A way to a server that once, after the next statement has ended and before its commit is told, puts a good-bye in
/// the place of whatever comes.
async fn ends_after_the_end(server: &Server) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (socket, armed) = (server.socket(), Arc::new(AtomicBool::new(false)));
    let is_armed = Arc::clone(&armed);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&socket).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
            let is_armed = Arc::clone(&is_armed);
            tokio::spawn(async move {
                while let Ok(letter) = from_server.read_u8().await {
                    let length = from_server.read_u32().await.unwrap();
                    let mut body = vec![0; length as usize - 4];
                    from_server.read_exact(&mut body).await.unwrap();
                    to_client.write_u8(letter).await.unwrap();
                    to_client.write_u32(length).await.unwrap();
                    to_client.write_all(&body).await.unwrap();
                    // CommandComplete.
                    if letter == b'C' && is_armed.swap(false, Ordering::SeqCst) {
                        // ReadyForQuery: by now it is committed.
                        while from_server.read_u8().await.unwrap() != b'Z' {
                            let length = from_server.read_u32().await.unwrap();
                            let mut body = vec![0; length as usize - 4];
                            from_server.read_exact(&mut body).await.unwrap();
                        }
                        let good_bye = b"SFATAL\0VFATAL\0C57P01\0Mgood-bye\0\0";
                        to_client.write_u8(b'E').await.unwrap();
                        let length = u32::try_from(good_bye.len()).unwrap() + 4;
                        to_client.write_u32(length).await.unwrap();
                        to_client.write_all(good_bye).await.unwrap();
                        return;
                    }
                }
            });
        }
    });
    (port, armed)
}

/// A statement that had ended when the server said good-bye may be committed, so it is not run again.
#[tokio::test(flavor = "multi_thread")]
async fn verb_that_may_be_done_is_not_run_again() {
    let server = Server::start();
    let (port, armed) = ends_after_the_end(&server).await;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let options = PgConnectOptions::from_str(&url).unwrap();
    let options = options.ssl_mode(PgSslMode::Disable);
    let store = builder().connect(options).await.unwrap();
    let ceiling = ceiling("once", 3);
    assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    // Until the pool has every connection back.
    while store.pool().num_idle() != store.pool().size() as usize {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    armed.store(true, Ordering::SeqCst);
    let told = store.spend(&ceiling, now()).await;
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    // It was the second one, and there was no third one.
    assert_eq!(store.spend(&ceiling, now()).await.unwrap(), Spent::Allowed);
    let told = store.spend(&ceiling, now()).await.unwrap();
    assert_eq!(told, Spent::Locked(ceiling[0].key));
}

/// The name of the server leads to a standby for a while, and back. What was connected meanwhile stays connected.
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_standby_are_let_go() {
    let mut server = Server::start();
    PostgresStore::builder()
        .connect(server.options())
        .await
        .unwrap();
    let standby = server.standby();
    let proxy = Proxy::start(0, server.socket()).await;
    let own = builder().pool_options().max_connections(AT_ONCE);
    let plain = PgPoolOptions::new().max_connections(AT_ONCE);
    for (pool, is_own) in [(own, true), (plain, false)] {
        let pool = pool.connect_lazy_with(through(&proxy));
        let accepting = builder().accepting_late_statements();
        let store = accepting.pool(pool.clone()).await.unwrap();
        let fixture: PgFixture = Fixture::over(store, ());
        let link = fixture.right(&LINK, &fixture.insert(&LINK).await);
        proxy.lead_to(standby.socket());
        proxy.cut().await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        if is_own {
            // A reading verb too: what it would read there may be old.
            let told = fixture.store.find(link.id()).await;
            assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
        } else {
            fill(&pool).await;
            // Only reading is possible.
            let told = fixture.store.revoke(&Revoke::Record(*link.id())).await;
            assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
            fill(&pool).await;
        }
        proxy.lead_to(server.socket());
        let told = fixture.store.redeem_in_transaction(&link, now()).await;
        let InTransaction::Redeemed(transaction, _) = told.unwrap() else {
            panic!("own: {is_own}");
        };
        transaction.commit().await.unwrap();
        for _ in 0..2 * AT_ONCE {
            fixture.insert(&CODE).await;
        }
    }
}

/// Everything that a session has is discarded, on each connection of the pool.
#[tokio::test(flavor = "multi_thread")]
async fn discarded_session_fails_no_verb() {
    let server = Server::start();
    let own = builder().pool_options();
    let plain = PgPoolOptions::new();
    for (pool, is_own) in [(own, true), (plain, false)] {
        let options = server.options().options([("statement_timeout", "3s")]);
        let pool = pool.max_connections(1).connect_lazy_with(options);
        let store = builder().pool(pool.clone()).await.unwrap();
        let fixture: PgFixture = Fixture::over(store, ());
        let ceiling = ceiling("discards", 100);
        let discard = async || {
            sqlx::raw_sql("DISCARD ALL").execute(&pool).await.unwrap();
        };
        for _ in 0..2 {
            let code = fixture.insert(&CODE).await;
            discard().await;
            fixture.store.spend(&ceiling, now()).await.unwrap();
            discard().await;
            let right = fixture.right(&CODE, &code);
            let told = fixture.store.redeem(&right, now()).await.unwrap();
            assert!(matches!(told, Redeemed::Redeemed(_)));
            let link = fixture.insert(&LINK).await;
            let open = fixture.right(&LINK, &link);
            for _ in 0..2 {
                discard().await;
                let told = fixture.store.redeem_in_transaction(&open, now()).await;
                let InTransaction::Redeemed(transaction, _) = told.unwrap() else {
                    panic!("own: {is_own}");
                };
                transaction.rollback().await.unwrap();
            }
            discard().await;
            let all = Revoke::subject(&fixture.alice);
            assert_eq!(fixture.store.revoke(&all).await.unwrap(), 1);
        }
        // Whatever was done to it.
        let set = "SET statement_timeout = '1h'";
        for text in ["DISCARD ALL", set] {
            sqlx::raw_sql(text).execute(&pool).await.unwrap();
            let shown = sqlx::query_scalar("SHOW statement_timeout");
            let shown: String = shown.persistent(false).fetch_one(&pool).await.unwrap();
            if is_own {
                assert_eq!(shown, "4s", "{text}");
            }
        }
    }
}

/// A table is changed under statements that are prepared already.
#[tokio::test(flavor = "multi_thread")]
async fn changed_table_fails_no_verb() {
    let server = Server::start();
    let store = builder().connect(server.options()).await.unwrap();
    let fixture: PgFixture = Fixture::over(store, ());
    let code = fixture.insert(&CODE).await;
    fixture.store.find(code.record.id()).await.unwrap();
    let widen = "ALTER TABLE ott_tokens ALTER COLUMN max_attempts TYPE bigint";
    sqlx::raw_sql(widen)
        .execute(fixture.store.pool())
        .await
        .unwrap();
    fill(fixture.store.pool()).await;
    for _ in 0..2 * AT_ONCE {
        let found = fixture.store.find(code.record.id()).await.unwrap();
        assert_eq!(found.as_ref(), Some(code.record.stored()));
    }
}

/// However often a spend is tried, it is told within one time-out.
#[tokio::test(flavor = "multi_thread")]
async fn contended_spend_has_one_deadline() {
    let server = Server::start();
    let ceiling = ceiling("new", 5);
    // The key of the charge, as the store writes it.
    let patient = builder().timeout(Duration::from_secs(60));
    let patient = patient.connect(server.options()).await.unwrap();
    patient.spend(&ceiling, now()).await.unwrap();
    let builder = builder().timeout(Duration::from_secs(2));
    let pool = builder.pool_options().max_connections(1);
    let pool = pool.acquire_timeout(Duration::from_secs(60));
    let pool = pool.connect_lazy_with(server.options());
    let store = patiently(|| builder.clone().pool(pool.clone())).await;
    let mut other = PgConnection::connect_with(&server.options()).await.unwrap();
    let take = "CREATE TABLE aside AS SELECT * FROM ott_limits; DELETE FROM ott_limits";
    sqlx::raw_sql(take).execute(&mut other).await.unwrap();
    let mut first = other.begin().await.unwrap();
    let insert = "INSERT INTO ott_limits SELECT * FROM aside";
    sqlx::raw_sql(insert).execute(&mut *first).await.unwrap();
    // On a busy machine whoever sleeps for so long wakes as late.
    let sleeper = tokio::spawn(async {
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_secs(2)).await;
        begun.elapsed()
    });
    let spend = tokio::spawn(async move {
        let begun = Instant::now();
        let told = store.spend(&ceiling, now()).await;
        (told, begun.elapsed())
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Whoever comes next gets the connection, and keeps it.
    let hog = tokio::spawn(async move { pool.acquire().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(700)).await;
    // By now somebody else has made the key, so the spend is tried again.
    first.commit().await.unwrap();
    let held = hog.await.unwrap();
    let (told, took) = spend.await.unwrap();
    assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    let slept = sleeper.await.unwrap();
    assert!(
        took < slept + Duration::from_millis(600),
        "{took:?} of {slept:?}"
    );
    drop(held);
}
