//! What ends the trust in a device, what leaves it, and that it does not come back.

use std::sync::Arc;

use tokio::sync::Barrier;
use twofa_providers::{
    Attempt, Operator, ResetReason, Response, TwoFactorError,
    token_store::{FactorChange, FactorStore as _, ott_core::chrono::TimeDelta},
};

use super::trusted::{Signed, recognise, told_again};
use crate::{
    Place, alice, subject,
    telling::sign_in,
    world::{App, needs_proof},
};

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
