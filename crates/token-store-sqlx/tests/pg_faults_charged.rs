//! A server that is killed or hangs while many verbs with charges are under way: no guess is counted without its charge, and no charge
//! stays without its guess. And an order of locks in which nobody waits in a circle. The servers are the test's own.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/running.rs"]
mod running;

use core::{
    fmt::Display,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::sync::Arc;

use fixture::{CODE, Fixture, at_once, now};
use running::{Running, TASKS};
use testing::postgres::Server;
use token_store::{
    Charge, Charged, ChargedFactors, ChargedStore, Cost, FactorState, FactorStore, Guess, Inserted,
    LimitStore, StoreError, TokenStore,
    ott_core::{Limit, LimitKey, LimitScope, chrono::TimeDelta},
};
use token_store_sqlx::PostgresStore;

type Guesses = Fixture<PostgresStore, ()>;

fn charge(fixture: &Guesses, name: &str, id: &dyn Display, limit: Limit) -> Charge {
    let name = format!("{name} {id}");
    Charge {
        key: LimitKey::new(LimitScope::Application, &name, &fixture.binding()),
        limit,
    }
}

const fn cost(charges: &[Charge]) -> Cost<'_> {
    Cost {
        charges,
        unknown_is_free: true,
    }
}

/// Tasks that guess at codes.
async fn start(server: &Server, timeout: Duration) -> Running {
    let builder = PostgresStore::builder().timeout(timeout);
    let store = builder.connect(server.options()).await.unwrap();
    let fixture = Arc::new(Fixture::over(store, ()));
    Running::start(move |told| {
        let fixture = Arc::clone(&fixture);
        async move { guess(&fixture, &told).await }
    })
}

/// A code that is asked for at 1,000 s, guessed at three times, and typed twice.
async fn guess(fixture: &Guesses, told: &AtomicUsize) -> Result<(), StoreError> {
    let issued = fixture.issue(&CODE);
    let id = issued.record.id();
    let asked = charge(fixture, "asked", id, Limit::pace(2, TimeDelta::minutes(1)));
    let guessed = [charge(fixture, "guessed", id, Limit::ceiling(9))];
    let batch = [issued.record.clone()];
    let inserted = fixture
        .store
        .insert_charged(&batch, &[asked], now())
        .await?;
    // Where the connection ended before the commit, the verb was done once.
    assert_eq!(inserted, Charged::Answered(Inserted::Done));
    let right = fixture.right(&CODE, &issued);
    let wrong = || fixture.wrong(&issued);
    for presented in [wrong(), wrong(), wrong(), right.clone()] {
        let answer = fixture
            .store
            .redeem_charged(&presented, cost(&guessed), &[], now());
        assert!(matches!(answer.await?, Charged::Answered(_)));
        told.fetch_add(1, Ordering::SeqCst);
    }
    // Nothing is compared: what it costs is known once its reason is.
    let spent = Limit::pace(2, TimeDelta::hours(1));
    let spent = [charge(fixture, "spent", id, spent)];
    let answer = fixture
        .store
        .redeem_charged(&right, cost(&spent), &[], now());
    assert!(matches!(answer.await?, Charged::Answered(_)));
    Ok(())
}

/// What stands is whole: guesses and their charges, records and theirs. Gives the number of guesses.
async fn is_whole(server: &Server, what: &str) -> usize {
    let sum = "SELECT coalesce(sum(count), 0)::bigint FROM ott_limits";
    // A success gives back what its own record counted.
    let attempts = "SELECT coalesce(sum(attempts), 0)::bigint FROM ott_tokens WHERE state <> 5";
    let attempts = server.number(attempts).await;
    assert_eq!(attempts, server.number(sum).await, "{what}");
    let records = server.number("SELECT count(*) FROM ott_tokens").await;
    let asked = "SELECT count(*) FROM ott_limits WHERE full_at = 1060000000";
    assert_eq!(records, server.number(asked).await, "{what}");
    // Nothing but guesses at what is spent is left.
    let others = "SELECT count(*) FROM ott_limits WHERE full_at NOT IN (0, 1060000000, 4600000000)";
    assert_eq!(0, server.number(others).await, "{what}");
    let all = "SELECT coalesce(sum(attempts), 0)::bigint FROM ott_tokens";
    usize::try_from(server.number(all).await).unwrap()
}

/// After the server was killed, each guess has its charge, each record has the charge of its issue, and what was answered is there.
#[tokio::test(flavor = "multi_thread")]
async fn killed_server_leaves_no_half_of_a_charged_verb() {
    let mut server = Server::start();
    let mut guessed = 0;
    for round in 0..4 {
        let running = start(&server, Duration::from_secs(30)).await;
        running.answered(20 + 40 * round).await;
        server.kill();
        running.ends.store(true, Ordering::SeqCst);
        server.restart();
        guessed += running.end().await;
        let found = is_whole(&server, &format!("round {round}")).await;
        // What was answered is there.
        assert!(found >= guessed, "round {round}: {found} of {guessed}");
        guessed = found;
    }
}

/// After the server hung, each guess has its charge, each record has the charge of its issue, and what was answered is there.
#[tokio::test(flavor = "multi_thread")]
async fn hung_server_leaves_no_half_of_a_charged_verb() {
    let server = Server::start();
    let running = start(&server, Duration::from_secs(5)).await;
    running.answered(20).await;
    server.stop();
    running.ends.store(true, Ordering::SeqCst);
    let guessed = running.end().await;
    server.go_on();
    // What was under way ends as a whole, one way or the other.
    let busy = "SELECT count(*) FROM pg_stat_activity \
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'";
    while server.number(busy).await > 0 {
        tokio::task::yield_now().await;
    }
    let found = is_whole(&server, "after it hung").await;
    assert!(found >= guessed, "{found} of {guessed}");
}

/// Limits that are there and limits that are new, records, factors, and slots: of many who want several of them, none is ended by the server.
#[tokio::test(flavor = "multi_thread")]
async fn charged_verbs_wait_in_no_circle() {
    const ROUNDS: usize = 12;
    let server = Server::start();
    let builder = PostgresStore::builder().timeout(Duration::from_secs(60));
    let store = builder.connect(server.options()).await.unwrap();
    let fixture = Arc::new(Fixture::over(store, ()));
    let roomy = Limit::pace(10_000, TimeDelta::seconds(1));
    for round in 0..ROUNDS {
        // The newest record of a slot that each of them may take over, and a factor.
        let issued = Arc::new(fixture.insert(&CODE).await);
        let factor = fixture.factor(u8::try_from(round).unwrap(), FactorState::Active);
        assert!(fixture.store.insert_factor(&factor).await.unwrap());
        let factor = factor.id;
        let tasks = (0..TASKS * 3).map(|task| {
            let (fixture, issued) = (Arc::clone(&fixture), Arc::clone(&issued));
            async move {
                // Two that are there since the first round, and two that all make at once; each in an order of its own.
                let names = ["a", "b", "c", "d"].into_iter().enumerate();
                let mut charges: Vec<_> = names
                    .map(|(at, name)| {
                        let of: &dyn Display = if at < 2 { &"always" } else { &round };
                        charge(&fixture, name, of, roomy)
                    })
                    .collect();
                charges.rotate_left(task % 4);
                if task % 3 == 0 {
                    charges.reverse();
                }
                let (store, batch) = (&fixture.store, [fixture.issue(&CODE).record]);
                let wrong = fixture.wrong(&issued);
                match task % 6 {
                    0 => {
                        let told = store.insert_charged(&batch, &charges, now());
                        told.await.unwrap();
                    }
                    1 | 2 => {
                        let told = store.redeem_charged(&wrong, cost(&charges), &[], now());
                        told.await.unwrap();
                    }
                    // Right, wrong or late; two of the limits are charged, and three cleared.
                    3 | 4 => {
                        let cleared: Vec<_> = charges.iter().skip(1).map(|one| one.key).collect();
                        let counter = u64::try_from(task).unwrap();
                        let guess = Guess {
                            right: (task % 4 > 0).then_some((factor, counter)),
                            charges: &charges[..2],
                            cleared: &cleared,
                        };
                        store.advance_charged(guess, now()).await.unwrap();
                    }
                    _ => {
                        store.spend(&charges, now()).await.unwrap();
                        store.redeem(&wrong, now()).await.unwrap();
                        store.advance(&factor, 1, now()).await.unwrap();
                        store.clear(&charges[0].key).await.unwrap();
                        store.refund(&charges, 1).await.unwrap();
                    }
                }
            }
        });
        at_once(tasks).await;
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
