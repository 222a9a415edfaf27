//! Tokens with a counter: a code is accepted once, and the counter goes forward alone.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, Existing, HotpProvider, Import, Response, TwoFactor,
    oath_otp::{Digits, Hotp, Secret},
    token_store::{
        FactorStore as _, HIGHEST_COUNTER,
        ott_core::{Reason, chrono::TimeDelta},
    },
};

use super::yubico::Keys;
use crate::{
    Place, alice,
    world::{World, is_outage, reason},
};

/// A token with a button: skipped codes are found, a code counts once, and two in a row bring it back.
pub async fn hotp_skips_and_comes_back_by_two_codes(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let hotp = Hotp::default();
    let factors = Arc::clone(&world.store) as Arc<_>;
    let engine = TwoFactor::builder(Arc::clone(&world.tokens), factors)
        .provider(HotpProvider::new(hotp))
        .build()
        .unwrap();
    let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
    let import = Import::new(&alice, "1", "token", Existing::Hotp(&hotp, &secret)).last(4);
    engine.import("hotp", &import).await.unwrap();
    let attempt = Attempt::new(&alice, "hotp");
    let code = |counter| hotp.generate(&secret, counter).expose_secret().to_owned();
    let one = async |counter| {
        let typed = code(counter);
        engine.verify(&attempt, &Response::typed(&typed)).await
    };
    assert!(one(4).await.is_err());
    assert!(one(6).await.is_ok());
    assert!(one(6).await.is_err());
    assert!(one(20).await.is_err());
    let (first, second) = (code(40), code(41));
    let swapped = [second.as_str(), first.as_str()];
    assert!(
        engine
            .verify(&attempt, &Response::codes(&swapped))
            .await
            .is_err()
    );
    let pair = [first.as_str(), second.as_str()];
    assert!(
        engine
            .verify(&attempt, &Response::codes(&pair))
            .await
            .is_ok()
    );
    assert!(
        engine
            .verify(&attempt, &Response::codes(&pair))
            .await
            .is_err()
    );
    assert!(one(42).await.is_ok());
    let three = ["000000"; 3];
    let three = engine.verify(&attempt, &Response::codes(&three)).await;
    assert_eq!(reason(three), Reason::Malformed);
}

/// A token that was taken over with fewer digits than the guess budget is computed with now proves nothing.
pub async fn hotp_of_fewer_digits_proves_nothing_later(place: Place) {
    let (world, alice) = (World::new(place).await, alice());
    let engine = |hotp| {
        let factors = Arc::clone(&world.store) as Arc<_>;
        TwoFactor::builder(Arc::clone(&world.tokens), factors)
            .provider(HotpProvider::new(hotp))
            .build()
            .unwrap()
    };
    let six = Hotp::default();
    let eight = Hotp {
        digits: Digits::Eight,
        ..six
    };
    let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
    let import = Import::new(&alice, "1", "token", Existing::Hotp(&six, &secret)).last(4);
    engine(six).import("hotp", &import).await.unwrap();
    let attempt = Attempt::new(&alice, "hotp");
    let code = six.generate(&secret, 6).expose_secret().to_owned();
    let later = engine(eight)
        .verify(&attempt, &Response::typed(&code))
        .await;
    assert!(is_outage(&later));
    let now = engine(six).verify(&attempt, &Response::typed(&code)).await;
    assert!(now.is_ok());
}

/// Of codes of a token with a counter that arrive at once, none is accepted twice, and the counter ends at the highest one.
pub async fn hotp_codes_at_once_go_forward_alone(place: Place) {
    let (hotp, secret) = (
        Hotp::default(),
        Arc::new(Secret::from_bytes(&[3; 20]).expect("long")),
    );
    let keys = Arc::new(Keys::new(place, HotpProvider::new(hotp), "hotp").await);
    let owner = alice();
    keys.import(&owner, Existing::Hotp(&hotp, &secret), None)
        .await;
    let mut next = 0;
    for round in 0..place.often(20, 3) {
        keys.world.pass(TimeDelta::days(70));
        let barrier = Arc::new(Barrier::new(16));
        let mut tasks = JoinSet::new();
        for nth in 0..16_u64 {
            let (keys, secret, barrier) =
                (Arc::clone(&keys), Arc::clone(&secret), Arc::clone(&barrier));
            let counter = next + nth % 2;
            tasks.spawn(async move {
                barrier.wait().await;
                let owner = alice();
                let attempt = Attempt::new(&owner, "hotp");
                let code = hotp.generate(&secret, counter);
                let typed = Response::typed(code.expose_secret());
                let won = keys.engine.verify(&attempt, &typed).await.is_ok();
                won.then_some(counter)
            });
        }
        let mut won: Vec<u64> = tasks.join_all().await.into_iter().flatten().collect();
        won.sort_unstable();
        let (all, highest) = (won.len(), won.last().copied());
        won.dedup();
        assert_eq!((won.len(), highest), (all, Some(next + 1)), "round {round}");
        let stored = keys.world.store.factors(&owner).await.expect("it answers");
        assert_eq!(stored[0].last, highest);
        // The one that was passed over is worth nothing any more.
        for counter in [next, next + 1] {
            let code = hotp.generate(&secret, counter);
            assert!(keys.verify(&owner, code.expose_secret()).await.is_err());
        }
        next += 2;
    }
}

/// A counter at the end of what a store keeps is accepted once, and nothing comes after it.
pub async fn hotp_counter_ends_without_a_wrap(place: Place) {
    let (hotp, secret) = (Hotp::default(), Secret::from_bytes(&[3; 20]).expect("long"));
    let keys = Keys::new(place, HotpProvider::new(hotp), "hotp").await;
    let owner = alice();
    let last = Some(HIGHEST_COUNTER - 1);
    keys.import(&owner, Existing::Hotp(&hotp, &secret), last)
        .await;
    let code = |counter| hotp.generate(&secret, counter).expose_secret().to_owned();
    assert!(keys.verify(&owner, &code(HIGHEST_COUNTER)).await.is_ok());
    for counter in [HIGHEST_COUNTER, HIGHEST_COUNTER + 1, 0, u64::MAX] {
        assert!(keys.verify(&owner, &code(counter)).await.is_err());
    }
}
