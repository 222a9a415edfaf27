//! What a redeem earns on PostgreSQL: locks in the order of all verbs, and the way of a redeem that counts nothing at first.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::time::Duration;
use std::{sync::Arc, time::Instant};

use fixture::{CODE, Fixture, LINK, PROMPT, RECOVERY, at_once, now};
use pg::PgFixture;
use testing::postgres::Server;
use token_store::{
    Charge, Charged, ChargedStore, Cost, Inserted, LimitStore, Redeemed, Revoke, StoreError,
    TokenStore,
    ott_core::{
        IssueOptions, Issued, Limit, LimitKey, LimitScope, Reason, Record, chrono::TimeDelta,
        rand::rngs::SysRng,
    },
};
use token_store_sqlx::{PostgresStore, sqlx};

const fn cost(charges: &[Charge]) -> Cost<'_> {
    Cost {
        charges,
        unknown_is_free: true,
    }
}

/// The flow's next code: of the same slot.
fn resent(fixture: &Fixture<PostgresStore, ()>, earlier: &Issued) -> Record {
    let options = IssueOptions {
        resend: Some(&earlier.handle),
        ..IssueOptions::default()
    };
    let (issuer, binding) = (&fixture.issuer, fixture.binding());
    let made = issuer.issue_from_rng(&CODE, &binding, options, now(), &mut SysRng);
    made.unwrap().remove(0).record
}

/// Those who redeem and renew one slot, who earn across two, who insert into them and who revoke them: none is ended by the server.
#[tokio::test(flavor = "multi_thread")]
async fn earning_waits_in_no_circle() {
    const ROUNDS: usize = 10;
    const TASKS: usize = 20;
    let server = Server::start();
    let builder = PostgresStore::builder().timeout(Duration::from_secs(60));
    let store = builder.connect(server.options()).await.unwrap();
    let fixture = Arc::new(Fixture::over(store, ()));
    let charges = ["a", "b"].map(|name| Charge {
        key: LimitKey::new(LimitScope::Application, name, &fixture.binding()),
        limit: Limit::pace(10_000, TimeDelta::seconds(1)),
    });
    for round in 0..ROUNDS {
        let codes: Vec<_> = (0..TASKS).map(|_| fixture.issue(&RECOVERY)).collect();
        let batch: Vec<_> = codes.iter().map(|code| code.record.clone()).collect();
        let inserted = fixture.store.insert(&batch).await.unwrap();
        assert_eq!(inserted, Inserted::Done);
        let flow = Arc::new(fixture.insert(&CODE).await);
        let tasks = codes.into_iter().enumerate().map(|(task, code)| {
            let (fixture, flow) = (Arc::clone(&fixture), Arc::clone(&flow));
            async move {
                let store = &fixture.store;
                let right = fixture.right(&RECOVERY, &code);
                let (renewed, resent) =
                    ([fixture.issue(&RECOVERY).record], [resent(&fixture, &flow)]);
                let link = fixture.issue(&LINK).record;
                let paid = &charges[task % 3 % 2..];
                let told = match task % 10 {
                    // In the slot of what is redeemed, and in this one and the flow's.
                    0 | 1 => {
                        store
                            .redeem_charged(&right, cost(paid), &renewed, now())
                            .await
                    }
                    2 => {
                        store
                            .redeem_charged(&right, cost(&[]), &renewed, now())
                            .await
                    }
                    3 => {
                        let [renewed, resent] = [renewed, resent].map(|[one]| one);
                        let earned = [resent, link, renewed];
                        store
                            .redeem_charged(&right, cost(paid), &earned, now())
                            .await
                    }
                    // Across.
                    4 => {
                        store
                            .redeem_charged(&right, cost(paid), &resent, now())
                            .await
                    }
                    5 => {
                        let right = fixture.right(&CODE, &flow);
                        store
                            .redeem_charged(&right, cost(paid), &renewed, now())
                            .await
                    }
                    6 => store.redeem_charged(&right, cost(paid), &[], now()).await,
                    7 => {
                        let inserted = store.insert_charged(&renewed, paid, now()).await;
                        assert_eq!(inserted.unwrap(), Charged::Answered(Inserted::Done));
                        return false;
                    }
                    8 => {
                        let [renewed, resent] = [renewed, resent].map(|[one]| one);
                        let inserted = store.insert(&[renewed, resent]).await;
                        assert_eq!(inserted.unwrap(), Inserted::Done);
                        return false;
                    }
                    _ => {
                        let revoked = store.revoke(&Revoke::Record(*code.record.id())).await;
                        revoked.unwrap();
                        return false;
                    }
                };
                match told.unwrap() {
                    Charged::Answered(Redeemed::Redeemed(_)) => task % 10 < 4,
                    Charged::Answered(Redeemed::Refused(
                        Reason::Superseded | Reason::Spent | Reason::Mismatch,
                    )) => false,
                    told => panic!("{told:?}"),
                }
            }
        });
        let renewed = at_once(tasks).await.into_iter().filter(|renewed| *renewed);
        // Whoever renewed the set retired all others of it.
        assert!(renewed.count() <= 1, "round {round}");
        let listed = fixture
            .store
            .list(&fixture.alice, Some(RECOVERY.purpose()), now());
        assert_eq!(listed.await.unwrap().len(), 1, "round {round}");
    }
    // A connection tells what it saw at its end.
    fixture.store.pool().close().await;
    let others = "SELECT count(*) FROM pg_stat_activity \
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    while server.number(others).await > 0 {
        tokio::task::yield_now().await;
    }
    let circles = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(server.number(circles).await, 0);
}

/// Two codes that renew their set wait for its slot together: then one comes after the other. In a circle they would wait for as long as
/// the server looks for none.
#[tokio::test(flavor = "multi_thread")]
async fn renewals_of_one_set_wait_in_turn() {
    let server = Server::start();
    server
        .ask("ALTER SYSTEM SET deadlock_timeout = '30s'")
        .await;
    server.ask("SELECT pg_reload_conf()").await;
    let builder = PostgresStore::builder().timeout(Duration::from_secs(60));
    let store = builder.connect(server.options()).await.unwrap();
    let fixture = Arc::new(Fixture::over(store, ()));
    let codes = [(); 2].map(|()| fixture.issue(&RECOVERY));
    let batch = codes.each_ref().map(|code| code.record.clone());
    let inserted = fixture.store.insert(&batch).await.unwrap();
    assert_eq!(inserted, Inserted::Done);
    let mut held = fixture.store.pool().begin().await.unwrap();
    let lock = sqlx::query("SELECT FROM ott_slots FOR SHARE").execute(&mut *held);
    lock.await.unwrap();
    let tasks = codes.map(|code| {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move {
            let right = fixture.right(&RECOVERY, &code);
            let renewed = [fixture.issue(&RECOVERY).record];
            let told = fixture
                .store
                .redeem_charged(&right, cost(&[]), &renewed, now());
            told.await.unwrap()
        })
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while server.number(waiting).await < 2 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    held.commit().await.unwrap();
    let mut redeemed = 0;
    for task in tasks {
        match task.await.unwrap() {
            Charged::Answered(Redeemed::Redeemed(_)) => redeemed += 1,
            Charged::Answered(Redeemed::Refused(Reason::Superseded)) => {}
            told => panic!("{told:?}"),
        }
    }
    assert_eq!(redeemed, 1);
    assert!(began.elapsed() < Duration::from_secs(20));
}

/// A prompt is approved while its redeem waits for a limit: the statement saw it wait, so the redeem is done again by steps, and earns.
/// What is there already undoes all of them.
#[tokio::test(flavor = "multi_thread")]
async fn redeem_by_steps_earns_too() {
    let fixture = PgFixture::new().await;
    let store = &fixture.store;
    let charges = [Charge {
        key: LimitKey::new(LimitScope::Application, "steps", &fixture.binding()),
        limit: Limit::ceiling(3),
    }];
    store.spend(&charges, now()).await.unwrap();
    let there = fixture.insert(&LINK).await;
    for earned in [there.record, fixture.issue(&LINK).record] {
        let is_new = store.find(earned.id()).await.unwrap().is_none();
        let prompt = fixture.insert(&PROMPT).await;
        let right = fixture.right(&PROMPT, &prompt);
        let held = fixture.hold("SELECT FROM {limits} FOR UPDATE").await;
        let (own, batch) = (store.clone(), [earned.clone()]);
        let told = tokio::spawn(async move {
            own.redeem_charged(&right, cost(&charges), &batch, now())
                .await
        });
        fixture.waiting(1).await;
        let approval = fixture.approval(&prompt);
        let decided = store.decide(prompt.record.id(), &approval, now()).await;
        decided.unwrap();
        held.commit().await.unwrap();
        let told = told.await.unwrap();
        let found = store.find(prompt.record.id()).await.unwrap().unwrap();
        if is_new {
            assert!(
                matches!(told, Ok(Charged::Answered(Redeemed::Redeemed(_)))),
                "{told:?}"
            );
            assert_eq!(found.state.number(), 5);
            let session = store.find(earned.id()).await.unwrap();
            assert_eq!(session.as_ref(), Some(earned.stored()));
        } else {
            let twice = matches!(told, Err(StoreError::Corrupt("an id came up twice")));
            assert!(twice, "{told:?}");
            assert_eq!((found.state.number(), found.attempts), (1, 0));
        }
    }
    // Nobody was charged but who began.
    let mut left = 0;
    while store.spend(&charges, now()).await.unwrap() == token_store::Spent::Allowed {
        left += 1;
    }
    assert_eq!(left, 2);
}
