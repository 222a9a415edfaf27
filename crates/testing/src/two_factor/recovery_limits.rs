//! Wrong recovery codes lock no sheet, and cost the network that sends them.

use twofa_providers::{
    Attempt, Limits, Response,
    token_store::ott_core::{Limit, Reason, chrono::TimeDelta},
};

use super::recovery::{with_codes, wrong};
use crate::{
    Place, alice,
    world::{World, is_throttled, reason},
};

/// A thousand wrong codes in a row lock no sheet: nobody guesses 120 bits.
pub async fn sheet_outlives_every_wrong_code(place: Place) {
    let world = World::new(place).await;
    let (app, codes) = with_codes(&world).await;
    for _ in 0..place.often(1_000, 150) {
        let wrong = wrong(&codes[0]);
        assert_eq!(
            reason(world.recover(&alice(), &wrong).await),
            Reason::Unknown
        );
    }
    assert!(world.recover(&alice(), &codes[0]).await.is_ok());
    // Nor did they cost the app anything.
    let _ = world.proof(&alice(), &app).await;
}

/// Whoever knows the password and uses up all that the account shares, for a week, keeps the owner from no
/// recovery code; and has no more guesses at the app than before.
pub async fn thief_of_the_password_locks_no_sheet(place: Place) {
    let world = World::new(place).await;
    let (app, codes) = with_codes(&world).await;
    let before = world.evaluated();
    for (day, code) in codes.iter().enumerate().take(7) {
        loop {
            let wrong_code = world.wrong_code(&[&app]);
            let guessed = world.verify(&alice(), &wrong_code).await;
            let _ = world.recover(&alice(), &wrong(code)).await;
            if is_throttled(&guessed) || reason(guessed) != Reason::Mismatch {
                break;
            }
        }
        let recovered = world.recover(&alice(), code).await;
        assert!(recovered.is_ok(), "day {day}: {recovered:?}");
        world.pass(TimeDelta::days(1));
    }
    assert_eq!(world.evaluated() - before, 70);
}

/// A wrong recovery code costs the network it comes from, and no other the right one.
pub async fn wrong_recovery_codes_cost_the_network(place: Place) {
    let limits = Limits {
        network: Limit::pace(3, TimeDelta::hours(1)),
        ..Limits::default()
    };
    let world = World::with(place, limits).await;
    let (_, codes) = with_codes(&world).await;
    let owner = alice();
    let from = async |network: [u8; 4], code: &str| {
        let attempt = Attempt::new(&owner, "recovery").network(network.into());
        world.engine.verify(&attempt, &Response::typed(code)).await
    };
    let (thief, home) = ([192, 0, 2, 1], [198, 51, 100, 7]);
    for _ in 0..3 {
        let refused = from(thief, &wrong(&codes[0])).await;
        assert_eq!(reason(refused), Reason::Unknown);
    }
    assert!(is_throttled(&from(thief, &codes[0]).await));
    assert!(from(home, &codes[0]).await.is_ok());
}
