//! What goes over the wire: a proxy before the server counts the messages of each verb.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg_server.rs"]
mod server;

use core::{
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
};
use std::sync::Arc;

use fixture::{CODE, Fixture, LINK, PROMPT, now};
use server::Server;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use token_store::{
    Charge, Decided, FactorChange, FactorState, FactorStore, InTransaction, Inserted, LimitStore,
    RedeemInTransaction, Redeemed, Revoke, TokenStore,
    ott_core::{Limit, LimitKey, LimitScope, chrono::TimeDelta},
};
use token_store_sqlx::{PostgresStore, sqlx};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, UnixStream, tcp::OwnedReadHalf, unix::OwnedWriteHalf},
};

/// Messages of clients. The server answers once to each `Sync` and each simple query. A `Sync` alone is
/// the driver's look at a connection that comes back to the pool, for which nobody waits.
#[derive(Default)]
struct Counts {
    parsed: AtomicUsize,
    executed: AtomicUsize,
    synced: AtomicUsize,
    simple: AtomicUsize,
}

/// What was sent: statements parsed, statements executed, round trips.
type Sent = [usize; 3];

impl Counts {
    fn take(&self) -> Sent {
        let take = |count: &AtomicUsize| count.swap(0, Ordering::SeqCst);
        let simple = take(&self.simple);
        [
            take(&self.parsed),
            take(&self.executed) + simple,
            take(&self.synced) + simple,
        ]
    }
}

/// Hands on what a client sends, message by message.
async fn hand_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counts: Arc<Counts>) {
    let (mut is_first, mut is_alone) = (true, true);
    loop {
        // The first message has no letter before its length.
        let letter = if is_first {
            0
        } else {
            let Ok(letter) = from.read_u8().await else {
                return;
            };
            to.write_u8(letter).await.unwrap();
            letter
        };
        is_first = false;
        let Ok(length) = from.read_u32().await else {
            return;
        };
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        from.read_exact(&mut body).await.unwrap();
        let count = match letter {
            b'P' => Some(&counts.parsed),
            b'E' => Some(&counts.executed),
            b'S' if !is_alone => Some(&counts.synced),
            b'Q' => Some(&counts.simple),
            _ => None,
        };
        is_alone = matches!(letter, 0 | b'S' | b'Q');
        if let Some(count) = count {
            count.fetch_add(1, Ordering::SeqCst);
        }
        to.write_u32(length).await.unwrap();
        to.write_all(&body).await.unwrap();
    }
}

/// A store whose one connection goes through a proxy that counts.
async fn counted(server: &Server) -> (Fixture<PostgresStore, ()>, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = server.home().join(".s.PGSQL.5432");
    let counts = Arc::new(Counts::default());
    let counting = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&socket).await.unwrap();
            let (from_client, mut to_client) = client.into_split();
            let (mut from_server, to_server) = server.into_split();
            tokio::spawn(hand_on(from_client, to_server, Arc::clone(&counting)));
            tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
        }
    });
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let options = PgConnectOptions::from_str(&url).unwrap();
    let builder = PostgresStore::builder();
    let half = builder.pool_options();
    // Nothing but the verbs: no look whether a connection lives, none at what is open on it.
    let pool = half
        .max_connections(1)
        .test_before_acquire(false)
        .after_release(|_, _| Box::pin(async { Ok(true) }))
        .connect_lazy_with(options.ssl_mode(PgSslMode::Disable));
    let store = builder.pool(pool).await.unwrap();
    (Fixture::over(store, ()), counts)
}

/// Each verb twice: what is new to the connection is parsed in the first round, and never again.
#[tokio::test(flavor = "multi_thread")]
async fn a_verb_is_one_statement_in_one_round_trip() {
    let server = Server::start();
    let (fixture, counts) = counted(&server).await;
    for round in 1..=2u8 {
        let is_warm = round == 2;
        let told = |verb: &str, expected: Sent| {
            let sent = counts.take();
            if is_warm {
                assert_eq!(sent, expected, "{verb}: parsed, executed, round trips");
            }
        };
        const ONE: Sent = [0, 1, 1];
        const TWO: Sent = [0, 2, 2];
        let (store, alice) = (&fixture.store, &fixture.alice);
        counts.take();

        let (code, link, prompt) = (
            fixture.issue(&CODE),
            fixture.issue(&LINK),
            fixture.issue(&PROMPT),
        );
        let batch = [&code, &link, &prompt].map(|issued| issued.record.clone());
        assert_eq!(store.insert(&batch).await.unwrap(), Inserted::Done);
        told("insert", ONE);
        let wrong = store.redeem(&fixture.wrong(&code), now()).await.unwrap();
        assert!(matches!(wrong, Redeemed::Refused(_)));
        told("redeem, a wrong guess", ONE);
        let right = fixture.right(&CODE, &code);
        let told_once = store.redeem(&right, now()).await.unwrap();
        assert!(matches!(told_once, Redeemed::Redeemed(_)));
        told("redeem", ONE);
        store.redeem(&right, now()).await.unwrap();
        told("redeem, refused with a reason", TWO);
        let approval = fixture.approval(&prompt);
        let decided = store.decide(prompt.record.id(), &approval, now()).await;
        assert!(matches!(decided, Ok(Decided::Decided(_))));
        told("decide", ONE);
        store.find(link.record.id()).await.unwrap();
        told("find", ONE);
        store.touch(link.record.id(), now()).await.unwrap();
        told("touch", ONE);
        store.list(alice, None, now()).await.unwrap();
        told("list", ONE);
        let right = fixture.right(&LINK, &link);
        let opened = store.redeem_in_transaction(&right, now()).await.unwrap();
        told("redeem_in_transaction, which begins", TWO);
        let InTransaction::Redeemed(mut transaction, _) = opened else {
            panic!("the right token is refused");
        };
        let on = store.on(&mut transaction);
        assert_eq!(on.revoke(&Revoke::subject(alice)).await.unwrap(), 1);
        told("on a transaction: revoke", ONE);
        on.insert(&[fixture.issue(&CODE).record]).await.unwrap();
        told("on a transaction: insert, in a savepoint", [0, 3, 3]);
        transaction.commit().await.unwrap();
        told("commit", ONE);
        let own = Revoke::own(&fixture.alice, *prompt.record.id());
        store.revoke(&own).await.unwrap();
        told("revoke", ONE);
        let record = Revoke::Record(*prompt.record.id());
        store.revoke(&record).await.unwrap();
        told("revoke", ONE);
        store.revoke(&Revoke::subject(alice)).await.unwrap();
        told("revoke all of a subject", ONE);
        // What expired, a chunk of it, what is dead otherwise: a look each, and the last of each.
        let later = now() + TimeDelta::days(1);
        assert!(store.purge(later, 100).await.unwrap() > 0);
        counts.take();

        let factor = fixture.factor(round, FactorState::Pending);
        assert!(store.insert_factor(&factor).await.unwrap());
        told("insert_factor", ONE);
        store.factors(alice).await.unwrap();
        told("factors", ONE);
        store.confirm(&factor.id, Some(1), now()).await.unwrap();
        told("confirm", ONE);
        store.advance(&factor.id, 2, now()).await.unwrap();
        told("advance", ONE);
        store.advance(&factor.id, 2, now()).await.unwrap();
        told("advance, refused with a reason", TWO);
        let label = FactorChange::Label("b".into());
        assert!(store.update(&factor.id, &label).await.unwrap());
        told("update", ONE);
        assert!(store.remove(&factor.id, None, now()).await.unwrap());
        told("remove", ONE);

        let charge = Charge {
            key: LimitKey::new(LimitScope::Application, "a", &fixture.binding()),
            limit: Limit::ceiling(9),
        };
        store.spend(&[charge], now()).await.unwrap();
        told("spend", ONE);
        store.refund(&[charge], 1).await.unwrap();
        told("refund", ONE);
        store.clear(&charge.key).await.unwrap();
        told("clear", ONE);
    }
}
