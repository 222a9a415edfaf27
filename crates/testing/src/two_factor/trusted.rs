//! A trusted device stands in place of the second step at a sign-in, and is evidence of nothing.

use std::{collections::HashSet, sync::Arc};

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, FRESH, MAX_TRUSTED_DEVICES, NewDevice, News, Operator, Proof, ResetReason, Response,
    SignInId, TRUST, Trusted, TwoFactorError,
    token_store::{
        FactorChange, FactorStore as _,
        ott_core::{Subject, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice, subject,
    telling::{Telling, sign_in},
    world::{App, Plan, World, is_outage, needs_proof},
};

const ALICE: &str = "alice@example.org";

/// Somebody who signed in with an app, and a sheet.
struct Signed {
    told: Telling,
    flow: SignInId,
    app: App,
    proof: Proof,
    sheet: Vec<String>,
}

impl Signed {
    async fn new(place: Place) -> Self {
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

    fn world(&self) -> &World {
        &self.told.world
    }

    async fn trust(&self) -> NewDevice {
        let trusted = self.world().trust(&self.proof, &self.flow, "laptop");
        trusted.await.expect("trusted")
    }

    /// Whom the token is of, without an epoch.
    async fn finds(&self, device: &NewDevice) -> Option<Trusted> {
        let (owner, token) = (alice(), device.token.expose_secret());
        let found = recognise(self.world(), &owner, None, token);
        found.await.expect("the store answers")
    }

    async fn listed(&self) -> usize {
        let (world, alice) = (self.world(), alice());
        let listed = world.trusted().list(&world.engine, &alice, None);
        listed.await.expect("a list").len()
    }
}

async fn recognise(
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

async fn told_again(signed: &Signed) -> Proof {
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

/// What changes how an account is guarded.
#[derive(Clone, Copy, Debug)]
enum Change {
    AddsFactor,
    RemovesFactor,
    RemovesLastFactor,
    DisablesFactor,
    FailsTooOften,
    RenewsCodes,
    UsesCode,
    RaisesEpoch,
    Disowns,
    Resets,
}

impl Change {
    const ALL: [Self; 10] = [
        Self::AddsFactor,
        Self::RemovesFactor,
        Self::RemovesLastFactor,
        Self::DisablesFactor,
        Self::FailsTooOften,
        Self::RenewsCodes,
        Self::UsesCode,
        Self::RaisesEpoch,
        Self::Disowns,
        Self::Resets,
    ];

    /// Does it, and says under which epoch the account is then.
    async fn make(self, signed: &Signed, other: &App) -> Option<u64> {
        let (world, proof, owner) = (signed.world(), &signed.proof, alice());
        match self {
            Self::AddsFactor => {
                let _ = world.confirmed(&owner, Some(proof)).await;
            }
            Self::RemovesFactor => world.remove(proof, &other.factor).await.unwrap(),
            Self::RemovesLastFactor => {
                for app in [&signed.app, other] {
                    let proof = world.proof(&owner, app).await;
                    world.remove_last_too(&proof, &app.factor).await.unwrap();
                }
            }
            Self::DisablesFactor => {
                let disable = FactorChange::Disable;
                assert!(world.store.update(&other.factor, &disable).await.unwrap());
            }
            Self::FailsTooOften => {
                let attempt = Attempt::new(&owner, "totp").factor(other.factor);
                for _ in 0..101 {
                    let wrong = world.wrong_code(&[other]);
                    let tried = Response::typed(&wrong);
                    assert!(world.engine.verify(&attempt, &tried).await.is_err());
                    world.pass(TimeDelta::hours(1));
                }
            }
            Self::RenewsCodes => drop(world.codes(proof).await),
            Self::UsesCode => {
                let _ = world.recover(&owner, &signed.sheet[0]).await.unwrap();
            }
            Self::RaisesEpoch => return Some(1),
            Self::Disowns => {
                // Of another sign-in than the one that trusted: all end.
                let theirs = sign_in("theirs");
                let proof = signed.told.proof(&theirs, &signed.app).await;
                let _ = signed.told.arrived();
                let _ = world.codes(&proof).await;
                let later = world.trust(&signed.proof, &signed.flow, "phone").await;
                let _ = later.unwrap();
                let links = signed.told.arrived();
                let used = signed.told.not_me(&links[0].token).await.unwrap();
                assert_eq!(used.trusted_devices, 2);
            }
            Self::Resets => {
                let operator = Operator::new(&world.engine);
                let reset = operator.reset(&owner, ResetReason::Lost).await.unwrap();
                assert_eq!(reset.trusted_devices, 1);
            }
        }
        None
    }
}

/// A trust ends with each change of what guards the account.
pub async fn trust_ends_with_each_change(place: Place) {
    for change in Change::ALL {
        let signed = Signed::new(place).await;
        let other = signed.world().confirmed_beside(&alice()).await;
        let device = signed.trust().await;
        assert!(signed.finds(&device).await.is_some());
        let epoch = change.make(&signed, &other).await;
        let world = signed.world();
        let token = device.token.expose_secret();
        let found = recognise(world, &alice(), epoch, token).await.unwrap();
        assert!(found.is_none(), "{change:?}");
        let listed = world.trusted().list(&world.engine, &alice(), epoch).await;
        assert_eq!(listed.unwrap(), [], "{change:?}");
    }
}

/// What guards the account as before ends no trust: a proof, a name, what waits for its confirmation, a known device,
/// another account.
pub async fn trust_outlives_what_changes_no_guard(place: Place) {
    let signed = Signed::new(place).await;
    let (world, owner) = (signed.world(), alice());
    let device = signed.trust().await;
    let proof = told_again(&signed).await;
    world
        .rename(&proof, &signed.app.factor, "old phone")
        .await
        .unwrap();
    let waiting = world.enrol(&owner, Some(&proof)).await;
    let _ = world.remember(&proof, "laptop").await.unwrap();
    let _ = world.confirmed(&subject("acme", "bob"), None).await;
    assert!(signed.finds(&device).await.is_some());
    world.remove(&proof, &waiting.factor).await.unwrap();
    let wrong = world.wrong_code(&[&signed.app]);
    assert!(world.verify(&owner, &wrong).await.is_err());
    assert!(signed.finds(&device).await.is_some());
}

/// Of a removal and a trust at once, whichever is first, the trust is none: it is bound to what it was judged by.
pub async fn removal_beside_a_trust_ends_it(place: Place) {
    for _ in 0..place.often(60, 3) {
        let signed = Arc::new(Signed::new(place).await);
        let _ = signed.world().confirmed_beside(&alice()).await;
        let barrier = Arc::new(Barrier::new(2));
        let trusting = {
            let (signed, barrier) = (Arc::clone(&signed), Arc::clone(&barrier));
            tokio::spawn(async move {
                let world = signed.world();
                let fresh = world.fresh(&alice(), &signed.proof).await.unwrap();
                barrier.wait().await;
                world.trusted().trust(&fresh, &signed.flow, "laptop").await
            })
        };
        let removing = {
            let (signed, barrier) = (Arc::clone(&signed), Arc::clone(&barrier));
            tokio::spawn(async move {
                let world = signed.world();
                let fresh = world.fresh(&alice(), &signed.proof).await.unwrap();
                barrier.wait().await;
                world.engine.remove(&fresh, &signed.app.factor).await
            })
        };
        let (trusted, removed) = (trusting.await.unwrap(), removing.await.unwrap());
        removed.unwrap();
        match trusted {
            Ok(device) => assert!(signed.finds(&device).await.is_none()),
            Err(error) => assert!(matches!(error, TwoFactorError::ProofNeeded), "{error:?}"),
        }
    }
    // Evidence whose factor went meanwhile trusts nothing.
    let signed = Signed::new(place).await;
    let _ = signed.world().confirmed_beside(&alice()).await;
    let fresh = signed.world().fresh(&alice(), &signed.proof).await.unwrap();
    let removed = signed.world().engine.remove(&fresh, &signed.app.factor);
    removed.await.unwrap();
    let trusted = signed.world().trusted();
    let late = trusted.trust(&fresh, &signed.flow, "laptop").await;
    assert!(needs_proof(&late));
}

/// A factor that comes back brings no trust back with it.
pub async fn trust_that_ended_does_not_come_back(place: Place) {
    let signed = Signed::new(place).await;
    let world = signed.world();
    let other = world.confirmed_beside(&alice()).await;
    let device = signed.trust().await;
    let theirs = sign_in("theirs");
    let stolen = signed.told.proof(&theirs, &signed.app).await;
    let _ = signed.told.arrived();
    world.remove(&stolen, &other.factor).await.unwrap();
    assert!(signed.finds(&device).await.is_none());
    let links = signed.told.arrived();
    let used = signed.told.not_me(&links[0].token).await.unwrap();
    assert_eq!(used.restored, [other.factor]);
    assert!(signed.finds(&device).await.is_none());
    assert_eq!(signed.listed().await, 0);
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
