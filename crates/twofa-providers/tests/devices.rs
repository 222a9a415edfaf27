//! A known device has a lane of its own in the limits, and is never a factor.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/watched.rs"]
mod watched;
#[path = "support/world.rs"]
mod world;

use std::{collections::HashSet, sync::Arc};

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, BuildError, FRESH, KnownDevices, Limits, MOST_KNOWN_DEVICES, Proof, Response,
    TwoFactor, TwoFactorError,
    token_store::{
        FactorState, FactorStore,
        ott_core::{Limit, Policy, Purpose, Reason, Subject, chrono::TimeDelta},
    },
};
use watched::often;
use world::{App, DEVICE, World, alice, is_outage, is_throttled, needs_proof, reason, subject};

/// The ceiling would end the attack at 100; here pace, allowance and the lane have to.
fn without_ceiling() -> Limits {
    Limits {
        ceiling: Limit::ceiling(1_000_000),
        ..Limits::default()
    }
}

async fn remembered(world: &World, proof: &Proof) -> String {
    let device = world.remember(proof, "laptop").await;
    device.expect("remembered").token.expose_secret().to_owned()
}

/// Tries a code from a device that presents this token.
async fn from(
    world: &World,
    owner: &Subject,
    device: Option<&str>,
    typed: &str,
) -> Result<Proof, TwoFactorError> {
    let mut attempt = Attempt::new(owner, "totp");
    if let Some(token) = device {
        attempt = attempt.known_device(token);
    }
    world.engine.verify(&attempt, &Response::typed(typed)).await
}

/// Guesses until the limits refuse; how many were compared.
async fn exhaust(world: &World, app: &App, device: Option<&str>) -> u64 {
    let before = world.evaluated();
    loop {
        let seen = world.evaluated();
        let _ = from(world, &alice(), device, &world.wrong_code(&[app])).await;
        let guesses = world.evaluated() - before;
        if world.evaluated() == seen {
            return guesses;
        }
        // More than all limits together allow at once: a lane that costs nothing fails, and hangs not.
        assert!(guesses < 1_000, "nothing refuses");
    }
}

#[tokio::test]
async fn who_exhausts_the_account_locks_nobody_out_of_a_known_device() {
    let world = World::knowing(Limits::default());
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let device = remembered(&world, &proof).await;
    let mut guesses = 0;
    for _ in 0..24 * 20 {
        guesses += exhaust(&world, &app, None).await;
        world.pass(TimeDelta::hours(1));
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

#[tokio::test]
async fn a_burst_against_the_account_leaves_the_known_device_its_lane() {
    let world = World::knowing(Limits::default());
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let device = remembered(&world, &proof).await;
    world.pass(TimeDelta::seconds(30));
    exhaust(&world, &app, None).await;
    let code = world.code(&app);
    assert!(is_throttled(&from(&world, &alice(), None, &code).await));
    assert!(from(&world, &alice(), Some(&device), &code).await.is_ok());
    // The owner who signs in daily beside him never runs out: success gives back what it spent.
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
async fn a_year_of_a_thief(devices: usize) -> (u64, u64) {
    let world = World::knowing(without_ceiling());
    let app = world.confirmed(&alice(), None).await;
    let mut tokens = Vec::new();
    for _ in 0..devices {
        let proof = world.proof(&alice(), &app).await;
        tokens.push(remembered(&world, &proof).await);
    }
    let (mut owner, mut thief) = (0, 0);
    for hour in 0..often(365, 10) * 24 {
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

#[tokio::test]
async fn a_year_of_a_thief_of_five_devices_gives_497_guesses_at_most() {
    let (_, thief) = a_year_of_a_thief(5).await;
    // Over a durable store ten days of it: 100 and one a day, 20 and one a month.
    let most = often(497, 130) as u64;
    assert!((most * 4 / 5..=most).contains(&thief), "{thief}");
}

#[tokio::test]
async fn one_stolen_device_gives_its_lane_and_no_more() {
    let world = World::knowing(without_ceiling());
    let app = world.confirmed(&alice(), None).await;
    let mut tokens = Vec::new();
    for _ in 0..MOST_KNOWN_DEVICES {
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

#[tokio::test]
async fn a_hundred_failures_in_all_disable_a_factor_beside_known_devices_too() {
    let world = World::knowing(Limits::default());
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let device = remembered(&world, &proof).await;
    let mut guesses = 0;
    for _ in 0..24 * 10 {
        guesses += exhaust(&world, &app, None).await;
        world.pass(TimeDelta::hours(1));
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

#[tokio::test]
async fn without_a_known_device_the_whole_ceiling_is_everybodys() {
    for epoch in [None, Some(2)] {
        let world = World::knowing(Limits::default());
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

#[tokio::test]
async fn a_known_device_skips_no_second_factor_and_no_address_limit() {
    let world = World::knowing(Limits {
        network: Limit::pace(3, TimeDelta::hours(1)),
        ..Limits::default()
    });
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

/// Whether the token opens the lane, once the account's own limits refuse.
async fn opens(world: &World, app: &App, attempt: Attempt<'_>) -> bool {
    world.pass(TimeDelta::minutes(1));
    exhaust(world, app, None).await;
    let typed = world.code(app);
    let typed = Response::typed(&typed);
    world.engine.verify(&attempt, &typed).await.is_ok()
}

#[tokio::test]
async fn a_device_is_known_for_its_own_subject_tenant_and_epoch_for_30_days() {
    let world = World::knowing(without_ceiling());
    let (owner, bob) = (alice(), subject("acme", "bob"));
    let namesake = subject("other", owner.id());
    let app = world.confirmed(&owner, None).await;
    world.pass(TimeDelta::seconds(30));
    let attempt = Attempt::new(&owner, "totp").epoch(7);
    let code = world.code(&app);
    let proof = world.engine.verify(&attempt, &Response::typed(&code)).await;
    let device = remembered(&world, &proof.unwrap()).await;
    for other in [&bob, &namesake] {
        let theirs = world.confirmed(other, None).await;
        let proof = world.proof(other, &theirs).await;
        let foreign = remembered(&world, &proof).await;
        assert!(!opens(&world, &app, attempt.known_device(&foreign)).await);
    }
    for token in ["", "AAAA", &device.to_lowercase(), &"A".repeat(43)] {
        assert!(!opens(&world, &app, attempt.known_device(token)).await);
    }
    let without_epoch = Attempt::new(&owner, "totp").known_device(&device);
    assert!(!opens(&world, &app, without_epoch).await);
    // The password was changed.
    world.log.drain();
    let later = attempt.epoch(8).known_device(&device);
    assert!(!opens(&world, &app, later).await);
    let told = world.log.whats();
    assert!(
        told.iter()
            .any(|what| matches!(what.as_str(), "token.refused Binding known-device"))
    );
    let known = attempt.known_device(&device);
    assert!(opens(&world, &app, known).await);
    world.pass(TimeDelta::days(29));
    assert!(opens(&world, &app, known).await);
    world.pass(TimeDelta::days(1));
    assert!(!opens(&world, &app, known).await);
}

#[tokio::test]
async fn known_devices_are_listed_with_their_last_use_and_forgotten() {
    let world = World::knowing(without_ceiling());
    let owner = alice();
    let app = world.confirmed(&owner, None).await;
    let proof = world.proof(&owner, &app).await;
    let mut devices = Vec::new();
    for label in ["laptop", " phone "] {
        devices.push(world.remember(&proof, label).await.unwrap());
        world.pass(TimeDelta::minutes(1));
    }
    world.pass(TimeDelta::minutes(5));
    let code = world.code(&app);
    let token = devices[1].token.expose_secret();
    assert!(from(&world, &owner, Some(token), &code).await.is_ok());
    let listed = world.devices().list(&owner, None).await.unwrap();
    let labels: Vec<_> = listed.iter().map(|device| &*device.label).collect();
    assert_eq!(labels, ["laptop", "phone"]);
    assert_eq!(listed[0].used_at, None);
    assert_eq!(listed[1].used_at, Some(world.tokens.now()));
    assert_eq!(listed[1].expires_at, devices[1].expires_at);
    let of_others = world.devices().list(&owner, Some(1)).await.unwrap();
    assert!(of_others.is_empty());
    // Not by somebody else's name.
    let bob = subject("acme", "bob");
    let forgotten = world.devices().forget(&bob, &devices[1].id).await;
    assert!(!forgotten.unwrap());
    let attempt = Attempt::new(&owner, "totp").known_device(token);
    assert!(opens(&world, &app, attempt).await);
    for known in [true, false] {
        let forgotten = world.devices().forget(&owner, &devices[1].id).await;
        assert_eq!(forgotten.unwrap(), known);
    }
    assert!(!opens(&world, &app, attempt).await);
    assert_eq!(world.devices().forget_all(&owner).await.unwrap(), 1);
    let listed = world.devices().list(&owner, None).await.unwrap();
    assert!(listed.is_empty());
}

#[tokio::test]
async fn remembering_takes_a_fresh_proof_and_a_label() {
    let world = World::knowing(Limits::default());
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    for label in ["", "a\nb", &"x".repeat(65)] {
        let device = world.remember(&proof, label).await;
        assert_eq!(reason(device), Reason::Malformed);
    }
    world.pass(FRESH);
    let device = world.remember(&proof, "laptop").await;
    assert!(needs_proof(&device));
}

#[tokio::test]
async fn the_sixth_device_forgets_the_one_used_longest_ago() {
    let world = World::knowing(without_ceiling());
    let owner = alice();
    let app = world.confirmed(&owner, None).await;
    let mut devices = Vec::new();
    for _ in 0..MOST_KNOWN_DEVICES {
        let proof = world.proof(&owner, &app).await;
        devices.push(remembered(&world, &proof).await);
        world.pass(TimeDelta::minutes(2));
    }
    let code = world.code(&app);
    let proof = from(&world, &owner, Some(&devices[0]), &code).await;
    devices.push(remembered(&world, &proof.unwrap()).await);
    let listed = world.devices().list(&owner, None).await.unwrap();
    assert_eq!(listed.len(), MOST_KNOWN_DEVICES);
    for (at, device) in devices.iter().enumerate() {
        let attempt = Attempt::new(&owner, "totp").known_device(device);
        assert_eq!(opens(&world, &app, attempt).await, at != 1, "{at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_16_devices_remembered_at_once_five_are_known() {
    for round in 0..often(30, 5) {
        let world = Arc::new(World::knowing(Limits::default()));
        let app = world.confirmed(&alice(), None).await;
        let proof = Arc::new(world.proof(&alice(), &app).await);
        let barrier = Arc::new(Barrier::new(16));
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let (world, proof, barrier) = (world.clone(), proof.clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                remembered(&world, &proof).await
            });
        }
        let tokens = tasks.join_all().await;
        assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), 16);
        let listed = world.devices().list(&alice(), None).await.unwrap();
        assert_eq!(listed.len(), MOST_KNOWN_DEVICES, "round {round}");
    }
}

#[tokio::test]
async fn a_known_device_is_still_sent_a_code_when_others_used_up_the_requests() {
    let world = World::knowing(Limits::default());
    let owner = alice();
    let app = world.confirmed(&owner, None).await;
    let proof = world.proof(&owner, &app).await;
    let device = remembered(&world, &proof).await;
    let _ = world
        .confirmed_email(&owner, "alice@example.org", Some(&proof))
        .await;
    let stranger = Attempt::new(&owner, "email");
    while world.engine.request(&stranger).await.is_ok() {}
    let mut sent = 0;
    while world
        .engine
        .request(&stranger.known_device(&device))
        .await
        .is_ok()
    {
        sent += 1;
    }
    assert_eq!(sent, 5);
}

#[tokio::test]
async fn an_outage_is_no_unknown_device_and_a_lost_key_is_one() {
    let world = World::knowing(Limits::default());
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    let device = remembered(&world, &proof).await;
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    for verb in ["find", "touch"] {
        world.pass(TimeDelta::minutes(2));
        world.store.fail(verb);
        let verified = from(&world, &alice(), Some(&device), &code).await;
        assert!(is_outage(&verified), "{verb}");
        world.store.recover();
    }
    // A ring without the device's key: its owner signs in as from any other. The proof is of this ring,
    // or the factor would be sealed again with the key that it lacks.
    let proof = world.proof(&alice(), &app).await;
    let ring = watched::ring(&[
        &format!("2 {}", watched::KEY_2),
        &format!("1 {}", watched::KEY_1),
    ]);
    let ahead = world.beside_knowing(ring);
    let newer = remembered(&ahead, &proof).await;
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    assert!(from(&world, &alice(), Some(&newer), &code).await.is_ok());
}

#[tokio::test]
async fn no_device_token_is_printed_logged_or_stored() {
    let world = World::knowing(Limits::default());
    let owner = alice();
    let app = world.confirmed(&owner, None).await;
    let proof = world.proof(&owner, &app).await;
    let device = world.remember(&proof, "laptop").await.unwrap();
    let token = device.token.expose_secret();
    let attempt = Attempt::new(&owner, "totp").known_device(token);
    let mut said = format!("{device:?}{attempt:?}{:?}", world.engine);
    let verified = from(&world, &owner, Some(token), "000000").await;
    said.push_str(&format!("{verified:?}{:?}", world.log.drain()));
    for stored in world.store.records().await {
        said.push_str(&format!("{stored:?}"));
        said.push_str(&String::from_utf8_lossy(&stored.data));
    }
    assert!(!said.contains(token));
}

#[test]
fn the_default_stands_at_994_parts_per_million_with_known_devices_and_starts() {
    let start = |limits: Limits, policy: &Policy| {
        let world = World::new();
        let factors = Arc::clone(&world.store) as Arc<dyn FactorStore>;
        let totp = twofa_providers::TotpProvider::new("Example").unwrap();
        let devices = KnownDevices::new(&world.tokens, policy)?;
        TwoFactor::builder(Arc::clone(&world.tokens), factors)
            .provider(totp)
            .known_devices(&devices)
            .limits(limits)
            .build()
            .map(|engine| engine.guess_bound().guesses())
    };
    let default = Limits::default();
    assert_eq!(start(default, &DEVICE), Ok(497));
    let wider = Limits {
        known_devices: Limit::allowance(24, TimeDelta::days(30)),
        ..default
    };
    let Err(BuildError::GuessBound(exceeded)) = start(wider, &DEVICE) else {
        panic!("it started");
    };
    assert_eq!(exceeded.bound.guesses(), 501);
    for policy in [
        DEVICE.until_revoked(),
        Policy::link(Purpose::new("known-device")),
    ] {
        assert_eq!(start(default, &policy), Err(BuildError::DevicePolicy));
    }
}
