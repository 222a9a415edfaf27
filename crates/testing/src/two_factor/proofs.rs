//! Once a factor is confirmed, changing factors takes a fresh proof of the same subject.

use twofa_providers::{
    Attempt, EnrolDetails, FRESH, Holder, Operator, ResetReason, Response, TwoFactorError,
    token_store::{
        FactorState,
        ott_core::{Reason, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice, subject,
    world::{App, World, needs_proof, reason},
};

/// Enrolling, renaming and removing take a fresh proof.
pub async fn factor_changes_take_a_fresh_proof(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    assert!(needs_proof(&world.try_enrol(&alice, "another", None).await));
    let proof = world.proof(&alice, &app).await;
    world.pass(FRESH - TimeDelta::seconds(1));
    assert!(world.fresh(proof.subject(), &proof).await.is_ok());
    assert!(
        world
            .try_enrol(&alice, "another", Some(&proof))
            .await
            .is_ok()
    );
    assert!(world.rename(&proof, &app.factor, "mine").await.is_ok());
    world.pass(TimeDelta::seconds(1));
    assert!(needs_proof(
        &world.try_enrol(&alice, "another", Some(&proof)).await
    ));
    assert!(needs_proof(
        &world.rename(&proof, &app.factor, "other").await
    ));
    assert!(needs_proof(&world.remove(&proof, &app.factor).await));
    assert!(needs_proof(&world.fresh(proof.subject(), &proof).await));
    let named = world.engine.factors(&alice).await.unwrap();
    assert_eq!(named[0].label, "mine");
    let proof = world.proof(&alice, &app).await;
    let removed = world.remove_last_too(&proof, &app.factor).await;
    assert!(removed.is_ok());
}

/// A proof from a clock that is far ahead is not fresh.
pub async fn proof_of_a_clock_far_ahead_is_not_fresh(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    world.pass(-FRESH);
    assert!(needs_proof(&world.fresh(proof.subject(), &proof).await));
    assert!(needs_proof(&world.remove(&proof, &app.factor).await));
}

/// A proof that was made before the password changed is no evidence after it, of a factor or of a recovery code,
/// parked or not.
pub async fn proof_ends_with_the_password(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let codes = world.codes(&world.proof(&alice, &app).await).await;
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    let by_app = Attempt::new(&alice, "totp").epoch(1);
    let by_app = world.engine.verify(&by_app, &Response::typed(&code)).await;
    let by_code = Attempt::new(&alice, "recovery").epoch(1);
    let typed = Response::typed(&codes[0]);
    let by_code = world.engine.verify(&by_code, &typed);
    let holder = Holder::new(&alice, "session");
    for proof in [by_app.unwrap(), by_code.await.unwrap()] {
        let handle = world.proofs.park(proof, &holder).await.unwrap();
        let proof = world.proofs.resume(&handle, &holder).await.unwrap();
        let fresh = async |epoch| world.engine.fresh(&alice, epoch, &proof).await;
        assert!(fresh(Some(1)).await.is_ok());
        for other in [Some(2), Some(0), None] {
            assert!(needs_proof(&fresh(other).await), "{other:?}");
        }
    }
    // One that names no epoch is none where there is one.
    let proof = world.proof(&alice, &app).await;
    assert!(world.engine.fresh(&alice, None, &proof).await.is_ok());
    let named = world.engine.fresh(&alice, Some(0), &proof).await;
    assert!(needs_proof(&named));
}

/// A proof of somebody else proves nothing.
pub async fn proof_of_somebody_else_proves_nothing(place: Place) {
    let world = World::new(place).await;
    let (alice, bob, namesake) = (alice(), subject("acme", "bob"), subject("other", "4711"));
    let of_alice = world.confirmed(&alice, None).await;
    for other in [&bob, &namesake] {
        let theirs = world.confirmed(other, None).await;
        let proof = world.proof(other, &theirs).await;
        assert!(needs_proof(
            &world.try_enrol(&alice, "planted", Some(&proof)).await
        ));
        let renamed = world.rename(&proof, &of_alice.factor, "mine now").await;
        assert_eq!(reason(renamed), Reason::Unknown);
        let removed = world.remove(&proof, &of_alice.factor).await;
        assert_eq!(reason(removed), Reason::Unknown);
    }
    let factors = world.engine.factors(&alice).await.unwrap();
    assert_eq!((factors.len(), &*factors[0].label), (1, "phone"));
}

/// An enrolment under foreign evidence is as one without.
pub async fn enrolment_under_foreign_evidence_has_none(place: Place) {
    let (world, alice, bob) = (World::new(place).await, alice(), subject("acme", "bob"));
    let of_bob = world.confirmed(&bob, None).await;
    let proof = world.proof(&bob, &of_bob).await;
    assert!(needs_proof(&world.fresh(&alice, &proof).await));
    let fresh = world.fresh(&bob, &proof).await.unwrap();
    let details = EnrolDetails::new(&alice, "alice");
    let planted = world
        .engine
        .enrol("totp", &details, "planted", Some(&fresh))
        .await;
    let planted = App::new(&planted.unwrap());
    let _ = world.confirmed(&alice, None).await;
    assert!(needs_proof(
        &world.confirm(&alice, &planted, &world.code(&planted)).await
    ));
}

/// A disabled factor still guards.
pub async fn disabled_factor_still_guards(place: Place) {
    let limits = twofa_providers::Limits {
        ceiling: twofa_providers::token_store::ott_core::Limit::ceiling(1),
        ..twofa_providers::Limits::default()
    };
    let (world, alice) = (World::with(place, limits).await, alice());
    let app = world.confirmed(&alice, None).await;
    for _ in 0..2 {
        let wrong = world.wrong_code(&[&app]);
        let _ = world.verify(&alice, &wrong).await.unwrap_err();
    }
    let factors = world.engine.factors(&alice).await.unwrap();
    assert_eq!(factors[0].state, FactorState::Disabled);
    // Else whoever knows the password would guess until it is disabled, and enrol a factor of their own.
    assert!(needs_proof(&world.try_enrol(&alice, "planted", None).await));
}

/// A proof by a recovery code names no factor: it is fresh evidence of its own subject alone.
pub async fn recovery_proof_is_evidence_of_its_own_subject(place: Place) {
    let (world, alice, bob) = (World::new(place).await, alice(), subject("acme", "bob"));
    let _ = world.confirmed(&alice, None).await;
    let app = world.confirmed(&bob, None).await;
    let proof = world.proof(&bob, &app).await;
    let sheet = world.codes(&proof).await;
    let proof = world.recover(&bob, &sheet[0]).await.unwrap();
    assert!(world.fresh(&bob, &proof).await.is_ok());
    let fresh = world.fresh(&alice, &proof).await;
    assert!(matches!(fresh, Err(TwoFactorError::ProofNeeded)));
}

/// A proof by a recovery code ends with a reset, also for an application that has no epochs and no sign-ins, and it is
/// none for what is set up afterwards.
pub async fn recovery_proof_ends_with_a_reset(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    let sheet = world.codes(&proof).await;
    let by_code = world.recover(&alice, &sheet[0]).await.unwrap();
    // It does what it is for: a new phone takes the place of the lost one.
    world.pass(TimeDelta::seconds(1));
    let newer = world.confirmed(&alice, Some(&by_code)).await;
    world.remove(&by_code, &app.factor).await.unwrap();
    assert!(needs_proof(&world.fresh(&alice, &by_code).await));
    let later = world.proof(&alice, &newer).await;
    assert!(world.fresh(&alice, &later).await.is_ok());
    let by_code = world.recover(&alice, &sheet[1]).await.unwrap();
    assert!(world.fresh(&alice, &by_code).await.is_ok());
    world.pass(TimeDelta::seconds(1));
    let operator = Operator::new(&world.engine);
    operator.reset(&alice, ResetReason::Lost).await.unwrap();
    assert!(needs_proof(&world.fresh(&alice, &by_code).await));
    let _ = world.confirmed(&alice, None).await;
    assert!(needs_proof(&world.fresh(&alice, &by_code).await));
}
