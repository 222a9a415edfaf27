//! How often a sign-in asks the store, and what is told where guesses and limits meet.

use core::time::Duration;
use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet, time::timeout};
use twofa_providers::{
    Limits, TwoFactorError,
    token_store::ott_core::{Limit, Reason, chrono::TimeDelta},
};

use crate::{
    Place, alice,
    world::{World, is_outage, is_throttled, reason},
};

async fn paced(place: Place, pace: Limit) -> World {
    let limits = Limits {
        pace,
        ..Limits::default()
    };
    World::with(place, limits).await
}

/// A sign-in with an app asks the store twice, where it charges in the step that burns a code; right or wrong alike.
pub async fn totp_is_two_round_trips(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    for _ in 0..3 {
        world.pass(TimeDelta::seconds(30));
        world.store.asked();
        let proof = world.verify(&alice, &world.code(&app)).await;
        assert!(proof.is_ok(), "{proof:?}");
        let asked = world.store.asked();
        if world.store.charges() {
            assert_eq!(asked, ["look", "advance_charged"]);
        } else {
            assert_eq!(asked, ["factors", "spend", "advance", "refund", "clear"]);
        }
        let wrong = world.verify(&alice, &world.wrong_code(&[&app])).await;
        assert_eq!(reason(wrong), Reason::Mismatch);
        let asked = world.store.asked();
        if world.store.charges() {
            assert_eq!(asked, ["look", "advance_charged"]);
        } else {
            assert_eq!(asked, ["factors", "spend"]);
        }
    }
}

/// A success leaves nothing charged, and a replay and a wrong code stay charged.
pub async fn success_leaves_nothing_charged(place: Place) {
    let world = paced(place, Limit::pace(2, TimeDelta::hours(1))).await;
    let app = world.confirmed(&alice(), None).await;
    for _ in 0..5 {
        world.pass(TimeDelta::seconds(30));
        assert!(world.verify(&alice(), &world.code(&app)).await.is_ok());
    }
    let again = world.verify(&alice(), &world.code(&app)).await;
    assert_eq!(reason(again), Reason::Spent);
    let wrong = world.wrong_code(&[&app]);
    assert_eq!(
        reason(world.verify(&alice(), &wrong).await),
        Reason::Mismatch
    );
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    assert!(is_throttled(&world.verify(&alice(), &code).await));
    // What was refused burnt nothing, and charged nothing.
    world.pass(TimeDelta::hours(1));
    assert!(world.verify(&alice(), &world.code(&app)).await.is_ok());
}

/// Of 200 guesses at once under a pace of five, five are told that they are wrong, and the right code is refused then. Whatever is
/// compared beside them is told nobody.
pub async fn guesses_at_once_tell_the_paced_number(place: Place) {
    let (alice, tries) = (alice(), place.often(200, 60));
    let world = Arc::new(paced(place, Limit::pace(5, TimeDelta::hours(1))).await);
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::hours(6));
    let (wrong, barrier) = (world.wrong_code(&[&app]), Arc::new(Barrier::new(tries)));
    let mut tasks = JoinSet::new();
    for _ in 0..tries {
        let (world, barrier) = (Arc::clone(&world), Arc::clone(&barrier));
        let (wrong, alice) = (wrong.clone(), alice.clone());
        tasks.spawn(async move {
            barrier.wait().await;
            world.verify(&alice, &wrong).await
        });
    }
    let told = tasks.join_all().await;
    let is_wrong = |told: &Result<_, _>| matches!(told, Err(TwoFactorError::Rejected(_)));
    assert_eq!(told.iter().filter(|told| is_wrong(told)).count(), 5);
    let throttled = told.iter().filter(|told| is_throttled(told)).count();
    assert_eq!(throttled, tries - 5);
    let compared = world.evaluated();
    assert!(is_throttled(&world.verify(&alice, &world.code(&app)).await));
    assert_eq!(world.evaluated(), compared);
}

/// A right code that was compared while others used up the pace is refused, and is not burnt.
pub async fn right_code_behind_a_used_up_pace_waits(place: Place) {
    let alice = alice();
    let world = Arc::new(paced(place, Limit::pace(1, TimeDelta::seconds(20))).await);
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::minutes(1));
    let (code, wrong) = (world.code(&app), world.wrong_code(&[&app]));
    let told = if world.store.charges() {
        let held = world.store.hold_advance();
        let first = {
            let (world, alice, code) = (Arc::clone(&world), alice.clone(), code.clone());
            tokio::spawn(async move { world.verify(&alice, &code).await })
        };
        held.reached().await;
        assert_eq!(reason(world.verify(&alice, &wrong).await), Reason::Mismatch);
        held.go_on();
        first.await.expect("it does not panic")
    } else {
        assert_eq!(reason(world.verify(&alice, &wrong).await), Reason::Mismatch);
        world.verify(&alice, &code).await
    };
    assert!(is_throttled(&told), "{told:?}");
    world.pass(TimeDelta::seconds(20));
    assert!(world.verify(&alice, &code).await.is_ok());
}

/// While the step does not answer, a right code and a wrong one get the same answer, and nothing is burnt.
pub async fn outage_tells_right_from_wrong_to_nobody(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    let (code, wrong) = (world.code(&app), world.wrong_code(&[&app]));
    for verb in ["advance_charged", "spend"] {
        if verb == "advance_charged" && !world.store.charges() {
            continue;
        }
        world.store.fail(verb);
        for typed in [&code, &wrong] {
            assert!(is_outage(&world.verify(&alice, typed).await), "{verb}");
        }
        world.store.recover();
    }
    assert!(world.verify(&alice, &code).await.is_ok());
}

/// What a limit refuses after the look has taken as many round trips, whether it was wrong, right, or the code of the next step, which is
/// not burnt then.
pub async fn refused_guesses_ask_alike(place: Place) {
    let alice = alice();
    let world = Arc::new(paced(place, Limit::pace(1, TimeDelta::minutes(20))).await);
    let app = world.confirmed(&alice, None).await;
    let mut asked = Vec::new();
    for which in ["wrong", "right", "early"] {
        world.pass(TimeDelta::hours(1));
        let (right, wrong) = (world.code(&app), world.wrong_code(&[&app]));
        world.pass(TimeDelta::seconds(30));
        let early = world.code(&app);
        world.pass(TimeDelta::seconds(-30));
        if !world.store.charges() {
            return;
        }
        let typed = match which {
            "wrong" => wrong.clone(),
            "right" => right,
            _ => early.clone(),
        };
        let held = world.store.hold_advance();
        let first = {
            let (world, alice) = (Arc::clone(&world), alice.clone());
            tokio::spawn(async move { world.verify(&alice, &typed).await })
        };
        let reached = timeout(Duration::from_secs(30), held.reached()).await;
        assert!(reached.is_ok(), "{which}: no step was asked");
        assert_eq!(reason(world.verify(&alice, &wrong).await), Reason::Mismatch);
        world.store.asked();
        held.go_on();
        let told = first.await.expect("it does not panic");
        assert!(is_throttled(&told), "{which}: {told:?}");
        asked.push(world.store.asked());
        if which == "early" {
            world.pass(TimeDelta::minutes(20));
            let told = world.verify(&alice, &world.code(&app)).await;
            assert!(told.is_ok(), "{told:?}");
        }
    }
    assert!(asked.iter().all(|one| *one == asked[0]), "{asked:?}");
}
