//! What a provider claims is burnt by the engine, once, and after the limits were spent.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use twofa_providers::{
    Attempt, Claim, Descriptor, Kind, Odds, Response, TwoFactor, TwoFactorError,
    token_store::{
        FactorStore as _,
        ott_core::{Policy, Purpose, Reason, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    provider::Told,
    world::{App, World, is_throttled, reason},
};

const STEP: Policy = Policy::parked(Purpose::new("second-factor-proof"));

/// An engine whose provider `totp` claims what it is told to, over the world's factors.
fn telling(world: &World, told: Told) -> TwoFactor {
    let factors = Arc::clone(&world.store);
    TwoFactor::builder(Arc::clone(&world.tokens), factors)
        .provider(told)
        .build()
        .expect("a guess bound below the highest")
}

fn totp() -> Descriptor {
    let odds = Odds {
        code_space: 1_000_000,
        valid: 1,
    };
    Descriptor::new(Kind::UserToken, "totp", "Told", "", odds)
}

async fn with_app(place: Place) -> (World, App) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    world.pass(TimeDelta::seconds(30));
    (world, app)
}

async fn last(world: &World, app: &App) -> Option<u64> {
    let stored = world.store.factors(&alice()).await.expect("memory");
    let own = stored.iter().find(|stored| stored.id == app.factor);
    own.expect("a factor").last
}

/// The counter of a claim goes forward in the store, and never back: without the engine's advance, one
/// code signs in for ever.
pub async fn advance_is_performed_and_only_forward(place: Place) {
    let (world, app) = with_app(place).await;
    let told = Told::new(totp(), |_, response| {
        let counter = response.one()?.parse().expect("a counter");
        Ok(Claim::advance(counter))
    });
    let engine = telling(&world, told);
    let owner = alice();
    let attempt = Attempt::new(&owner, "totp").factor(app.factor);
    let verify = async |typed: &str| engine.verify(&attempt, &Response::typed(typed)).await;
    let counter = 1_u64 << 40;
    assert!(verify(&counter.to_string()).await.is_ok());
    assert_eq!(last(&world, &app).await, Some(counter));
    for spent in [counter, counter - 1] {
        assert_eq!(reason(verify(&spent.to_string()).await), Reason::Spent);
    }
    assert_eq!(last(&world, &app).await, Some(counter));
    assert!(verify(&(counter + 1).to_string()).await.is_ok());
}

/// The step that somebody else's store performs is run after the limits, once for each claim.
pub async fn elsewhere_is_burnt_once_and_after_the_limits(place: Place) {
    let (world, app) = with_app(place).await;
    let burnt = Arc::new(AtomicUsize::new(0));
    let burning = Arc::clone(&burnt);
    let told = Told::new(totp(), move |_, _| {
        let burning = Arc::clone(&burning);
        Ok(Claim::elsewhere(async move {
            burning.fetch_add(1, Ordering::Relaxed);
            Err(Reason::Spent.into())
        }))
    });
    let engine = telling(&world, told);
    let owner = alice();
    let attempt = Attempt::new(&owner, "totp").factor(app.factor);
    for _ in 0..10 {
        let tried = engine.verify(&attempt, &Response::typed("x")).await;
        assert_eq!(reason(tried), Reason::Spent);
    }
    assert_eq!(burnt.load(Ordering::Relaxed), 10);
    // What the limits refuse is not burnt elsewhere either.
    let refused = engine.verify(&attempt, &Response::typed("x")).await;
    assert!(is_throttled(&refused));
    assert_eq!(burnt.load(Ordering::Relaxed), 10);
}

/// A question and a counter: both are burnt, and neither is good without the other.
pub async fn token_and_counter_are_both_burnt(place: Place) {
    let (world, app) = with_app(place).await;
    let told = Told::new(totp().requested(&STEP), |_, _| unreachable!());
    let told = told.parking(STEP, |ends, response| {
        let counter = response.one()?.parse().expect("a counter");
        Ok(ends.and_advance(counter))
    });
    let engine = telling(&world, told);
    let owner = alice();
    let attempt = Attempt::new(&owner, "totp").factor(app.factor);
    let counter = 1_u64 << 40;
    let ask = async || engine.request(&attempt).await.unwrap().handle.unwrap();
    let first = ask().await;
    let verify = async |handle, counter: u64| {
        let attempt = attempt.handle(handle);
        let typed = counter.to_string();
        engine.verify(&attempt, &Response::typed(&typed)).await
    };
    assert!(verify(&first, counter).await.is_ok());
    assert_eq!(last(&world, &app).await, Some(counter));
    // Another counter, the same question; and another question, the same counter.
    assert_eq!(reason(verify(&first, counter + 1).await), Reason::Spent);
    assert_eq!(last(&world, &app).await, Some(counter));
    let second = ask().await;
    assert_eq!(reason(verify(&second, counter).await), Reason::Spent);
    assert_eq!(reason(verify(&second, counter + 1).await), Reason::Spent);
}

/// What a claim keeps takes the secret's place, sealed, and the provider reads it next time.
pub async fn kept_secret_takes_the_place_of_the_old_one(place: Place) {
    let (world, app) = with_app(place).await;
    let told = Told::new(totp(), |context, response| {
        let typed = response.one()?;
        if typed == "look" {
            assert_eq!(context.factor()?.secret(), b"kept secret");
        }
        if typed == "replay" {
            return Ok(Claim::advance(1).keeping(b"another".to_vec().into()));
        }
        let counter = context.factor()?.last().unwrap_or(0) + 1;
        Ok(Claim::advance(counter).keeping(b"kept secret".to_vec().into()))
    });
    let engine = telling(&world, told);
    let owner = alice();
    let attempt = Attempt::new(&owner, "totp").factor(app.factor);
    for typed in ["keep", "look", "look"] {
        let verified = engine.verify(&attempt, &Response::typed(typed)).await;
        assert!(verified.is_ok(), "{verified:?}");
    }
    // What was used before keeps nothing.
    let replayed = engine.verify(&attempt, &Response::typed("replay")).await;
    assert_eq!(reason(replayed), Reason::Spent);
    let verified = engine.verify(&attempt, &Response::typed("look")).await;
    assert!(verified.is_ok(), "{verified:?}");
    let stored = world.store.factors(&owner).await.unwrap();
    let sealed = String::from_utf8_lossy(&stored[0].sealed).into_owned();
    assert!(!sealed.contains("kept"));
}

/// A claim about a factor, where there is none, is a mistake of the provider and proves nothing.
pub async fn counter_without_a_factor_is_misuse(place: Place) {
    let (world, _) = with_app(place).await;
    for keeps in [false, true] {
        let told = Told::new(totp().of_subject(), move |_, _| {
            Ok(if keeps {
                Claim::elsewhere(async { Ok(()) }).keeping(Vec::new().into())
            } else {
                Claim::advance(1)
            })
        });
        let engine = telling(&world, told);
        let owner = alice();
        let attempt = Attempt::new(&owner, "totp");
        let verified = engine.verify(&attempt, &Response::typed("x")).await;
        assert!(matches!(verified, Err(TwoFactorError::Misuse(_))));
    }
}
