//! A verb with its charges: one round trip, and nothing of it where something cannot be read or may be lost. Each test starts its own
//! server.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/outages.rs"]
mod outages;

use core::time::Duration;

use fixture::{CODE, Fixture, LINK, RECOVERY, charge, now, outage};
use outages::{PACE, lost, one_left, until_it_answers};
use testing::proxy::Proxy;
use testing::redis::{Install, Server, everything, free_port};
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, Cost, FactorId, FactorState,
    FactorStore, Guess, Inserted, LimitStore, Redeemed, Spent, StoreError, TokenStore,
    ott_core::{Limit, LimitKey, Reason, State, chrono::TimeDelta},
};
use token_store_redis::{Outage, RedisStore, redis::Value};

const LONG: Duration = Duration::from_secs(30);

const fn cost(charges: &[Charge]) -> Cost<'_> {
    Cost {
        charges,
        unknown_is_free: true,
    }
}

/// A guess at a factor: what a success clears is the second charge.
const fn guess<'g>(
    right: Option<(FactorId, u64)>,
    charges: &'g [Charge],
    cleared: &'g [LimitKey],
) -> Guess<'g> {
    Guess {
        right,
        charges,
        cleared,
    }
}

fn charges() -> [Charge; 2] {
    [
        charge("pace", Limit::pace(20, TimeDelta::minutes(1))),
        charge("ceiling", Limit::ceiling(9)),
    ]
}

async fn fixture(server: &Server) -> Fixture {
    let builder = everything().prefix("ott").timeout(LONG);
    Fixture::new(builder.install(server.url()).await)
}

/// How many scripts the server ran.
async fn scripts(server: &Server) -> u64 {
    let told = match server.ask("INFO commandstats").await {
        Value::BulkString(bytes) => String::from_utf8(bytes).unwrap(),
        Value::VerbatimString { text, .. } => text,
        other => panic!("{other:?}"),
    };
    let calls = told.lines().filter_map(|line| {
        let of = line.strip_prefix("cmdstat_evalsha:calls=");
        of.or_else(|| line.strip_prefix("cmdstat_eval:calls="))
    });
    calls
        .map(|line| {
            let (calls, _) = line.split_once(',').unwrap();
            calls.parse::<u64>().unwrap()
        })
        .sum()
}

/// Once the server knows the script. A new batch costs a second one where it takes an older batch's place.
#[tokio::test(flavor = "multi_thread")]
async fn charged_verb_is_one_script() {
    let server = Server::start(&[]).await;
    let fixture = fixture(&server).await;
    let (store, charges) = (&fixture.store, charges());
    let factor = fixture.factor(1, FactorState::Active);
    assert!(store.insert_factor(&factor).await.unwrap());
    let cleared = [charges[1].key];
    for (counter, is_warm) in [(1, false), (2, true)] {
        let link = fixture.issue(&LINK);
        let batch = [link.record.clone()];
        let wrong = fixture.wrong(&fixture.insert(&CODE).await);
        let right = fixture.right(&LINK, &link);
        let before = scripts(&server).await;
        let inserted = store.insert_charged(&batch, &charges, now()).await;
        assert_eq!(inserted.unwrap(), Charged::Answered(Inserted::Done));
        let between = scripts(&server).await;
        for presented in [wrong, right.clone(), right] {
            let told = store.redeem_charged(&presented, cost(&charges), &[], now());
            assert!(matches!(told.await.unwrap(), Charged::Answered(_)));
        }
        let after = scripts(&server).await;
        let right = Some((factor.id, counter));
        for (right, expected) in [
            (None, None),
            (right, Some(Advanced::Accepted)),
            (right, Some(Advanced::Replayed)),
        ] {
            let told = store.advance_charged(guess(right, &charges, &cleared), now());
            assert_eq!(told.await.unwrap(), Charged::Answered(expected));
        }
        let guessed = scripts(&server).await;
        if is_warm {
            assert_eq!(between - before, 1);
            assert_eq!(after - between, 3);
            assert_eq!(guessed - after, 3);
        }
    }
}

/// A redeem and what it earns. What is earned in a slot that is taken costs a second script, as a new batch there does, and a wrong guess none.
#[tokio::test(flavor = "multi_thread")]
async fn redeem_that_earns_is_one_script() {
    let server = Server::start(&[]).await;
    let fixture = fixture(&server).await;
    let (store, charges) = (&fixture.store, charges());
    for is_warm in [false, true] {
        let code = fixture.insert(&CODE).await;
        let (wrong, right) = (fixture.wrong(&code), fixture.right(&CODE, &code));
        let earned = [fixture.issue(&LINK).record];
        let before = scripts(&server).await;
        for presented in [&wrong, &right, &right] {
            let told = store.redeem_charged(presented, cost(&charges), &earned, now());
            assert!(matches!(told.await.unwrap(), Charged::Answered(_)));
        }
        let after = scripts(&server).await;
        if is_warm {
            assert_eq!(after - before, 3);
        }
        let found = store.find(earned[0].id()).await.unwrap();
        assert_eq!(found.as_ref(), Some(earned[0].stored()));

        // Whose slot the code's owner has.
        let (older, code) = (fixture.insert(&RECOVERY).await, fixture.insert(&CODE).await);
        let (wrong, right) = (fixture.wrong(&code), fixture.right(&CODE, &code));
        let earned = [fixture.issue(&RECOVERY).record];
        let mut scripts_of = [0, 0];
        for (counted, presented) in scripts_of.iter_mut().zip([wrong, right]) {
            let before = scripts(&server).await;
            let told = store.redeem_charged(&presented, cost(&charges), &earned, now());
            assert!(matches!(told.await.unwrap(), Charged::Answered(_)));
            *counted = scripts(&server).await - before;
        }
        assert_eq!(scripts_of, [1, 2]);
        let found = store.find(older.record.id()).await.unwrap().unwrap();
        assert_eq!(found.state, State::Superseded);
    }
}

/// The answer is lost on its way: the guess was counted once, and charged once.
#[tokio::test(flavor = "multi_thread")]
async fn lost_answer_was_charged_once() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(free_port(), server.port()).await;
    let fixture = Fixture::new(everything().timeout(LONG).install(proxy.url()).await);
    let (store, charges) = (&fixture.store, charges());
    let issued = fixture.insert(&CODE).await;
    let wrong = fixture.wrong(&issued);
    let guess = || store.redeem_charged(&wrong, cost(&charges), &[], now());
    let told = guess().await.unwrap();
    assert_eq!(told, Charged::Answered(Redeemed::Refused(Reason::Mismatch)));
    proxy.lose_the_next_answer();
    let told = guess().await;
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    until_it_answers(store).await;
    let found = store.find(issued.record.id()).await.unwrap().unwrap();
    assert_eq!(found.attempts, 2);
    assert_eq!(left(store, charges[1]).await, 7);
}

/// The answer is lost on its way: a wrong guess was charged once, and a right one burnt once, with what it clears.
#[tokio::test(flavor = "multi_thread")]
async fn guess_whose_answer_is_lost_was_judged_once() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(free_port(), server.port()).await;
    let fixture = Fixture::new(everything().timeout(LONG).install(proxy.url()).await);
    let (store, charges) = (&fixture.store, charges());
    let factor = fixture.factor(1, FactorState::Active);
    assert!(store.insert_factor(&factor).await.unwrap());
    let cleared = [charges[1].key];
    let judge = |right| store.advance_charged(guess(right, &charges, &cleared), now());
    assert_eq!(judge(None).await.unwrap(), Charged::Answered(None));
    for (right, count, last) in [(None, 2, None), (Some((factor.id, 5)), 0, Some(5))] {
        proxy.lose_the_next_answer();
        let told = judge(right).await;
        assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
        until_it_answers(store).await;
        let looked = store.look(&fixture.alice, &cleared).await.unwrap();
        let state = looked.limits.get(&cleared[0]);
        assert_eq!(state.map_or(0, |state| state.count), count);
        assert_eq!(looked.factors[0].last, last);
    }
    let replayed = Charged::Answered(Some(Advanced::Replayed));
    assert_eq!(judge(Some((factor.id, 5))).await.unwrap(), replayed);
}

/// A limit or a record that cannot be read: nothing is compared, inserted or charged.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_row_is_compared_by_nobody() {
    let server = Server::start(&[]).await;
    let fixture = fixture(&server).await;
    let (store, charges) = (&fixture.store, charges());
    let issued = fixture.insert(&CODE).await;
    let (id, wrong) = (*issued.record.id(), fixture.wrong(&issued));
    let guess = || store.redeem_charged(&wrong, cost(&charges), &[], now());
    guess().await.unwrap();
    let ceiling = u128::from_be_bytes(*charges[1].key.as_bytes());
    let limit = format!("{{ott}}:limit:{ceiling:032x}");
    for (key, field, value) in [
        (limit, "count", "1"),
        (format!("{{ott}}:token:{id}"), "attempts", "1"),
    ] {
        server.ask(&format!("HSET {key} {field} many")).await;
        let told = guess().await;
        assert!(matches!(told, Err(StoreError::Corrupt(_))), "{told:?}");
        server.ask(&format!("HSET {key} {field} {value}")).await;
        let found = store.find(&id).await.unwrap().unwrap();
        assert_eq!(found.attempts, 1, "{key}");
    }
    assert_eq!(left(store, charges[1]).await, 8);
}

/// A ceiling that got lost with the index that names it is not begun anew by a guess: keys get lost so where a slot's move is broken
/// off.
#[tokio::test(flavor = "multi_thread")]
async fn guess_begins_no_lost_ceiling_anew() {
    let server = Server::start(&[]).await;
    let fixture = fixture(&server).await;
    let (store, charges) = (&fixture.store, charges());
    let judge = || store.advance_charged(guess(None, &charges, &[]), now());
    assert_eq!(judge().await.unwrap(), Charged::Answered(None));
    let keys = charges.map(|charge| u128::from_be_bytes(*charge.key.as_bytes()));
    let limits = keys.map(|key| format!("{{ott}}:limit:{key:032x}"));
    let limits = limits.join(" ");
    assert_eq!(
        server.ask(&format!("DEL {limits} {{ott}}:limits")).await,
        Value::Int(3)
    );
    let told = judge().await;
    assert!(
        matches!(outage(&told), Some(Outage::Lost { .. })),
        "{told:?}"
    );
}

/// After another primary what is not there counts as nearly used up; what a success cleared does not.
#[tokio::test(flavor = "multi_thread")]
async fn success_clears_after_another_primary() {
    let mut server = Server::start(&[]).await;
    let fixture = fixture(&server).await;
    let (store, factor) = (&fixture.store, fixture.factor(1, FactorState::Active));
    server.kill();
    server.restart().await;
    until_it_answers(store).await;
    let number = lost(store, &factor.id).await;
    store.accept_lost_writes(number).await.unwrap();
    assert!(store.insert_factor(&factor).await.unwrap());
    let (right, cleared) = (Some((factor.id, 1)), charge("cleared", PACE));
    let keys = [cleared.key];
    let told = store.advance_charged(guess(right, &[], &keys), now()).await;
    let accepted = Charged::Answered(Some(Advanced::Accepted));
    assert_eq!(told.unwrap(), accepted);
    one_left(store, "another pace").await;
    assert_eq!(left(store, cleared).await, 5);
}

/// A limit or a factor that cannot be read: nothing is burnt, charged or cleared.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_guessed_at() {
    let server = Server::start(&[]).await;
    let fixture = fixture(&server).await;
    let (store, charges) = (&fixture.store, charges());
    let factor = fixture.factor(1, FactorState::Active);
    assert!(store.insert_factor(&factor).await.unwrap());
    assert!(store.advance(&factor.id, 3, now()).await.is_ok());
    let cleared = [charges[1].key];
    let judge = |right| store.advance_charged(guess(right, &charges, &cleared), now());
    assert_eq!(judge(None).await.unwrap(), Charged::Answered(None));
    let ceiling = u128::from_be_bytes(*charges[1].key.as_bytes());
    let id = u128::from_be_bytes(*factor.id.as_bytes());
    let limit = format!("{{ott}}:limit:{ceiling:032x}");
    let row = format!("{{ott}}:factor:{id:032x}");
    let last = format!("{:019}", 3);
    for (key, field, broken, value) in [
        (&limit, "count", "many", "1"),
        (&row, "last", "many", &last),
        (&row, "last", "3", &last),
    ] {
        server.ask(&format!("HSET {key} {field} {broken}")).await;
        let told = judge(Some((factor.id, 4))).await;
        assert!(matches!(told, Err(StoreError::Corrupt(_))), "{told:?}");
        server.ask(&format!("HSET {key} {field} {value}")).await;
        let looked = store.look(&fixture.alice, &cleared).await.unwrap();
        assert_eq!(looked.factors[0].last, Some(3), "{key}");
        assert_eq!(looked.limits[&cleared[0]].count, 1, "{key}");
    }
    server.ask(&format!("HDEL {row} state")).await;
    let told = judge(Some((factor.id, 4))).await;
    assert!(matches!(told, Err(StoreError::Corrupt(_))), "{told:?}");
    server.ask(&format!("HSET {row} state 1")).await;
    assert_eq!(left(store, charges[1]).await, 8);
}

/// How many more this ceiling allows.
async fn left(store: &RedisStore, charge: Charge) -> u32 {
    let mut left = 0;
    while store.spend(&[charge], now()).await.unwrap() == Spent::Allowed {
        left += 1;
    }
    left
}
