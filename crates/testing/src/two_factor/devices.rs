//! A known device has a lane of its own in the limits, and is never a factor.

use std::{collections::HashSet, sync::Arc};

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, FRESH, Limits, MAX_KNOWN_DEVICES, Proof, Response, TwoFactorError,
    token_store::ott_core::{Limit, Subject, chrono::TimeDelta},
};

use crate::{
    Place, alice, subject,
    world::{App, World, is_outage, needs_proof},
};

/// The ceiling would end the attack at 100; here pace, allowance and the lane have to.
pub(super) fn without_ceiling() -> Limits {
    Limits {
        ceiling: Limit::ceiling(1_000_000),
        ..Limits::default()
    }
}

/// Guesses until the limits refuse; how many were compared.
pub(super) async fn exhaust(world: &World, app: &App, device: Option<&str>) -> u64 {
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

pub(super) async fn remembered(world: &World, proof: &Proof) -> String {
    let device = world.remember(proof, "laptop").await;
    device.expect("remembered").token.expose_secret().to_owned()
}

/// Tries a code from a device that presents this token.
pub(super) async fn from(
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

/// Whether the token opens the lane, once the account's own limits refuse.
pub(super) async fn opens(world: &World, app: &App, attempt: Attempt<'_>) -> bool {
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
