//! What an operator does to an account: a reset, and limits that are cleared.

use twofa_providers::{
    Attempt, Operator, Reset, ResetReason, Response, TwoFactorError,
    token_store::{
        Charge, Clock as _, LimitStore as _, Spent,
        ott_core::{Binding, Limit, LimitKey, LimitScope, Reason, chrono::TimeDelta},
    },
};

use crate::{
    Place, alice,
    telling::{Telling, sign_in},
    world::{World, is_throttled, reason},
};

/// A reset takes off all that proves, tells the owner's events why, and the account can begin anew.
pub async fn operator_resets_an_account_whole(place: Place) {
    let told = Telling::new(place, &[]).await;
    let (world, alice, mine) = (&told.world, alice(), sign_in("mine"));
    let app = told.add_app(&mine, None).await;
    let proof = told.proof(&mine, &app).await;
    let _ = world
        .confirmed_email(&alice, "a@example.org", Some(&proof))
        .await;
    let sheet = world.codes(&proof).await;
    let _ = world.enrol(&alice, Some(&proof)).await;
    let _ = world.remember(&proof, "laptop").await.unwrap();
    let _ = world.trust(&proof, &mine, "laptop").await.unwrap();
    world.log.drain();
    let operator = Operator::new(&world.engine);
    let reset = operator.reset(&alice, ResetReason::Lost).await.unwrap();
    let expected = Reset {
        factors: 3,
        recovery_codes: 10,
        devices: 1,
        trusted_devices: 1,
    };
    assert_eq!(reset, expected);
    assert!(
        world
            .log
            .whats()
            .contains(&"account.reset lost 3".to_owned())
    );
    assert!(world.engine.factors(&alice).await.unwrap().is_empty());
    assert!(world.engine.offered(&alice).await.unwrap().is_empty());
    assert_eq!(
        reason(world.recover(&alice, &sheet[0]).await),
        Reason::Revoked
    );
    let fresh = world.fresh(&alice, &proof).await;
    assert!(matches!(fresh, Err(TwoFactorError::ProofNeeded)));
    let _ = world.confirmed(&alice, None).await;
    let again = operator.reset(&alice, ResetReason::Closed).await.unwrap();
    assert_eq!(again.factors, 1);
}

/// A reset clears whatever was counted for the account, so that nobody who knew the password keeps the owner out of
/// what they enrol next.
pub async fn reset_clears_every_limit_of_the_account(place: Place) {
    let told = Telling::new(place, &["alice@example.net"]).await;
    let (world, owner) = (&told.world, alice());
    let app = world.confirmed(&owner, None).await;
    let proof = world.proof(&owner, &app).await;
    let device = world.remember(&proof, "laptop").await.unwrap();
    let token = device.token.expose_secret();
    let _ = world
        .confirmed_email(&owner, "a@example.org", Some(&proof))
        .await;
    let wrong_code = world.wrong_code(&[&app]);
    let typed = Response::typed(&wrong_code);
    let (by_app, by_mail) = (Attempt::new(&owner, "totp"), Attempt::new(&owner, "email"));
    for attempt in [by_app, by_app.known_device(token)] {
        while !is_throttled(&world.engine.verify(&attempt, &typed).await) {}
    }
    for attempt in [by_mail, by_mail.known_device(token)] {
        while world.engine.request(&attempt).await.is_ok() {}
    }
    while !is_throttled(&world.try_enrol(&owner, "x", Some(&proof)).await) {}

    let binding = Binding::subject(&owner);
    let day = Limit::pace(1, TimeDelta::days(1));
    let engine = |name, limit| Charge {
        key: LimitKey::new(LimitScope::Engine, name, &binding),
        limit,
    };
    let allowance = world.tokens.allowance_of(&binding).unwrap();
    let counted = [
        engine("pace", day),
        engine("known devices", day),
        engine("requests", day),
        engine("requests of known devices", day),
        engine("enrolments", day),
        engine("notice of failures", day),
        engine("failures", Limit::ceiling(1)),
        Charge {
            limit: day,
            ..allowance
        },
    ];
    let now = world.clock.now();
    for charge in counted {
        let spent = world.store.spend(&[charge], now).await.unwrap();
        assert_ne!(spent, Spent::Allowed, "{charge:?} was not spent");
    }
    let operator = Operator::new(&world.engine);
    operator.reset(&owner, ResetReason::Lost).await.unwrap();
    for charge in counted {
        let spent = world.store.spend(&[charge], now).await.unwrap();
        assert_eq!(spent, Spent::Allowed, "{charge:?}");
    }
}

/// A limit that a wrong clock left ahead is an outage with an event; an operator clears it, and no other.
pub async fn operator_clears_limits_that_are_ahead(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let wrong_code = world.wrong_code(&[&app]);
    world.pass(TimeDelta::days(3_650));
    let _ = world.verify(&alice, &wrong_code).await;
    world.pass(-TimeDelta::days(3_650));
    world.pass(TimeDelta::seconds(30));
    let verified = world.verify(&alice, &world.code(&app)).await;
    assert!(matches!(verified, Err(TwoFactorError::Unavailable(_))));
    assert!(world.log.whats().contains(&"limit.ahead".to_owned()));
    let operator = Operator::new(&world.engine);
    assert_eq!(operator.clear_ahead(&alice).await.unwrap(), 2);
    assert!(world.verify(&alice, &world.code(&app)).await.is_ok());
    assert_eq!(operator.clear_ahead(&alice).await.unwrap(), 0);
}
