//! Owners are told of guesses and of exhausted factors, and no mailbox is filled.

use std::sync::Arc;

use async_trait::async_trait;
use twofa_providers::{
    Attempt, Claim, Context, Descriptor, Kind, Limits, News, Odds, Operator, Provider, ResetReason,
    Response, TwoFactor, TwoFactorError, VerifyError,
    token_store::{
        FactorState, FactorStore,
        ott_core::{Binding, Limit, LimitKey, LimitScope, Reason, chrono::TimeDelta},
    },
};

use super::notices::{ALICE, MAIL};
use crate::{
    Place, alice,
    telling::{HOME, NOBODY, Telling, all, sign_in},
    world::{is_throttled, reason},
};

/// A disabled factor is told once.
pub async fn disabled_factor_is_told_once(place: Place) {
    let told = Telling::with(
        place,
        &[ALICE],
        Limits {
            pace: Limit::pace(1_000, TimeDelta::hours(1)),
            ceiling: Limit::ceiling(6),
            ..Limits::default()
        },
    )
    .await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = world.confirmed_email(&alice(), MAIL, Some(&proof)).await;
    let _ = told.arrived();

    let owner = alice();
    let attempt = Attempt::new(&owner, "totp").network(HOME).sign_in(&f);
    for _ in 0..20 {
        let wrong = world.wrong_code(&[&app]);
        let _ = world
            .engine
            .verify(&attempt, &Response::typed(&wrong))
            .await;
    }
    assert_eq!(told.told(), all(&[ALICE, MAIL], News::FactorDisabled));
}

/// Six digits that the account has beside its factors: easy enough to guess that failures are counted.
struct Pin(Descriptor);

#[async_trait]
impl Provider for Pin {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    async fn verify(&self, _: &Context<'_>, _: &Response<'_>) -> Result<Claim, VerifyError> {
        Err(Reason::Mismatch.into())
    }
}

/// A provider of the account that is exhausted is told once, and once more after a reset.
pub async fn exhausted_provider_is_told_once(place: Place) {
    let limits = Limits {
        pace: Limit::pace(1_000, TimeDelta::hours(1)),
        ceiling: Limit::ceiling(6),
        ..Limits::default()
    };
    let told = Telling::with(place, &[ALICE], limits).await;
    let (world, owner) = (&told.world, alice());
    let odds = Odds {
        code_space: 1_000_000,
        valid: 1,
    };
    let pin = Descriptor::new(Kind::UserToken, "pin", "PIN", "", odds).of_subject();
    let factors = Arc::clone(&world.store) as Arc<dyn FactorStore>;
    let engine = TwoFactor::builder(Arc::clone(&world.tokens), factors)
        .provider(Pin(pin))
        .recovery_codes(&world.recovery)
        .known_devices(world.devices())
        .trusted_devices(world.trusted())
        .owner(world.owner())
        .limits(limits)
        .build()
        .unwrap();
    let attempt = Attempt::new(&owner, "pin");
    for _ in 0..2 {
        for _ in 0..20 {
            let tried = engine.verify(&attempt, &Response::typed("000000")).await;
            assert!(tried.is_err());
        }
        assert_eq!(told.told(), all(&[ALICE], News::CeilingReached));
        let operator = Operator::new(&engine);
        operator.reset(&owner, ResetReason::Lost).await.unwrap();
        let _ = told.arrived();
    }
}

/// Whoever knows the password fills no mailbox.
pub async fn password_alone_fills_no_mailbox(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let _ = told.arrived();
    world.pass(TimeDelta::seconds(30));
    let wrong = world.wrong_code(&[&app]);
    let tries = place.often(200, 40);
    for day in 0..3 {
        let mut refused = 0;
        for _ in 0..tries {
            let tried = world.verify(&alice(), &wrong).await;
            refused += usize::from(is_throttled(&tried));
        }
        assert!(refused > tries / 2, "{refused} on day {day}");
        assert_eq!(told.told(), all(&[ALICE], News::ManyFailures), "day {day}");
        world.pass(TimeDelta::hours(12));
        for _ in 0..tries {
            let _ = world.verify(&alice(), &wrong).await;
        }
        assert_eq!(told.told(), NOBODY, "day {day}");
        world.pass(TimeDelta::hours(12));
    }
}

/// Whoever guesses slowly beside a known device is told of.
pub async fn slow_guesses_beside_a_device_are_told(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let proof = told.proof(&f, &app).await;
    let _ = world.remember(&proof, "laptop").await.unwrap();
    let _ = told.arrived();
    // Never too fast for the pace, and no more than strangers have of the ceiling.
    let mut refused = 0;
    for tried in 0..100 {
        world.pass(TimeDelta::minutes(7));
        let wrong = world.wrong_code(&[&app]);
        let answer = world.verify(&alice(), &wrong).await;
        refused += u32::from(is_exhausted(&answer));
        // The tenth, and by the ceiling's time no second one within the day.
        let expected = if tried == 9 {
            all(&[ALICE], News::ManyFailures)
        } else {
            NOBODY
        };
        assert_eq!(told.told(), expected, "at try {tried}");
    }
    assert_eq!(refused, 20);
    let factors = world.engine.factors(&alice()).await.unwrap();
    assert_eq!(factors[0].state, FactorState::Active);
}

/// The tenth failure in a row is told, though no limit refuses anything; once a day; and a success begins
/// the row anew.
pub async fn tenth_failure_in_a_row_is_told(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, f) = (&told.world, sign_in("f"));
    let app = told.add_app(&f, None).await;
    let _ = told.arrived();
    let fails = async |times| {
        for _ in 0..times {
            world.pass(TimeDelta::minutes(7));
            let wrong = world.wrong_code(&[&app]);
            let refused = world.verify(&alice(), &wrong).await;
            assert_eq!(reason(refused), Reason::Mismatch);
        }
        told.told()
    };
    for _ in 0..3 {
        assert_eq!(fails(9).await, NOBODY);
        let _ = world.proof(&alice(), &app).await;
    }
    assert_eq!(fails(9).await, NOBODY);
    assert_eq!(fails(1).await, all(&[ALICE], News::ManyFailures));
    assert_eq!(fails(10).await, NOBODY);
    world.pass(TimeDelta::days(1));
    assert_eq!(fails(1).await, all(&[ALICE], News::ManyFailures));
    // What cannot be a code is no failure, and wrong recovery codes are.
    let proof = world.proof(&alice(), &app).await;
    let codes = world.codes(&proof).await;
    world.pass(TimeDelta::days(1));
    let _ = told.arrived();
    for _ in 0..20 {
        let _ = world.verify(&alice(), "12345").await.unwrap_err();
    }
    let wrong = codes[0].replace(|c: char| c != '-', "B");
    for _ in 0..9 {
        let _ = world.recover(&alice(), &wrong).await.unwrap_err();
    }
    assert_eq!(told.told(), NOBODY);
    let _ = world.recover(&alice(), &wrong).await.unwrap_err();
    assert_eq!(told.told(), all(&[ALICE], News::ManyFailures));
}

fn is_exhausted<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::Rejected(why)) if why.reason() == Reason::Exhausted)
}

/// A notice that nobody got is told by the next try.
pub async fn notice_that_nobody_got_is_told_next_time(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let app = told.add_app(&sign_in("f"), None).await;
    let _ = told.arrived();
    told.delivery_down(true);
    let wrong = told.world.wrong_code(&[&app]);
    for _ in 0..20 {
        let _ = told.world.verify(&alice(), &wrong).await;
    }
    told.delivery_down(false);
    assert!(is_throttled(&told.world.verify(&alice(), &wrong).await));
    assert_eq!(told.told(), all(&[ALICE], News::ManyFailures));
}

/// Where the count of notices is down, the answer is the same and nobody is flooded.
pub async fn count_of_notices_down_floods_nobody(place: Place) {
    let told = Telling::new(place, &[ALICE]).await;
    let (world, owner) = (&told.world, alice());
    let app = told.add_app(&sign_in("f"), None).await;
    let _ = told.arrived();
    world.log.drain();
    let key = LimitKey::new(
        LimitScope::Engine,
        "notice of failures",
        &Binding::subject(&owner),
    );
    world.store.fail_limit(key);
    let wrong = world.wrong_code(&[&app]);
    for _ in 0..20 {
        let _ = world.verify(&owner, &wrong).await;
    }
    assert!(is_throttled(&world.verify(&owner, &wrong).await));
    assert_eq!(told.told(), NOBODY);
    assert!(world.log.whats().contains(&"store.failed spend".to_owned()));
}
