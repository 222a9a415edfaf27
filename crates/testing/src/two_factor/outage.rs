//! Whatever is down: an outage is told, nothing succeeds, and what was not burnt still works.

use twofa_providers::{
    Attempt, Limits, Response, TwoFactorError,
    token_store::ott_core::{KeyId, Limit, chrono::TimeDelta},
};

use crate::{
    Place, alice, key_2,
    world::{World, is_outage},
};

fn told(world: &World, verb: &'static str) -> bool {
    world.log.whats().contains(&format!("store.failed {verb}"))
}

/// A factor or limit store that is down verifies nothing and burns nothing.
pub async fn factor_or_limit_store_down_burns_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    for verb in ["factors", "spend", "advance"] {
        world.store.fail(verb);
        assert!(is_outage(&world.verify(&alice, &code).await), "{verb}");
        // What is one step there is told as what it burns or reads.
        let verb = match verb {
            "spend" if world.store.charges() => "factors",
            verb => verb,
        };
        assert!(told(&world, verb), "{verb}");
        world.store.recover();
    }
    // With the limits down nothing is compared.
    world.store.fail("spend");
    let before = world.evaluated();
    assert!(is_outage(&world.verify(&alice, &code).await));
    assert_eq!(world.evaluated(), before);
    world.store.recover();
    assert!(world.verify(&alice, &code).await.is_ok());
}

/// The owner tries again and again, and is right each time.
pub async fn outages_are_no_consecutive_failures(place: Place) {
    let (world, alice) = (
        World::with(
            place,
            Limits {
                ceiling: Limit::ceiling(3),
                ..Limits::default()
            },
        )
        .await,
        alice(),
    );
    let app = world.confirmed(&alice, None).await;
    for _ in 0..6 {
        world.pass(TimeDelta::minutes(30));
        world.store.fail("advance");
        let verified = world.verify(&alice, &world.code(&app)).await;
        assert!(is_outage(&verified), "{verified:?}");
        world.store.recover();
    }
    world.pass(TimeDelta::seconds(30));
    assert!(world.verify(&alice, &world.code(&app)).await.is_ok());
}

/// Limits that cannot be given back lose no proof.
pub async fn refund_that_fails_loses_no_proof(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    for verb in ["refund", "clear"] {
        world.pass(TimeDelta::seconds(30));
        world.store.fail(verb);
        assert!(
            world.verify(&alice, &world.code(&app)).await.is_ok(),
            "{verb}"
        );
        // Where the store charges in the step that burns, there is nothing to give back or to clear.
        assert_eq!(told(&world, verb), !world.store.charges(), "{verb}");
        world.store.recover();
    }
}

/// An enrolment that fails leaves nothing that counts.
pub async fn enrolment_that_fails_leaves_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    for verb in ["factors", "insert_factor"] {
        world.store.fail(verb);
        assert!(
            is_outage(&world.try_enrol(&alice, "phone", None).await),
            "{verb}"
        );
        world.store.recover();
    }
    assert!(world.engine.factors(&alice).await.unwrap().is_empty());
    let app = world.enrol(&alice, None).await;
    let code = world.code(&app);
    for verb in ["factors", "spend", "confirm"] {
        world.store.fail(verb);
        assert!(
            is_outage(&world.confirm(&alice, &app, &code).await),
            "{verb}"
        );
        world.store.recover();
    }
    assert!(world.engine.offered(&alice).await.unwrap().is_empty());
    assert!(world.confirm(&alice, &app, &code).await.is_ok());
}

/// A change that fails changes nothing.
pub async fn change_that_fails_changes_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    for verb in ["factors", "update", "remove"] {
        world.log.drain();
        world.store.fail(verb);
        if verb != "remove" {
            let renamed = world.rename(&proof, &app.factor, "tablet").await;
            assert!(is_outage(&renamed), "{verb}");
        }
        if verb != "update" {
            assert!(
                is_outage(&world.remove_last_too(&proof, &app.factor).await),
                "{verb}"
            );
        }
        assert!(told(&world, verb), "{verb}");
        world.store.recover();
    }
    world.store.fail("factors");
    assert!(is_outage(&world.engine.offered(&alice).await));
    assert!(is_outage(&world.engine.factors(&alice).await));
    world.store.recover();
    assert_eq!(
        world.engine.factors(&alice).await.unwrap()[0].label,
        "phone"
    );
}

/// A token store that is down sends and verifies nothing.
pub async fn token_store_down_sends_and_verifies_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let _ = world
        .confirmed_email(&alice, "alice@example.org", None)
        .await;
    let attempt = Attempt::new(&alice, "email");
    let sent = world.outbox.messages().len();
    world.store.fail("insert");
    assert!(is_outage(&world.engine.request(&attempt).await));
    assert_eq!(world.outbox.messages().len(), sent);
    world.store.recover();
    let handle = world
        .engine
        .request(&attempt)
        .await
        .unwrap()
        .handle
        .unwrap();
    let (attempt, code) = (attempt.handle(&handle), world.sent());
    for verb in ["factors", "spend", "redeem"] {
        world.store.fail(verb);
        let verified = world.engine.verify(&attempt, &Response::typed(&code)).await;
        assert!(is_outage(&verified), "{verb}");
        world.store.recover();
    }
    assert!(
        world
            .engine
            .verify(&attempt, &Response::typed(&code))
            .await
            .is_ok()
    );
}

/// A ceiling that cannot disable verifies nothing.
pub async fn ceiling_that_cannot_disable_lets_nobody_in(place: Place) {
    let limits = twofa_providers::Limits {
        ceiling: twofa_providers::token_store::ott_core::Limit::ceiling(3),
        ..twofa_providers::Limits::default()
    };
    let (world, alice) = (World::with(place, limits).await, alice());
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    for _ in 0..3 {
        let wrong = world.wrong_code(&[&app]);
        let _ = world.verify(&alice, &wrong).await.unwrap_err();
    }
    world.store.fail("update");
    assert!(is_outage(&world.verify(&alice, &world.code(&app)).await));
    assert!(told(&world, "update"));
    world.store.recover();
    assert!(world.verify(&alice, &world.code(&app)).await.is_err());
}

/// A key that the ring lacks is an outage that counts nothing.
pub async fn missing_key_is_an_outage_without_counts(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let behind = world.beside(key_2());
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::seconds(30));
    let code = world.code(&app);
    let missing = |error: TwoFactorError| matches!(error, TwoFactorError::KeyMissing(KeyId(1)));
    // More often than any limit allows.
    for _ in 0..200 {
        assert!(missing(behind.verify(&alice, &code).await.unwrap_err()));
        assert_eq!(behind.log.whats(), ["key.missing"]);
    }
    // A list opens no seal.
    assert_eq!(behind.engine.offered(&alice).await.unwrap().len(), 1);
    assert!(world.verify(&alice, &code).await.is_ok());
}

/// A code under a key that the ring lacks counts nothing.
pub async fn code_of_a_missing_key_counts_nothing(place: Place) {
    use crate::{KEY_1, KEY_2, ring};
    // The factor's seal opens on both machines; the code was made with a key of one alone.
    let (world, alice) = (World::new(place).await, alice());
    let _ = world
        .confirmed_email(&alice, "alice@example.org", None)
        .await;
    let ahead = world.beside(ring(&[&format!("2 {KEY_2}"), &format!("1 {KEY_1}")]));
    let attempt = Attempt::new(&alice, "email");
    let handle = ahead
        .engine
        .request(&attempt)
        .await
        .unwrap()
        .handle
        .unwrap();
    let (attempt, code) = (attempt.handle(&handle), ahead.sent());
    for _ in 0..200 {
        let verified = world.engine.verify(&attempt, &Response::typed(&code)).await;
        assert!(
            matches!(verified, Err(TwoFactorError::KeyMissing(KeyId(2)))),
            "{verified:?}"
        );
    }
    assert!(
        ahead
            .engine
            .verify(&attempt, &Response::typed(&code))
            .await
            .is_ok()
    );
}
