//! How many guesses an attacker gets who knows the password, and what the owner keeps.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::HashSet;

use twofa_providers::{
    Attempt, EnrolDetails, Limits, Response, TwoFactorError, counted_network,
    events::THROTTLED,
    token_store::{
        FactorState,
        ott_core::{Destination, Limit, Reason, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice, subject,
    world::{App, World, is_throttled, reason},
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

/// Codes are sent five at once, and then one each ten minutes.
pub async fn codes_are_sent_five_then_one_each_ten_minutes(place: Place) {
    let limits = Limits {
        // The account's own limit decides, not that of the mailbox.
        destination: Limit::pace(1_000, TimeDelta::minutes(1)),
        ..Limits::default()
    };
    let (world, alice) = (World::with(place, limits).await, alice());
    let attempt = Attempt::new(&alice, "email");
    let _ = world
        .confirmed_email(&alice, "alice@example.org", None)
        .await;
    world.pass(TimeDelta::days(1));
    let mut sent = 0;
    for _ in 0..144 {
        while world.engine.request(&attempt).await.is_ok() {
            sent += 1;
        }
        world.pass(TimeDelta::minutes(10));
    }
    assert_eq!(sent, 5 + 143);
}

/// Enrolments are started ten at once and then one each hour; a refusal says when to come back and
/// writes nothing, whichever provider it is.
pub async fn enrolments_are_paced_and_write_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let mut started = 0;
    let mut refused = None;
    let address = Destination::email("a@example.org").unwrap();
    let details = EnrolDetails::new(&alice, "alice").destination(&address);
    for at in 0..place.often(4_000, 40) {
        let provider = ["totp", "email"][at % 2];
        match world.enrol_with(provider, &details, "x", None).await {
            Ok(_) => started += 1,
            Err(error) => refused = Some(error),
        }
    }
    assert_eq!(started, 10);
    let Some(TwoFactorError::Throttled { retry_after, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(retry_after, Some(TimeDelta::hours(1)));
    let stored = world.store.store().factors(&alice).await.unwrap();
    assert_eq!(stored.len(), 10);
    // Who was refused keeps what waits, and others are not concerned.
    let _ = world.enrol(&subject("acme", "bob"), None).await;
    world.pass(TimeDelta::hours(1) - TimeDelta::seconds(1));
    assert!(is_throttled(&world.try_enrol(&alice, "x", None).await));
    world.pass(TimeDelta::seconds(1));
    let app = world.enrol(&alice, None).await;
    let confirmed = world.confirm(&alice, &app, &world.code(&app)).await;
    assert!(confirmed.is_ok());
}

/// Recovery codes are renewed at the pace of enrolments, and on its account: a refusal says when to come back and writes
/// nothing, so that the sheet stands and what waits goes on waiting.
pub async fn renewals_are_paced_and_write_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    // One was the app's.
    let mut sheet = Vec::new();
    for _ in 0..8 {
        sheet = world.codes(&proof).await;
    }
    let waits = world.enrol(&alice, Some(&proof)).await;
    let before = world.store.store().factors(&alice).await.unwrap();
    world.log.drain();
    for _ in 0..place.often(300, 5) {
        let Err(TwoFactorError::Throttled { retry_after, .. }) = world.try_codes(&proof).await
        else {
            panic!("an eleventh");
        };
        let after = retry_after.expect("a time");
        assert!(after > TimeDelta::minutes(50) && after <= TimeDelta::hours(1));
    }
    assert!(world.log.whats().iter().all(|what| what == THROTTLED));
    assert_eq!(world.store.store().factors(&alice).await.unwrap(), before);
    assert_eq!(world.recovery.left(&alice).await.unwrap(), 10);
    assert!(world.recover(&alice, &sheet[0]).await.is_ok());
    let code = world.code(&waits);
    assert!(world.confirm(&alice, &waits, &code).await.is_ok());
    // An enrolment pays on the same account, and an hour later there is one of either.
    assert!(is_throttled(
        &world.try_enrol(&alice, "x", Some(&proof)).await
    ));
    world.pass(TimeDelta::hours(1));
    let proof = world.proof(&alice, &app).await;
    assert!(world.try_codes(&proof).await.is_ok());
    assert!(is_throttled(
        &world.try_enrol(&alice, "x", Some(&proof)).await
    ));
}
