//! A trusted device stands in place of the second step at a sign-in, and is evidence of nothing.

use std::{collections::HashSet, sync::Arc};

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, FRESH, MAX_TRUSTED_DEVICES, NewDevice, News, Proof, Response, SignInId, TRUST,
    Trusted, TwoFactorError,
    token_store::ott_core::{Subject, chrono::TimeDelta},
};

use crate::{
    Place, alice, subject,
    telling::{Telling, sign_in},
    world::{App, Plan, World, is_outage, needs_proof},
};

const ALICE: &str = "alice@example.org";

/// Somebody who signed in with an app, and a sheet.
pub(super) struct Signed {
    pub(super) told: Telling,
    pub(super) flow: SignInId,
    pub(super) app: App,
    pub(super) proof: Proof,
    pub(super) sheet: Vec<String>,
}

impl Signed {
    pub(super) async fn new(place: Place) -> Self {
        let told = Telling::new(place, &[ALICE]).await;
        let flow = sign_in("mine");
        let app = told.add_app(&flow, None).await;
        let proof = told.proof(&flow, &app).await;
        let sheet = told.world.codes(&proof).await;
        let _ = told.arrived();
        Self {
            told,
            flow,
            app,
            proof,
            sheet,
        }
    }

    pub(super) fn world(&self) -> &World {
        &self.told.world
    }

    pub(super) async fn trust(&self) -> NewDevice {
        let trusted = self.world().trust(&self.proof, &self.flow, "laptop");
        trusted.await.expect("trusted")
    }

    /// Whom the token is of, without an epoch.
    pub(super) async fn finds(&self, device: &NewDevice) -> Option<Trusted> {
        let (owner, token) = (alice(), device.token.expose_secret());
        let found = recognise(self.world(), &owner, None, token);
        found.await.expect("the store answers")
    }

    pub(super) async fn listed(&self) -> usize {
        let (world, alice) = (self.world(), alice());
        let listed = world.trusted().list(&world.engine, &alice, None);
        listed.await.expect("a list").len()
    }
}

pub(super) async fn recognise(
    world: &World,
    owner: &Subject,
    epoch: Option<u64>,
    presented: &str,
) -> Result<Option<Trusted>, TwoFactorError> {
    let trusted = world.trusted();
    trusted
        .recognise(&world.engine, owner, epoch, presented)
        .await
}

/// A trusted device is recognised again and again, says whose it is and since which sign-in, and is no factor, no
/// known device and no evidence.
pub async fn trusted_device_stands_in_for_the_step(place: Place) {
    let signed = Signed::new(place).await;
    let (world, owner) = (signed.world(), alice());
    let device = signed.trust().await;
    for _ in 0..3 {
        world.pass(TimeDelta::days(1));
        let trusted = signed.finds(&device).await.expect("it is trusted");
        assert_eq!(trusted.subject(), &owner);
        assert_eq!(trusted.device(), &device.id);
        assert_eq!(trusted.sign_in(), &signed.flow);
        assert_eq!(trusted.expires_at(), device.expires_at);
    }
    // The proof that it was trusted with is old by now, and the device is not asked for another one.
    assert!(needs_proof(&world.fresh(&owner, &signed.proof).await));
    let token = device.token.expose_secret();
    for provider in ["totp", "recovery"] {
        let attempt = Attempt::new(&owner, provider).known_device(token);
        let typed = world.engine.verify(&attempt, &Response::typed(token)).await;
        assert!(typed.is_err(), "{provider}");
    }
    assert!(!world.devices().knows(&owner, None, token).await.unwrap());
    let known = world.remember(&told_again(&signed).await, "laptop").await;
    let known = known.unwrap();
    assert!(signed.finds(&known).await.is_none());
    let told = world.log.whats();
    let count = |name: &str| told.iter().filter(|what| what.starts_with(name)).count();
    assert_eq!(
        (count("device.trusted"), count("device.recognised")),
        (1, 3)
    );
}

pub(super) async fn told_again(signed: &Signed) -> Proof {
    signed.told.proof(&signed.flow, &signed.app).await
}

/// Trusting takes a fresh proof of a factor, of this very sign-in, and a label.
pub async fn trust_takes_a_factor_of_this_sign_in(place: Place) {
    let signed = Signed::new(place).await;
    let (world, flow) = (signed.world(), &signed.flow);
    for label in ["", "a\nb", "a\u{202e}b", &"x".repeat(65)] {
        let trusted = world.trust(&signed.proof, flow, label).await;
        assert!(matches!(trusted, Err(TwoFactorError::Label(_))));
    }
    let other = sign_in("theirs");
    assert!(needs_proof(
        &world.trust(&signed.proof, &other, "laptop").await
    ));
    let unnamed = world.proof(&alice(), &signed.app).await;
    assert!(needs_proof(&world.trust(&unnamed, flow, "laptop").await));
    let owner = alice();
    let attempt = Attempt::new(&owner, "recovery").sign_in(flow);
    let code = Response::typed(&signed.sheet[0]);
    let by_code = world.engine.verify(&attempt, &code).await.unwrap();
    assert!(world.fresh(&owner, &by_code).await.is_ok());
    assert!(needs_proof(&world.trust(&by_code, flow, "laptop").await));
    world.pass(FRESH);
    assert!(needs_proof(
        &world.trust(&signed.proof, flow, "laptop").await
    ));
    assert_eq!(signed.listed().await, 0);
    assert!(signed.told.arrived().iter().all(|news| {
        let trusted = News::DeviceTrusted.words();
        !news.text.contains(trusted)
    }));
    let again = told_again(&signed).await;
    assert!(world.trust(&again, flow, "laptop").await.is_ok());
}

/// A device is trusted for its own tenant, subject and epoch, by its own token, for thirty days and not a
/// microsecond longer.
pub async fn trust_is_bound_to_its_account(place: Place) {
    let signed = Signed::new(place).await;
    let (world, owner, flow) = (signed.world(), alice(), &signed.flow);
    world.pass(TimeDelta::seconds(30));
    let attempt = Attempt::new(&owner, "totp").epoch(7).sign_in(flow);
    let code = world.code(&signed.app);
    let proof = world.engine.verify(&attempt, &Response::typed(&code)).await;
    let trusted = world.trust(&proof.unwrap(), flow, "laptop").await.unwrap();
    let token = trusted.token.expose_secret();
    let is_found = async |owner: &Subject, epoch, token: &str| {
        let found = recognise(world, owner, epoch, token).await;
        found.expect("the store answers").is_some()
    };
    assert!(is_found(&owner, Some(7), token).await);
    for epoch in [None, Some(6), Some(8)] {
        assert!(!is_found(&owner, epoch, token).await, "{epoch:?}");
    }
    let bob = subject("acme", "bob");
    let namesake = subject("other", owner.id());
    for other in [&bob, &namesake] {
        let _ = world.confirmed(other, None).await;
        assert!(!is_found(other, Some(7), token).await, "{other:?}");
    }
    let shorter = &token[1..];
    for token in ["", "AAAA", &token.to_lowercase(), shorter, &"A".repeat(43)] {
        assert!(!is_found(&owner, Some(7), token).await);
    }
    let last = TimeDelta::microseconds(1);
    world.pass(TRUST - last);
    assert!(is_found(&owner, Some(7), token).await);
    world.pass(last);
    assert!(!is_found(&owner, Some(7), token).await);
}

/// The owner is told of a trusted device, and disowns it by the link: a thief's ends, and the owner's.
pub async fn trust_is_told_and_disowned(place: Place) {
    let signed = Signed::new(place).await;
    let mine = signed.trust().await;
    let (to, what) = signed.told.told();
    assert_eq!(to, [ALICE]);
    assert_eq!(what.as_deref(), Some(News::DeviceTrusted.words()));
    let theirs = sign_in("theirs");
    let stolen = signed.told.proof(&theirs, &signed.app).await;
    let burner = signed.world().trust(&stolen, &theirs, "burner").await;
    let burner = burner.unwrap();
    let links = signed.told.arrived();
    let used = signed.told.not_me(&links[0].token).await.unwrap();
    assert_eq!(used.news, News::DeviceTrusted);
    assert_eq!(used.sign_in.as_ref(), Some(&theirs));
    assert_eq!(used.trusted_devices, 2);
    for device in [&mine, &burner] {
        assert!(signed.finds(device).await.is_none());
    }
}

/// Trusted devices are listed with their last use, and revoked one by one and all, each by their owner alone.
pub async fn trusted_devices_are_listed_and_revoked(place: Place) {
    let signed = Signed::new(place).await;
    let (world, owner) = (signed.world(), alice());
    let trusted = world.trusted();
    let mut devices = Vec::new();
    for label in ["laptop", " phone ", "tablet"] {
        let device = world.trust(&signed.proof, &signed.flow, label).await;
        devices.push(device.unwrap());
        world.pass(TimeDelta::minutes(1));
    }
    assert!(signed.finds(&devices[1]).await.is_some());
    let listed = trusted.list(&world.engine, &owner, None).await.unwrap();
    let labels: Vec<_> = listed.iter().map(|device| &*device.label).collect();
    assert_eq!(labels, ["laptop", "phone", "tablet"]);
    assert_eq!(listed[0].used_at, None);
    assert_eq!(listed[1].used_at, Some(world.tokens.now()));
    assert_eq!(listed[1].expires_at, devices[1].expires_at);
    assert!(listed[0].since < listed[1].since);
    let bob = subject("acme", "bob");
    assert!(!trusted.revoke(&bob, &devices[1].id).await.unwrap());
    for there in [true, false] {
        let revoked = trusted.revoke(&owner, &devices[1].id).await.unwrap();
        assert_eq!(revoked, there);
    }
    assert!(signed.finds(&devices[1]).await.is_none());
    assert!(signed.finds(&devices[0]).await.is_some());
    assert_eq!(trusted.revoke_all(&bob).await.unwrap(), 0);
    assert_eq!(trusted.revoke_all(&owner).await.unwrap(), 2);
    assert!(signed.finds(&devices[0]).await.is_none());
}

/// The sixth trusted device ends the one that was used longest ago.
pub async fn sixth_trust_ends_the_oldest(place: Place) {
    let signed = Signed::new(place).await;
    let mut devices = Vec::new();
    for _ in 0..MAX_TRUSTED_DEVICES {
        devices.push(signed.trust().await);
        signed.world().pass(TimeDelta::minutes(1));
    }
    assert!(signed.finds(&devices[0]).await.is_some());
    devices.push(signed.trust().await);
    for (at, device) in devices.iter().enumerate() {
        assert_eq!(signed.finds(device).await.is_some(), at != 1, "{at}");
    }
}

/// Of 16 devices that are trusted at once, five are.
pub async fn trusts_at_once_are_five(place: Place) {
    for round in 0..place.often(30, 3) {
        let signed = Arc::new(Signed::new(place).await);
        let barrier = Arc::new(Barrier::new(16));
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let (signed, barrier) = (signed.clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                signed.trust().await
            });
        }
        let devices = tasks.join_all().await;
        let tokens = devices.iter().map(|device| device.token.expose_secret());
        assert_eq!(tokens.collect::<HashSet<_>>().len(), 16);
        assert_eq!(signed.listed().await, MAX_TRUSTED_DEVICES, "round {round}");
    }
}

/// An engine that was built without trusted devices trusts none and recognises none: it would count and end none.
pub async fn engine_without_trust_takes_none(place: Place) {
    let signed = Signed::new(place).await;
    let device = signed.trust().await;
    let trusted = signed.world().trusted();
    let bare = signed.world().beside_knowing(crate::key_1());
    let owner = alice();
    let token = device.token.expose_secret();
    let misuse = |error| matches!(error, Some(TwoFactorError::Misuse(_)));
    let found = trusted.recognise(&bare.engine, &owner, None, token).await;
    assert!(misuse(found.err()));
    assert!(misuse(trusted.list(&bare.engine, &owner, None).await.err()));
    let fresh = bare.fresh(&owner, &signed.proof).await.unwrap();
    let more = trusted.trust(&fresh, &signed.flow, "laptop").await;
    assert!(misuse(more.err()));
}

/// In an outage nobody is recognised and nothing is trusted, each with an error; a lost key is an unknown device.
pub async fn outage_recognises_nobody(place: Place) {
    let signed = Signed::new(place).await;
    let (world, owner) = (signed.world(), alice());
    let device = signed.trust().await;
    let token = device.token.expose_secret();
    let fresh = world.fresh(&owner, &signed.proof).await.unwrap();
    for verb in ["factors", "list", "find", "touch"] {
        world.pass(TimeDelta::minutes(2));
        world.store.fail(verb);
        let found = recognise(world, &owner, None, token).await;
        assert!(is_outage(&found), "{verb}");
        world.store.recover();
    }
    for verb in ["factors", "list", "insert"] {
        world.store.fail(verb);
        let trusted = world.trusted().trust(&fresh, &signed.flow, "laptop");
        assert!(is_outage(&trusted.await), "{verb}");
        world.store.recover();
    }
    assert!(signed.finds(&device).await.is_some());
    // Nothing to show it to: a ring without the device's key asks for the step.
    let ring = crate::ring(&[
        &format!("2 {}", crate::KEY_2),
        &format!("1 {}", crate::KEY_1),
    ]);
    let plan = Plan {
        trusts_devices: true,
        ..Plan::default()
    };
    let ahead = world.beside_planned(ring, &plan);
    let proof = told_again(&signed).await;
    let newer = ahead.trust(&proof, &signed.flow, "laptop").await.unwrap();
    assert!(signed.finds(&newer).await.is_none());
}

/// No token of a trusted device is printed, logged or stored.
pub async fn trust_tokens_are_printed_nowhere(place: Place) {
    let signed = Signed::new(place).await;
    let (world, owner) = (signed.world(), alice());
    let device = signed.trust().await;
    let token = device.token.expose_secret();
    let found = recognise(world, &owner, None, token).await;
    let mut said = format!("{device:?}{found:?}{:?}{:?}", world.trusted(), world.engine);
    said.push_str(&format!(
        "{:?}{:?}",
        world.log.drain(),
        signed.told.arrived()
    ));
    for stored in world.store.records().await {
        said.push_str(&format!("{stored:?}"));
        said.push_str(&String::from_utf8_lossy(&stored.data));
    }
    assert!(said.contains(&device.id.to_string()));
    assert!(!said.contains(token));
}
