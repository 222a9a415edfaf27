//! A proof between two requests is taken up once, by its holder, and grows no younger.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, Holder, Response, SignInId, TwoFactorError,
    token_store::ott_core::{Reason, chrono::TimeDelta},
};

use crate::{
    Place, alice, key_1, subject,
    world::{World, reason},
};

/// A parked proof is taken up once, by its own holder, in another process too, and is what it was.
pub async fn parked_proof_travels_once_and_to_its_holder(place: Place) {
    let (world, alice, bob) = (World::new(place).await, alice(), subject("acme", "bob"));
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    let sign_in = SignInId::new([0, 255]).unwrap();
    let pay = [("pay", "100"), ("to", "DE02")];
    let attempt = Attempt::new(&alice, "totp")
        .epoch(7)
        .network("2001:db8::7".parse().unwrap())
        .sign_in(&sign_in)
        .operation(&pay);
    let typed = world.code(&app);
    let proof = world
        .engine
        .verify(&attempt, &Response::typed(&typed))
        .await;
    let proof = proof.unwrap();
    let (at, holder) = (proof.at(), Holder::new(&alice, "session-1"));
    let handle = world.proofs.park(proof, &holder).await.unwrap();
    let other = world.beside(key_1());
    for stranger in [
        Holder::new(&alice, "session-2"),
        Holder::new(&alice, ""),
        Holder::new(&bob, "session-1"),
    ] {
        let resumed = other.proofs.resume(&handle, &stranger).await;
        assert!(matches!(resumed, Err(TwoFactorError::Rejected(_))));
    }
    let proof = other.proofs.resume(&handle, &holder).await.unwrap();
    assert_eq!((proof.subject(), proof.provider()), (&alice, "totp"));
    assert_eq!((proof.factor(), proof.channel()), (Some(app.factor), None));
    assert_eq!((proof.epoch(), proof.at()), (Some(7), at));
    assert_eq!(proof.sign_in(), Some(&sign_in));
    let operation = [("pay", "100"), ("to", "DE02")];
    let operation = operation.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(proof.operation(), operation);
    let again = world.proofs.resume(&handle, &holder).await;
    assert_eq!(reason(again), Reason::Spent);
}

/// Of many that take up one parked proof at once, one does.
pub async fn parked_proof_is_resumed_by_one_of_16(place: Place) {
    let world = Arc::new(World::new(place).await);
    let app = world.confirmed(&alice(), None).await;
    for _ in 0..20 {
        let proof = world.proof(&alice(), &app).await;
        let owner = alice();
        let holder = Holder::new(&owner, "s");
        let handle = world.proofs.park(proof, &holder).await.unwrap();
        let handle = Arc::new(handle);
        let barrier = Arc::new(Barrier::new(16));
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let (world, handle) = (Arc::clone(&world), Arc::clone(&handle));
            let barrier = Arc::clone(&barrier);
            tasks.spawn(async move {
                barrier.wait().await;
                let owner = alice();
                let holder = Holder::new(&owner, "s");
                world.proofs.resume(&handle, &holder).await.is_ok()
            });
        }
        let won = tasks.join_all().await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
    }
}

/// A proof grows no younger by being parked, and one that was given for an operation is no fresh evidence.
pub async fn parked_proof_grows_no_younger(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let holder = Holder::new(&alice, "s");
    let mut proof = world.proof(&alice, &app).await;
    for _ in 0..3 {
        assert!(world.fresh(&alice, &proof).await.is_ok());
        let handle = world.proofs.park(proof, &holder).await.unwrap();
        world.pass(TimeDelta::minutes(3));
        proof = world.proofs.resume(&handle, &holder).await.unwrap();
    }
    world.pass(TimeDelta::minutes(1));
    let fresh = world.fresh(&alice, &proof).await;
    assert!(matches!(fresh, Err(TwoFactorError::ProofNeeded)));
    world.pass(TimeDelta::seconds(30));
    let pay = [("pay", "100")];
    let attempt = Attempt::new(&alice, "totp").operation(&pay);
    let typed = world.code(&app);
    let proof = world
        .engine
        .verify(&attempt, &Response::typed(&typed))
        .await;
    let proof = proof.unwrap();
    let fresh = world.fresh(&alice, &proof).await;
    assert!(matches!(fresh, Err(TwoFactorError::ProofNeeded)));
}
