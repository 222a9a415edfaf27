//! What goes over the wire: a proxy before the server counts the messages of each verb.

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
    sync::atomic::{AtomicUsize, Ordering},
};
use std::sync::Arc;

use fixture::{CODE, Fixture, LINK, PROMPT, now};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use testing::postgres::Server;
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, ConfirmIf, Cost, Decided,
    FactorChange, FactorState, FactorStore, Guess, InTransaction, Inserted, LimitStore,
    RedeemInTransaction, Redeemed, RemoveIf, Revoke, Spent, TokenStore, Tokens,
    ott_core::{
        Binding, KeyRing, Limit, LimitKey, LimitScope, Policy, Purpose, Subject, chrono::TimeDelta,
    },
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
async fn verb_is_one_statement_in_one_round_trip() {
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
        let later = now() + TimeDelta::days(1);
        assert!(store.purge(later, 100).await.unwrap() > 0);
        counts.take();
        assert_eq!(store.purge(later, 100).await.unwrap(), 0);
        told("purge of nothing: what expired, and what ended", TWO);

        let factor = fixture.factor(round, FactorState::Pending);
        assert!(store.insert_factor(&factor).await.unwrap());
        told("insert_factor", ONE);
        store.factors(alice).await.unwrap();
        told("factors", ONE);
        let another = fixture.factor(round, FactorState::Pending).id;
        let beside = ConfirmIf::Beside(another);
        store
            .confirm(&factor.id, Some(1), beside, now())
            .await
            .unwrap();
        told("confirm beside another, refused with a reason", TWO);
        let always = ConfirmIf::Always;
        store
            .confirm(&factor.id, Some(1), always, now())
            .await
            .unwrap();
        told("confirm", ONE);
        store.advance(&factor.id, 2, now()).await.unwrap();
        told("advance", ONE);
        store.advance(&factor.id, 2, now()).await.unwrap();
        told("advance, refused with a reason", TWO);
        let label = FactorChange::Label("b".into());
        assert!(store.update(&factor.id, &label).await.unwrap());
        told("update", ONE);
        assert!(
            store
                .remove(&factor.id, RemoveIf::Always, &[], now())
                .await
                .unwrap()
        );
        told("remove what was confirmed", TWO);
        assert!(store.restore(&factor.id).await.unwrap());
        told("restore", ONE);
        let waits = fixture.factor(round + 100, FactorState::Pending);
        assert!(store.insert_factor(&waits).await.unwrap());
        counts.take();
        let removed = store.remove(&waits.id, RemoveIf::Pending, &[], now());
        assert!(removed.await.unwrap());
        told("remove what waits", ONE);

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

        let cost = Cost {
            charges: &[charge],
            unknown_is_free: true,
        };
        let code = fixture.issue(&CODE);
        let batch = [code.record.clone()];
        let inserted = store.insert_charged(&batch, &[charge], now()).await;
        assert_eq!(inserted.unwrap(), Charged::Answered(Inserted::Done));
        told("insert_charged", ONE);
        let wrong = fixture.wrong(&code);
        store
            .redeem_charged(&wrong, cost, &[], now())
            .await
            .unwrap();
        told("redeem_charged, a wrong guess", ONE);
        let right = fixture.right(&CODE, &code);
        let redeemed = store
            .redeem_charged(&right, cost, &[], now())
            .await
            .unwrap();
        assert!(matches!(redeemed, Charged::Answered(Redeemed::Redeemed(_))));
        told("redeem_charged", ONE);
        for (charges, name) in [
            (&[charge][..], "redeem_charged, which earns"),
            (&[], "redeem_charged, which earns and costs nothing"),
        ] {
            let cost = Cost { charges, ..cost };
            let (code, earned) = (fixture.insert(&CODE).await, [fixture.issue(&LINK).record]);
            counts.take();
            for presented in [fixture.wrong(&code), fixture.right(&CODE, &code)] {
                let told_of = store.redeem_charged(&presented, cost, &earned, now());
                assert!(matches!(told_of.await.unwrap(), Charged::Answered(_)));
                told(name, ONE);
            }
            let session = Revoke::Record(*earned[0].id());
            assert_eq!(store.revoke(&session).await.unwrap(), 1);
            counts.take();
        }
        store
            .redeem_charged(&right, cost, &[], now())
            .await
            .unwrap();
        told(
            "redeem_charged, refused with a reason, in a transaction",
            [0, 6, 6],
        );
        let full = Charge {
            limit: Limit::ceiling(1),
            ..charge
        };
        let cost = Cost {
            charges: &[full],
            ..cost
        };
        let refused = store
            .redeem_charged(&right, cost, &[], now())
            .await
            .unwrap();
        assert_eq!(refused, Charged::Refused(Spent::Locked(full.key)));
        told("redeem_charged, refused by a limit", ONE);
        store.clear(&charge.key).await.unwrap();

        let factor = fixture.factor(round + 50, FactorState::Active);
        assert!(store.insert_factor(&factor).await.unwrap());
        counts.take();
        let looked = store.look(alice, &[charge.key]).await.unwrap();
        assert!(looked.limits.is_empty() && !looked.factors.is_empty());
        told("look", ONE);
        let (charges, cleared) = ([charge], [charge.key]);
        let guess = |right| Guess {
            right,
            charges: &charges,
            cleared: &cleared,
        };
        let wrong = store.advance_charged(guess(None), now()).await.unwrap();
        assert_eq!(wrong, Charged::Answered(None));
        told("advance_charged, a wrong guess", ONE);
        let right = guess(Some((factor.id, 7)));
        let burnt = store.advance_charged(right, now()).await.unwrap();
        assert_eq!(burnt, Charged::Answered(Some(Advanced::Accepted)));
        told("advance_charged", ONE);
        let again = store.advance_charged(right, now()).await.unwrap();
        assert_eq!(again, Charged::Answered(Some(Advanced::Replayed)));
        told("advance_charged, refused with a reason", TWO);
        let right = Guess {
            charges: &[full],
            ..right
        };
        let refused = store.advance_charged(right, now()).await.unwrap();
        assert_eq!(refused, Charged::Refused(Spent::Locked(full.key)));
        told("advance_charged, refused by a limit", ONE);
        store.clear(&charge.key).await.unwrap();
        counts.take();
    }
}

/// A code is sent, typed, and a session issued, with the limits of the policy: no more than that goes to the server.
#[tokio::test(flavor = "multi_thread")]
async fn sign_in_is_three_statements_of_the_store() {
    const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(7));
    let server = Server::start();
    let (fixture, counts) = counted(&server).await;
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), fixture.store.clone());
    let tokens = tokens.policy(&CODE).policy(&SESSION).build().unwrap();
    for round in 0..2 {
        let alice = Subject::new("t1", format!("alice {round}")).unwrap();
        let binding = Binding::subject(&alice);
        counts.take();
        let sent = tokens.issue(&CODE, &binding).await.unwrap();
        let typed = sent.token.expose_secret();
        let redeemed = tokens.redeem(&CODE, &sent.handle, &binding, typed).await;
        redeemed.unwrap();
        tokens.issue(&SESSION, &binding).await.unwrap();
        let sent = counts.take();
        if round > 0 {
            assert_eq!(sent, [0, 3, 3], "parsed, executed, round trips");
        }
    }
}
