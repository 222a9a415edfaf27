//! How many guesses an attacker gets who knows the password, and what the owner keeps.

use core::net::{IpAddr, Ipv6Addr};
use std::{collections::HashSet, sync::Arc};

use twofa_providers::{
    Attempt, Limits, Response, TwoFactorError, counted_network,
    token_store::{
        Charge, Clock as _, FactorState, LimitStore as _, Tokens,
        ott_core::{
            Binding, KeyRing, Limit, LimitKey, LimitScope, Policy, Purpose, Reason,
            chrono::TimeDelta,
        },
    },
};

use crate::{
    Place, alice, subject,
    world::{App, World, is_throttled, reason},
    wrong,
};

/// One wrong guess; whether it was compared.
async fn guess(world: &World, app: &App) -> bool {
    let before = world.evaluated();
    let wrong = world.wrong_code(&[app]);
    let _ = world
        .verify(&alice(), &wrong)
        .await
        .expect_err("it is refused");
    world.evaluated() > before
}

/// The ceiling would end the attack at 100; here pace and allowance have to.
async fn without_ceiling(place: Place) -> World {
    World::with(
        place,
        Limits {
            ceiling: Limit::ceiling(1_000_000),
            ..Limits::default()
        },
    )
    .await
}

async fn sign_in(world: &World, app: &App) -> bool {
    world.verify(&alice(), &world.code(app)).await.is_ok()
}

/// Ten thousand challenges of five guesses stay within the limits.
pub async fn challenges_stay_within_the_limits(place: Place) {
    let world = without_ceiling(place).await;
    let app = world.confirmed(&alice(), None).await;
    let before = world.evaluated();
    // One challenge each half minute, or each fifty minutes: three and a half days.
    for _ in 0..place.often(10_000, 100) {
        for _ in 0..5 {
            guess(&world, &app).await;
        }
        world.pass(TimeDelta::seconds(place.often(30, 3_000) as i64));
    }
    // 100 at first and one for each whole day.
    assert_eq!(world.evaluated() - before, 103);
}

/// A hundred consecutive failures disable a factor.
pub async fn factor_ends_after_a_hundred_failures(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let before = world.evaluated();
    world.log.drain();
    let mut hours = 0;
    while world.engine.factors(&alice).await.unwrap()[0].state == FactorState::Active {
        while guess(&world, &app).await {}
        world.pass(TimeDelta::hours(1));
        hours += 1;
        assert!(hours < 1_000, "never disabled");
    }
    assert_eq!(world.evaluated() - before, 100);
    let told = world.log.whats();
    assert_eq!(
        told.iter()
            .filter(|what| **what == "factor.disabled")
            .count(),
        1
    );
    // The right code is refused from now on, and nothing is offered.
    world.pass(TimeDelta::days(200));
    assert_eq!(
        reason(world.verify(&alice, &world.code(&app)).await),
        Reason::Unknown
    );
    assert!(world.engine.offered(&alice).await.unwrap().is_empty());
}

/// A success clears the ceiling.
pub async fn success_clears_the_ceiling(place: Place) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    // 150 failures, never 100 of them in a row.
    for round in 0..15 {
        world.pass(TimeDelta::days(15));
        for _ in 0..9 {
            assert!(guess(&world, &app).await, "round {round}");
        }
        assert!(sign_in(&world, &app).await, "round {round}");
    }
    let factors = world.engine.factors(&alice()).await.unwrap();
    assert_eq!(factors[0].state, FactorState::Active);
}

/// An attacker who takes whatever is allowed, each hour, beside an owner who signs in. Over a durable
/// store both come once a day: a year is as long, and the allowance gives as much.
async fn a_year_beside(place: Place, owner_every_hours: usize) -> (u64, u64) {
    let (world, hours) = (without_ceiling(place).await, place.often(1, 24));
    let app = world.confirmed(&alice(), None).await;
    let (mut owner_signed_in, mut attacks) = (0, 0);
    for hour in (0..365 * 24).step_by(hours) {
        if hour > 0 && hour % owner_every_hours == 0 {
            owner_signed_in += u64::from(sign_in(&world, &app).await);
        }
        while guess(&world, &app).await {
            attacks += 1;
        }
        world.pass(TimeDelta::hours(hours as i64));
    }
    (owner_signed_in, attacks)
}

/// A year beside an owner who signs in daily gives 465 guesses at most.
pub async fn year_of_codes_beside_a_daily_owner_is_465(place: Place) {
    let (owner, attacker) = a_year_beside(place, 24).await;
    assert!(
        owner > 300,
        "the owner signed in {owner} times: nothing could be refilled"
    );
    assert!((400..=465).contains(&attacker), "{attacker}");
}

/// A year beside an owner who signs in hourly gives 465 guesses at most.
pub async fn year_of_codes_beside_an_hourly_owner_is_465(place: Place) {
    let (owner, attacker) = a_year_beside(place, 1).await;
    assert!(
        owner > 300,
        "the owner signed in {owner} times: nothing could be refilled"
    );
    assert!((400..=465).contains(&attacker), "{attacker}");
}

/// Whoever uses the second of two authenticators never runs out, and disables neither.
pub async fn second_authenticator_never_runs_out(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let first = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &first).await;
    let second = world.confirmed(&alice, Some(&proof)).await;
    for hour in 0..place.often(500, 60) {
        world.pass(TimeDelta::hours(1));
        for app in [&first, &second] {
            // What the other app shows now is the one code in 10^6 that would be burnt instead.
            if world.code(&first) == world.code(&second) {
                continue;
            }
            assert!(sign_in(&world, app).await, "hour {hour}");
        }
    }
    let factors = world.engine.factors(&alice).await.unwrap();
    assert!(
        factors
            .iter()
            .all(|factor| factor.state == FactorState::Active)
    );
}

/// A guess at several factors is paid for at each.
pub async fn guess_is_paid_at_each_factor(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let first = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &first).await;
    let second = world.confirmed(&alice, Some(&proof)).await;
    let before = world.evaluated();
    for _ in 0..100 {
        let wrong = world.wrong_code(&[&first, &second]);
        let _ = world.verify(&alice, &wrong).await.unwrap_err();
    }
    assert_eq!(world.evaluated() - before, 10);
}

/// What cannot be a code is free.
pub async fn text_that_is_no_code_is_free(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    let before = world.evaluated();
    for _ in 0..500 {
        assert_eq!(
            reason(world.verify(&alice, "12345").await),
            Reason::Malformed
        );
    }
    assert_eq!(world.evaluated(), before);
    assert!(sign_in(&world, &app).await);
}

/// An address that is refused costs the subject nothing.
pub async fn refused_address_costs_the_subject_nothing(place: Place) {
    let world = World::with(
        place,
        Limits {
            network: Limit::pace(3, TimeDelta::hours(1)),
            ..Limits::default()
        },
    )
    .await;
    let (alice, bob) = (alice(), subject("acme", "bob"));
    let app = world.confirmed(&alice, None).await;
    let _ = world.confirmed(&bob, None).await;
    world.pass(TimeDelta::seconds(30));
    let from = |owner| Attempt::new(owner, "totp").network([192, 0, 2, 1].into());
    let wrong = world.wrong_code(&[&app]);
    let before = world.evaluated();
    for _ in 0..1_000 {
        let _ = world
            .engine
            .verify(&from(&alice), &Response::typed(&wrong))
            .await
            .unwrap_err();
    }
    assert_eq!(world.evaluated() - before, 3);
    // One address is one key, whoever is tried from it.
    let code = world.code(&app);
    assert!(is_throttled(
        &world
            .engine
            .verify(&from(&bob), &Response::typed(&code))
            .await
    ));
    let elsewhere = Attempt::new(&alice, "totp").network([198, 51, 100, 7].into());
    assert!(
        world
            .engine
            .verify(&elsewhere, &Response::typed(&code))
            .await
            .is_ok()
    );
}

/// Every address of a /64, and every spelling of one, is one key.
pub async fn address_key_is_the_network(place: Place) {
    let world = World::with(
        place,
        Limits {
            network: Limit::pace(3, TimeDelta::hours(1)),
            ..Limits::default()
        },
    )
    .await;
    let alice = alice();
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    let wrong = world.wrong_code(&[&app]);
    let from = async |address: IpAddr, typed: &str| {
        let attempt = Attempt::new(&alice, "totp").network(address);
        world.engine.verify(&attempt, &Response::typed(typed)).await
    };
    let before = world.evaluated();
    let host = |host: u16| {
        let [high, low] = [host.rotate_left(3), host];
        IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 7, 9, high, !low, low, high))
    };
    let counted: HashSet<_> = (0..=u16::MAX).map(host).map(counted_network).collect();
    assert_eq!(counted.len(), 1);
    for low in (0..=u16::MAX).step_by(1_021) {
        assert!(from(host(low), &wrong).await.is_err());
    }
    assert_eq!(world.evaluated() - before, 3);
    for spelling in [
        "2001:db8:7:9::",
        "2001:0DB8:0007:0009:0::1",
        "2001:db8:7:9:0:0:1.2.3.4",
    ] {
        let address = spelling.parse().unwrap();
        assert!(
            is_throttled(&from(address, &world.code(&app)).await),
            "{spelling}"
        );
    }
    for spelling in ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"] {
        let address = spelling.parse().unwrap();
        assert!(matches!(
            from(address, &wrong).await,
            Err(TwoFactorError::Rejected(_))
        ));
    }
    let mapped = "::ffff:192.0.2.1".parse().unwrap();
    assert!(is_throttled(&from(mapped, &world.code(&app)).await));
    let neighbour = "2001:db8:7:a::1".parse().unwrap();
    assert!(from(neighbour, &world.code(&app)).await.is_ok());
}

/// Requests that the allowance refuses do not use up the pace.
pub async fn allowance_refusals_leave_the_pace(place: Place) {
    let world = without_ceiling(place).await;
    let app = world.confirmed(&alice(), None).await;
    let mut left = 99;
    while left > 0 {
        world.pass(TimeDelta::minutes(6));
        left -= u32::from(guess(&world, &app).await);
    }
    while guess(&world, &app).await {}
    let Err(TwoFactorError::Throttled {
        retry_at: Some(at), ..
    }) = world.verify(&alice(), &world.code(&app)).await
    else {
        panic!("not throttled");
    };
    world.pass(at - world.tokens.now() - TimeDelta::seconds(1));
    for _ in 0..place.often(1_000, 100) {
        assert!(!guess(&world, &app).await);
    }
    world.pass(TimeDelta::seconds(1));
    assert!(sign_in(&world, &app).await);
}

/// Refused requests do not postpone the next try.
pub async fn refusals_do_not_postpone_the_next_code(place: Place) {
    let world = World::new(place).await;
    let app = world.confirmed(&alice(), None).await;
    while guess(&world, &app).await {}
    for _ in 0..place.often(100_000, 200) {
        assert!(!guess(&world, &app).await);
    }
    world.pass(TimeDelta::minutes(6));
    assert!(sign_in(&world, &app).await);
}

/// A policy that is called as the engine's limits are touches none of them.
pub async fn policy_of_the_engines_name_touches_no_key_of_it(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let policy = Policy::code(Purpose::new("second-factor")).spending_allowance(false);
    let keys = KeyRing::generate().unwrap();
    let tokens = Tokens::builder_shared(keys, Arc::clone(&world.store))
        .policy(&policy)
        .accepting_guess_bound(u64::MAX)
        .clock(Arc::clone(&world.clock) as Arc<_>);
    let tokens = tokens.build().unwrap();
    let binding = Binding::subject(&alice);
    for _ in 0..2 {
        let issued = tokens.issue(&policy, &binding).await.unwrap();
        let typed = wrong(issued.token.expose_secret());
        for _ in 0..5 {
            let _ = tokens
                .redeem(&policy, &issued.handle, &binding, &typed)
                .await;
        }
    }
    // Its pace is used up, and the engine has all ten tries.
    let mut tries = 0;
    while !crate::world::is_throttled(&world.verify(&alice, &world.wrong_code(&[&app])).await) {
        tries += 1;
    }
    assert_eq!(tries, 10);
    let pace = LimitKey::new(LimitScope::Engine, "pace", &binding);
    let charge = Charge {
        key: pace,
        limit: Limit::PACE,
    };
    let spent = world
        .store
        .spend(&[charge], world.clock.now())
        .await
        .unwrap();
    assert!(!matches!(
        spent,
        twofa_providers::token_store::Spent::Allowed
    ));
}
