//! A known device has guesses of its own, which nobody else uses up.

use twofa_providers::{
    Attempt, Limits, MAX_KNOWN_DEVICES, Response,
    token_store::{
        FactorState,
        ott_core::{Limit, Reason, chrono::TimeDelta},
    },
};

use super::devices::{exhaust, from, remembered, without_ceiling};
use crate::{
    Place, alice,
    world::{World, is_throttled, reason},
};

/// Whoever exhausts the account locks nobody out of a known device.
pub async fn known_device_outlives_an_exhausted_account(place: Place) {
    let world = World::knowing(place, Limits::default()).await;
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let device = remembered(&world, &proof).await;
    let mut guesses = 0;
    for _ in 0..20 * 4 {
        guesses += exhaust(&world, &app, None).await;
        world.pass(TimeDelta::hours(6));
    }
    // Not 100: what is left of the ceiling is kept for the known device.
    assert_eq!(guesses, 80);
    let code = world.code(&app);
    assert_eq!(
        reason(from(&world, &alice(), None, &code).await),
        Reason::Exhausted
    );
    let factors = world.engine.factors(&alice()).await.unwrap();
    assert_eq!(factors[0].state, FactorState::Active);
    assert!(from(&world, &alice(), Some(&device), &code).await.is_ok());
    // And this success lets the owner in everywhere again.
    world.pass(TimeDelta::days(1));
    let code = world.code(&app);
    assert!(from(&world, &alice(), None, &code).await.is_ok());
}

/// A burst against the account leaves the known device its lane.
pub async fn burst_leaves_the_known_device_its_lane(place: Place) {
    let world = World::knowing(place, Limits::default()).await;
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let device = remembered(&world, &proof).await;
    world.pass(TimeDelta::seconds(30));
    exhaust(&world, &app, None).await;
    let code = world.code(&app);
    assert!(is_throttled(&from(&world, &alice(), None, &code).await));
    assert!(from(&world, &alice(), Some(&device), &code).await.is_ok());
    // The owner who signs in daily beside the attacker never runs out: success gives back what it spent.
    for day in 0..28 {
        world.pass(TimeDelta::hours(23));
        exhaust(&world, &app, None).await;
        world.pass(TimeDelta::hours(1));
        exhaust(&world, &app, None).await;
        let proof = from(&world, &alice(), Some(&device), &world.code(&app)).await;
        assert!(proof.is_ok(), "day {day}");
    }
}

/// A thief of password and device who takes whatever is allowed, each hour, beside an owner who
/// signs in from a known device each day.
async fn a_year_of_a_thief(place: Place, devices: usize) -> (u64, u64) {
    let world = World::knowing(place, without_ceiling()).await;
    let app = world.confirmed(&alice(), None).await;
    let mut tokens = Vec::new();
    for _ in 0..devices {
        let proof = world.proof(&alice(), &app).await;
        tokens.push(remembered(&world, &proof).await);
    }
    let (mut owner, mut thief) = (0, 0);
    for hour in 0..place.often(365, 3) * 24 {
        if hour % 24 == 23 {
            let signed_in = from(
                &world,
                &alice(),
                tokens.first().map(String::as_str),
                &world.code(&app),
            )
            .await;
            if let Ok(proof) = signed_in {
                owner += 1;
                // What a thief holds does not end after 30 days, to be on the safe side.
                if owner % 5 == 0 {
                    tokens.remove(0);
                    tokens.push(remembered(&world, &proof).await);
                }
            }
        }
        thief += exhaust(&world, &app, None).await;
        for token in &tokens {
            thief += exhaust(&world, &app, Some(token)).await;
        }
        world.pass(TimeDelta::hours(1));
    }
    (owner, thief)
}

/// A year of a thief of five devices gives 497 guesses at most.
pub async fn year_of_a_device_thief_is_497_guesses(place: Place) {
    let (_, thief) = a_year_of_a_thief(place, 5).await;
    // Over a durable store three days of it: 100 and one a day, 20 and one a month.
    let most = place.often(497, 123) as u64;
    assert!((most * 4 / 5..=most).contains(&thief), "{thief}");
}

/// One stolen device gives its lane and no more.
pub async fn stolen_device_gives_its_lane_and_no_more(place: Place) {
    let world = World::knowing(place, without_ceiling()).await;
    let app = world.confirmed(&alice(), None).await;
    let mut tokens = Vec::new();
    for _ in 0..MAX_KNOWN_DEVICES {
        let proof = world.proof(&alice(), &app).await;
        tokens.push(remembered(&world, &proof).await);
    }
    world.pass(TimeDelta::days(1));
    assert_eq!(exhaust(&world, &app, None).await, 10);
    assert_eq!(exhaust(&world, &app, Some(&tokens[0])).await, 20);
    for token in &tokens {
        assert_eq!(exhaust(&world, &app, Some(token)).await, 0);
    }
}

/// A hundred failures in all disable a factor beside known devices too.
pub async fn ceiling_holds_beside_known_devices(place: Place) {
    let world = World::knowing(place, Limits::default()).await;
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let device = remembered(&world, &proof).await;
    let mut guesses = 0;
    for _ in 0..10 * 4 {
        guesses += exhaust(&world, &app, None).await;
        world.pass(TimeDelta::hours(6));
    }
    guesses += exhaust(&world, &app, Some(&device)).await;
    assert_eq!(guesses, 100);
    world.pass(TimeDelta::days(15));
    for _ in 0..16 {
        guesses += exhaust(&world, &app, Some(&device)).await;
    }
    assert_eq!(guesses, 100);
    let code = world.code(&app);
    // The lane has to have something left for the ceiling to be asked at all.
    world.pass(TimeDelta::days(14));
    let _ = from(&world, &alice(), Some(&device), &code).await;
    world.pass(TimeDelta::days(30));
    assert!(from(&world, &alice(), None, &code).await.is_err());
    let factors = world.engine.factors(&alice()).await.unwrap();
    assert_eq!(factors[0].state, FactorState::Disabled);
}

/// Without a known device the whole ceiling is everybody's.
pub async fn ceiling_without_devices_is_everybodys(place: Place) {
    for epoch in [None, Some(2)] {
        let world = World::knowing(place, Limits::default()).await;
        let app = world.confirmed(&alice(), None).await;
        if epoch.is_some() {
            // One that an earlier epoch left is nobody's reserve.
            let proof = world.proof(&alice(), &app).await;
            let _ = remembered(&world, &proof).await;
        }
        let owner = alice();
        let mut attempt = Attempt::new(&owner, "totp");
        if let Some(epoch) = epoch {
            attempt = attempt.epoch(epoch);
        }
        let before = world.evaluated();
        for _ in 0..200 {
            let wrong = world.wrong_code(&[&app]);
            let _ = world
                .engine
                .verify(&attempt, &Response::typed(&wrong))
                .await;
            world.pass(TimeDelta::hours(1));
        }
        assert_eq!(world.evaluated() - before, 100);
        let factors = world.engine.factors(&owner).await.unwrap();
        assert_eq!(factors[0].state, FactorState::Disabled);
    }
}

/// A known device skips no second factor and no limit of an address.
pub async fn device_skips_no_factor_and_no_address_limit(place: Place) {
    let world = World::knowing(
        place,
        Limits {
            network: Limit::pace(3, TimeDelta::hours(1)),
            ..Limits::default()
        },
    )
    .await;
    let owner = alice();
    let app = world.confirmed(&owner, None).await;
    let proof = world.proof(&owner, &app).await;
    let device = remembered(&world, &proof).await;
    world.pass(TimeDelta::seconds(30));
    for typed in ["", &device, &world.wrong_code(&[&app])] {
        assert!(from(&world, &owner, Some(&device), typed).await.is_err());
    }
    let spent = world.code(&app);
    assert!(from(&world, &owner, Some(&device), &spent).await.is_ok());
    assert_eq!(
        reason(from(&world, &owner, Some(&device), &spent).await),
        Reason::Spent
    );
    let attempt = Attempt::new(&owner, "totp")
        .known_device(&device)
        .network([192, 0, 2, 1].into());
    let before = world.evaluated();
    for _ in 0..20 {
        let wrong = world.wrong_code(&[&app]);
        let _ = world
            .engine
            .verify(&attempt, &Response::typed(&wrong))
            .await;
    }
    assert_eq!(world.evaluated() - before, 3);
}
