//! Enrolments and renewals are paced, and one that is refused writes nothing.

use twofa_providers::{
    EnrolDetails, TwoFactorError,
    events::THROTTLED,
    token_store::ott_core::{Destination, chrono::TimeDelta},
};

use crate::{
    Place, alice, subject,
    world::{World, is_throttled},
};

/// Enrolments are started ten at once and then one each hour; a refusal says when to come back and
/// writes nothing, whichever provider it is.
pub async fn enrolments_are_paced_and_write_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let mut started = 0;
    let mut refused = None;
    let address = Destination::email("a@example.org").unwrap();
    let details = EnrolDetails::new(&alice, "alice").destination(&address);
    for at in 0..place.often(4_000, 40) {
        let provider = ["totp", "email"][at % 2];
        match world.enrol_with(provider, &details, "x", None).await {
            Ok(_) => started += 1,
            Err(error) => refused = Some(error),
        }
    }
    assert_eq!(started, 10);
    let Some(TwoFactorError::Throttled { retry_after, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(retry_after, Some(TimeDelta::hours(1)));
    let stored = world.store.store().factors(&alice).await.unwrap();
    assert_eq!(stored.len(), 10);
    // Who was refused keeps what waits, and others are not concerned.
    let _ = world.enrol(&subject("acme", "bob"), None).await;
    world.pass(TimeDelta::hours(1) - TimeDelta::seconds(1));
    assert!(is_throttled(&world.try_enrol(&alice, "x", None).await));
    world.pass(TimeDelta::seconds(1));
    let app = world.enrol(&alice, None).await;
    let confirmed = world.confirm(&alice, &app, &world.code(&app)).await;
    assert!(confirmed.is_ok());
}

/// Recovery codes are renewed at the pace of enrolments, and on its account: a refusal says when to come back and writes
/// nothing, so that the sheet stands and what waits goes on waiting.
pub async fn renewals_are_paced_and_write_nothing(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let app = world.confirmed(&alice, None).await;
    let proof = world.proof(&alice, &app).await;
    // One was the app's.
    let mut sheet = Vec::new();
    for _ in 0..8 {
        sheet = world.codes(&proof).await;
    }
    let waits = world.enrol(&alice, Some(&proof)).await;
    let before = world.store.store().factors(&alice).await.unwrap();
    world.log.drain();
    for _ in 0..place.often(300, 5) {
        let Err(TwoFactorError::Throttled { retry_after, .. }) = world.try_codes(&proof).await
        else {
            panic!("an eleventh");
        };
        let after = retry_after.expect("a time");
        assert!(after > TimeDelta::minutes(50) && after <= TimeDelta::hours(1));
    }
    assert!(world.log.whats().iter().all(|what| what == THROTTLED));
    assert_eq!(world.store.store().factors(&alice).await.unwrap(), before);
    assert_eq!(world.recovery.left(&alice).await.unwrap(), 10);
    assert!(world.recover(&alice, &sheet[0]).await.is_ok());
    let code = world.code(&waits);
    assert!(world.confirm(&alice, &waits, &code).await.is_ok());
    // An enrolment pays on the same account, and an hour later there is one of either.
    assert!(is_throttled(
        &world.try_enrol(&alice, "x", Some(&proof)).await
    ));
    world.pass(TimeDelta::hours(1));
    let proof = world.proof(&alice, &app).await;
    assert!(world.try_codes(&proof).await.is_ok());
    assert!(is_throttled(
        &world.try_enrol(&alice, "x", Some(&proof)).await
    ));
}
