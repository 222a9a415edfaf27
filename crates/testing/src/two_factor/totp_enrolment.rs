//! An authenticator app until it is confirmed, and how it is offered from then on.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, CONFIRM_WITHIN, EnrolDetails, InvalidLabel, MAX_FACTORS_PER_PROVIDER, Response,
    TwoFactorError,
    token_store::{
        FactorState, FactorStore as _,
        ott_core::{Reason, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    world::{World, needs_proof, reason},
};

/// Of 8 confirmations at once, one succeeds.
pub async fn confirmations_at_once_have_one_winner(place: Place) {
    for round in 0..place.often(50, 3) {
        let world = Arc::new(World::new(place).await);
        let app = Arc::new(world.enrol(&alice(), None).await);
        let barrier = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (world, app, barrier) = (world.clone(), app.clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                world
                    .confirm(&alice(), &app, &world.code(&app))
                    .await
                    .is_ok()
            });
        }
        let won = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|won| *won)
            .count();
        assert_eq!(won, 1, "round {round}");
    }
}

/// An unconfirmed factor counts for nothing.
pub async fn unconfirmed_factor_counts_for_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.enrol(&alice, None).await;
    assert_eq!(
        reason(world.verify(&alice, &world.code(&app)).await),
        Reason::Unknown
    );
    assert!(world.engine.offered(&alice).await.unwrap().is_empty());
    let attempt = Attempt::new(&alice, "totp").factor(app.factor);
    let code = world.code(&app);
    let verified = world.engine.verify(&attempt, &Response::typed(&code)).await;
    assert_eq!(reason(verified), Reason::Unknown);
    // And it asks nobody for a proof.
    let _ = world.enrol(&alice, None).await;
}

/// A stale enrolment is not confirmed, and makes room.
pub async fn stale_enrolment_makes_room(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let mut apps = Vec::new();
    for _ in 0..MAX_FACTORS_PER_PROVIDER {
        apps.push(world.enrol(&alice, None).await);
        world.pass(TimeDelta::seconds(1));
    }
    // Whoever starts again is not stuck: the oldest that waits gives way, and no other.
    let more = world.enrol(&alice, None).await;
    let gone = world.confirm(&alice, &apps[0], &world.code(&apps[0])).await;
    assert_eq!(reason(gone), Reason::Unknown);
    assert_eq!(
        world.engine.factors(&alice).await.unwrap().len(),
        MAX_FACTORS_PER_PROVIDER
    );
    world.pass(CONFIRM_WITHIN);
    let stale = world.confirm(&alice, &more, &world.code(&more)).await;
    assert_eq!(reason(stale), Reason::Unknown);
    let app = world.enrol(&alice, None).await;
    world.pass(CONFIRM_WITHIN - TimeDelta::seconds(1));
    assert!(world.confirm(&alice, &app, &world.code(&app)).await.is_ok());
}

/// No confirmed factor gives way to a sixth.
pub async fn confirmed_factor_gives_way_to_no_sixth(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let phone = world.confirmed(&alice, None).await;
    for _ in 1..MAX_FACTORS_PER_PROVIDER {
        let proof = world.proof(&alice, &phone).await;
        world.confirmed(&alice, Some(&proof)).await;
    }
    let proof = world.proof(&alice, &phone).await;
    let more = world.try_enrol(&alice, "one more", Some(&proof)).await;
    assert!(matches!(more, Err(TwoFactorError::TooMany)));
}

/// A person is offered what was confirmed, and renames and removes it.
pub async fn confirmed_factor_is_offered_and_renamed(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let offered = world.engine.offered(&alice).await.unwrap();
    assert_eq!(offered.len(), 1);
    assert_eq!(offered[0].descriptor.id, "totp");
    assert_eq!(offered[0].factors[0].id, app.factor);

    let proof = world.proof(&alice, &app).await;
    world
        .rename(&proof, &app.factor, " work phone ")
        .await
        .unwrap();
    let named = world.engine.factors(&alice).await.unwrap();
    assert_eq!(named[0].label, "work phone");
    for (label, expected) in [
        ("", InvalidLabel::Empty),
        ("  ", InvalidLabel::Empty),
        ("a\nb", InvalidLabel::ControlCharacter),
        ("a\u{202e}b", InvalidLabel::HiddenCharacter),
        ("\u{200b}", InvalidLabel::HiddenCharacter),
        (&"x".repeat(65), InvalidLabel::TooLong),
    ] {
        let renamed = world.rename(&proof, &app.factor, label).await;
        assert!(
            matches!(renamed, Err(TwoFactorError::Label(found)) if found == expected),
            "{renamed:?}"
        );
    }
    world.log.drain();
    world.remove_last_too(&proof, &app.factor).await.unwrap();
    assert_eq!(world.log.whats(), ["factor.removed"]);
    assert!(world.engine.factors(&alice).await.unwrap().is_empty());
    assert!(world.engine.offered(&alice).await.unwrap().is_empty());
    world.pass(TimeDelta::seconds(30));
    assert_eq!(
        reason(world.verify(&alice, &world.code(&app)).await),
        Reason::Unknown
    );
    let again = world.remove_last_too(&proof, &app.factor).await;
    assert!(needs_proof(&again));
    let row = &world.store.factors(&alice).await.unwrap()[0];
    assert_eq!(row.state, FactorState::Removed);
}

/// What was enrolled before the first factor is not confirmed after it.
pub async fn early_enrolment_is_not_confirmed_later(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let planted = world.enrol(&alice, None).await;
    let own = world.confirmed(&alice, None).await;
    let confirmed = world.confirm(&alice, &planted, &world.code(&planted)).await;
    assert!(needs_proof(&confirmed));
    assert!(needs_proof(&world.try_enrol(&alice, "another", None).await));
    let proof = world.proof(&alice, &own).await;
    let second = world.enrol(&alice, Some(&proof)).await;
    assert!(
        world
            .confirm(&alice, &second, &world.code(&second))
            .await
            .is_ok()
    );
}

/// The issuer that an authenticator shows can be the tenant's.
pub async fn enrolment_shows_the_issuer_of_the_tenant(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    for (issuer, shown) in [(None, "Example"), (Some("Acme"), "Acme")] {
        let details = EnrolDetails::new(&alice, "alice");
        let details = issuer.map_or(details, |issuer| details.issuer(issuer));
        let enrolled = world.engine.enrol("totp", &details, "phone", None).await;
        let provisioning = enrolled.unwrap().provisioning.unwrap();
        let uri = provisioning.uri.expose_secret();
        assert!(uri.starts_with(&format!("otpauth://totp/{shown}:alice")));
    }
}
