//! An engine whose guess bound is above 10⁻³ a year does not start, unless the figure is accepted.

#[path = "../../token-store/tests/support/watched.rs"]
mod watched;
#[path = "support/world.rs"]
mod world;

use std::sync::Arc;

use twofa_providers::{
    BuildError, Limits, Provider as _, TotpProvider, TwoFactor,
    oath_otp::{Digits, Reach, Totp, Window},
    token_store::{
        FactorStore, MemoryStore, Tokens,
        ott_core::{KeyRing, Limit, chrono::TimeDelta},
    },
};

fn totp(digits: Digits, past: u8, future: u8) -> TotpProvider {
    let [past, future] = [past, future].map(|beyond| Reach::new(beyond).expect("it fits"));
    let window = Window { past, future };
    let totp = Totp {
        digits,
        window,
        ..Totp::default()
    };
    TotpProvider::with("Example", totp).expect("it fits")
}

/// The figure of a refused engine in parts per billion, or `None` if it started.
fn refused(totp: TotpProvider, limits: Limits, accepted: Option<u64>) -> Option<u64> {
    let store = Arc::new(MemoryStore::new());
    let keys = KeyRing::generate().expect("it fits");
    let tokens = Tokens::builder_shared(keys, Arc::clone(&store))
        .build()
        .expect("it fits");
    let mut builder = TwoFactor::builder(tokens.into_shared(), store as Arc<dyn FactorStore>)
        .provider(totp)
        .limits(limits);
    if let Some(figure) = accepted {
        builder = builder.accepting_guess_bound(figure);
    }
    match builder.build() {
        Ok(_) => None,
        Err(BuildError::GuessBound(exceeded)) => {
            let figure = exceeded.bound.parts_per_billion();
            assert!(
                exceeded.to_string().contains(&figure.to_string()),
                "{exceeded}"
            );
            Some(figure)
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_default_stands_at_930_parts_per_million_and_starts() {
    let default = Limits::default();
    assert_eq!(refused(totp(Digits::Six, 1, 0), default, None), None);
    // Exactly that, and not by a wide margin: 465 guesses, two codes, the likeliest of six digits.
    let odds = TotpProvider::new("Example").unwrap().odds();
    assert_eq!((odds.valid, odds.code_space), (2, 999_759));
    let guesses = default.allowance.most_in_a_year();
    assert_eq!(guesses * odds.valid * 1_000_000 / 999_759, 930);
}

#[test]
fn a_window_of_three_codes_starts_only_by_its_figure() {
    let default = Limits::default();
    for (past, future) in [(1, 1), (2, 0)] {
        let wide = || totp(Digits::Six, past, future);
        assert_eq!(refused(wide(), default, None), Some(1_395_337));
        assert_eq!(refused(wide(), default, Some(1_395_336)), Some(1_395_337));
        assert_eq!(refused(wide(), default, Some(1_395_337)), None);
    }
}

#[test]
fn whichever_limit_is_tighter_decides() {
    let default = Limits::default();
    let every_minute = Limit::pace(10, TimeDelta::minutes(1));
    let no_allowance = Limits {
        allowance: Limit::allowance(1_000_000, TimeDelta::minutes(1)),
        ..default
    };
    // (10 + 87,600) * 2 / 999,759.
    assert_eq!(
        refused(totp(Digits::Six, 1, 0), no_allowance, None),
        Some(175_262_239)
    );
    let faster = Limits {
        pace: every_minute,
        ..default
    };
    assert_eq!(refused(totp(Digits::Six, 1, 0), faster, None), None);
    let ceiling_for_allowance = Limits {
        allowance: Limit::ceiling(100),
        ..default
    };
    assert!(refused(totp(Digits::Six, 1, 0), ceiling_for_allowance, None).is_some());
}

#[test]
fn factors_that_were_enrolled_with_fewer_digits_keep_the_bound() {
    let default = Limits::default();
    // Eight digits are good for a wide window; the six-digit factors of last year are not.
    let eight = totp(Digits::Eight, 4, 0);
    let odds = eight.odds();
    assert_eq!((odds.valid, odds.code_space), (2, 999_759));
    assert_eq!(refused(eight, default, None), None);
    let five = totp(Digits::Five, 0, 0);
    assert_eq!(refused(five, default, None), Some(4_650_047));
}

#[tokio::test]
async fn an_earlier_factor_of_six_digits_has_no_wider_window_than_the_default() {
    use twofa_providers::{Attempt, Response};
    let world = world::World::new();
    let alice = world::alice();
    let app = world.confirmed(&alice, None).await;
    world.pass(TimeDelta::minutes(10));
    let later = TwoFactor::builder(
        Arc::clone(&world.tokens),
        Arc::clone(&world.store) as Arc<dyn FactorStore>,
    );
    let later = later.provider(totp(Digits::Eight, 4, 0)).build().unwrap();
    let attempt = Attempt::new(&alice, "totp");
    for seconds in [120, 90, 60] {
        let old = world.code_ago(&app, seconds);
        assert!(
            later
                .verify(&attempt, &Response::typed(&old))
                .await
                .is_err(),
            "{seconds}"
        );
    }
    let old = world.code_ago(&app, 30);
    assert!(later.verify(&attempt, &Response::typed(&old)).await.is_ok());
}

#[test]
fn two_providers_of_one_id_do_not_start() {
    let store = Arc::new(MemoryStore::new());
    let keys = KeyRing::generate().unwrap();
    let tokens = Tokens::builder_shared(keys, Arc::clone(&store))
        .build()
        .unwrap();
    let built = TwoFactor::builder(tokens.into_shared(), store as Arc<dyn FactorStore>)
        .provider(totp(Digits::Six, 1, 0))
        .provider(totp(Digits::Six, 0, 0))
        .build();
    assert!(matches!(built, Err(BuildError::ProviderTwice("totp"))));
}
