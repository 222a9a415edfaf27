//! A known device has a lane of its own in the limits, and is never a factor.

use std::{collections::HashSet, sync::Arc};

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, FRESH, Limits, MAX_KNOWN_DEVICES, Proof, Response, TwoFactorError,
    token_store::{
        FactorState,
        ott_core::{Limit, Reason, Subject, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice, subject,
    world::{App, World, is_outage, is_throttled, needs_proof, reason},
};

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

/// Whether the token opens the lane, once the account's own limits refuse.
async fn opens(world: &World, app: &App, attempt: Attempt<'_>) -> bool {
    world.pass(TimeDelta::minutes(1));
    exhaust(world, app, None).await;
    let typed = world.code(app);
    let typed = Response::typed(&typed);
    world.engine.verify(&attempt, &typed).await.is_ok()
}

/// A device is known for its own subject, tenant and epoch, for 30 days.
pub async fn device_is_known_for_its_own_subject(place: Place) {
    let world = World::knowing(place, without_ceiling()).await;
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

/// Known devices are listed with their last use, and forgotten.
pub async fn devices_are_listed_and_forgotten(place: Place) {
    let world = World::knowing(place, without_ceiling()).await;
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

/// Remembering a device takes a fresh proof and a label.
pub async fn device_takes_a_fresh_proof_and_a_label(place: Place) {
    let world = World::knowing(place, Limits::default()).await;
    let app = world.confirmed(&alice(), None).await;
    let proof = world.proof(&alice(), &app).await;
    for label in ["", "a\nb", "a\u{202e}b", &"x".repeat(65)] {
        let device = world.remember(&proof, label).await;
        assert!(matches!(device, Err(TwoFactorError::Label(_))));
    }
    world.pass(FRESH);
    let device = world.remember(&proof, "laptop").await;
    assert!(needs_proof(&device));
}

/// The sixth device forgets the one that was used longest ago.
pub async fn sixth_device_forgets_the_oldest(place: Place) {
    let world = World::knowing(place, without_ceiling()).await;
    let owner = alice();
    let app = world.confirmed(&owner, None).await;
    let mut devices = Vec::new();
    for _ in 0..MAX_KNOWN_DEVICES {
        let proof = world.proof(&owner, &app).await;
        devices.push(remembered(&world, &proof).await);
        world.pass(TimeDelta::minutes(2));
    }
    let code = world.code(&app);
    let proof = from(&world, &owner, Some(&devices[0]), &code).await;
    devices.push(remembered(&world, &proof.unwrap()).await);
    let listed = world.devices().list(&owner, None).await.unwrap();
    assert_eq!(listed.len(), MAX_KNOWN_DEVICES);
    for (at, device) in devices.iter().enumerate() {
        let attempt = Attempt::new(&owner, "totp").known_device(device);
        assert_eq!(opens(&world, &app, attempt).await, at != 1, "{at}");
    }
}

/// Of 16 devices remembered at once, five are known.
pub async fn devices_at_once_are_five(place: Place) {
    for round in 0..place.often(30, 3) {
        let world = Arc::new(World::knowing(place, Limits::default()).await);
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
        assert_eq!(listed.len(), MAX_KNOWN_DEVICES, "round {round}");
    }
}

/// A known device is still sent a code when others used up the requests.
pub async fn known_device_is_still_sent_a_code(place: Place) {
    let world = World::knowing(place, Limits::default()).await;
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

/// An outage is no unknown device, and a lost key is one.
pub async fn device_is_unknown_by_key_and_not_by_outage(place: Place) {
    let world = World::knowing(place, Limits::default()).await;
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
    let ring = crate::ring(&[
        &format!("2 {}", crate::KEY_2),
        &format!("1 {}", crate::KEY_1),
    ]);
    let ahead = world.beside_knowing(ring);
    let newer = remembered(&ahead, &proof).await;
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    assert!(from(&world, &alice(), Some(&newer), &code).await.is_ok());
}

/// No device token is printed, logged or stored.
pub async fn device_tokens_are_printed_nowhere(place: Place) {
    let world = World::knowing(place, Limits::default()).await;
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
