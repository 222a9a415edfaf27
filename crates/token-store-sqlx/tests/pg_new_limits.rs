//! A limit that has no row yet: guesses that wait for something else judge it as it is when their turn comes, right ones too.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::time::Duration;

use fixture::{CODE, now};
use pg::PgFixture;
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, Cost, FactorState, FactorStore, Guess,
    LimitStore, Redeemed, Spent,
    ott_core::{Limit, LimitKey, LimitScope, Reason, chrono::TimeDelta},
};

fn charge(fixture: &PgFixture, name: &str, times: u32) -> Charge {
    Charge {
        key: LimitKey::new(LimitScope::Application, name, &fixture.binding()),
        limit: Limit::pace(times, TimeDelta::hours(1)),
    }
}

/// A wrong guess at a factor uses the pace up, and a right one behind it is refused and burns nothing.
#[tokio::test(flavor = "multi_thread")]
async fn right_guess_overtakes_no_wrong_one() {
    let fixture = PgFixture::new().await;
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let charges = [charge(&fixture, "network", 9), charge(&fixture, "pace", 1)];
    let spent = fixture.store.spend(&charges[..1], now()).await;
    assert_eq!(spent.unwrap(), Spent::Allowed);
    let held = fixture.hold("SELECT FROM {limits} FOR UPDATE").await;
    let mut told = Vec::new();
    for (waits, right) in [(1, None), (2, Some((factor.id, 90)))] {
        let store = fixture.store.clone();
        told.push(tokio::spawn(async move {
            let guess = Guess {
                right,
                charges: &charges,
                cleared: &[],
            };
            store.advance_charged(guess, now()).await.unwrap()
        }));
        fixture.waiting(waits).await;
    }
    held.commit().await.unwrap();
    let right = told.pop().unwrap().await.unwrap();
    let wrong = told.pop().unwrap().await.unwrap();
    assert_eq!(wrong, Charged::Answered(None));
    let full = |told: &_| matches!(told, Charged::Refused(Spent::RetryAt(key, _)) if *key == charges[1].key);
    assert!(full(&right), "{right:?}");
    let stored = fixture.store.factors(&factor.subject).await.unwrap();
    assert_eq!(stored.first().unwrap().last, factor.last);

    // What a success makes is as good as nothing, and it clears what is named.
    let charges = [charge(&fixture, "another", 1)];
    let guess = |counter| Guess {
        right: Some((factor.id, counter)),
        charges: &charges,
        cleared: &[],
    };
    for counter in [91, 92] {
        let told = fixture.store.advance_charged(guess(counter), now()).await;
        assert_eq!(
            told.unwrap(),
            Charged::Answered(Some(Advanced::Accepted)),
            "{counter}"
        );
    }
    let spent = fixture.store.spend(&charges, now()).await;
    assert_eq!(spent.unwrap(), Spent::Allowed);
}

/// A wrong token uses the pace up, and another one, that is right, is refused behind it and stays.
#[tokio::test(flavor = "multi_thread")]
async fn right_token_overtakes_no_wrong_one() {
    let fixture = PgFixture::new().await;
    let (one, other) = (fixture.insert(&CODE).await, fixture.insert(&CODE).await);
    let charges = [charge(&fixture, "network", 9), charge(&fixture, "pace", 1)];
    let spent = fixture.store.spend(&charges[..1], now()).await;
    assert_eq!(spent.unwrap(), Spent::Allowed);
    let held = fixture.hold("SELECT FROM {limits} FOR UPDATE").await;
    let mut told = Vec::new();
    let right = fixture.right(&CODE, &other);
    for (waits, presented) in [(1, fixture.wrong(&one)), (2, right.clone())] {
        let store = fixture.store.clone();
        told.push(tokio::spawn(async move {
            let cost = Cost {
                charges: &charges,
                unknown_is_free: true,
            };
            let told = store.redeem_charged(&presented, cost, &[], now()).await;
            told.unwrap()
        }));
        fixture.waiting(waits).await;
    }
    held.commit().await.unwrap();
    let told_right = told.pop().unwrap().await.unwrap();
    let told_wrong = told.pop().unwrap().await.unwrap();
    let mismatch = Charged::Answered(Redeemed::Refused(Reason::Mismatch));
    assert_eq!(told_wrong, mismatch);
    assert!(matches!(told_right, Charged::Refused(_)), "{told_right:?}");

    // The token stays, and a success at the first try leaves its limit as good as new.
    let another = [charge(&fixture, "another", 1)];
    let cost = Cost {
        charges: &another,
        unknown_is_free: true,
    };
    let told = fixture.store.redeem_charged(&right, cost, &[], now()).await;
    assert!(matches!(
        told.unwrap(),
        Charged::Answered(Redeemed::Redeemed(_))
    ));
}

/// New limits are made in the order of their keys, however a guess names them: one that waits for somebody's first key holds up nobody
/// at the second, and so nobody waits in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn new_limits_are_made_by_key() {
    let fixture = PgFixture::new().await;
    let mut charges = [charge(&fixture, "one", 9), charge(&fixture, "other", 9)];
    charges.sort_by_key(|charge| *charge.key.as_bytes());
    let [low, high] = charges;
    let id = u128::from_be_bytes(*low.key.as_bytes());
    let insert = format!("INSERT INTO {{limits}} (key, full_at, count) VALUES ('{id:032x}', 0, 0)");
    let held = fixture.hold(&insert).await;
    let store = fixture.store.clone();
    let told = tokio::spawn(async move {
        let guess = Guess {
            right: None,
            charges: &[high, low],
            cleared: &[],
        };
        store.advance_charged(guess, now()).await.unwrap()
    });
    fixture.waiting(1).await;
    let second = [high];
    let spent = fixture.store.spend(&second, now());
    let spent = tokio::time::timeout(Duration::from_secs(20), spent).await;
    assert_eq!(spent.unwrap().unwrap(), Spent::Allowed);
    held.commit().await.unwrap();
    assert_eq!(told.await.unwrap(), Charged::Answered(None));
}
