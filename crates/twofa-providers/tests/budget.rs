//! An engine whose guess bound is above 10⁻³ a year does not start, unless the figure is accepted.

use std::sync::Arc;

use testing::{Place, Watched, key_1};
use twofa_providers::{
    Attempt, BuildError, Existing, Import, Limits, Odds, Provider as _, RecoveryCodes, Response,
    TotpProvider, TwoFactor, TwoFactorError,
    oath_otp::{Digits, Reach, Secret, Totp, Window},
    token_store::{
        Clock, FactorStore, ManualClock, MemoryStore, Tokens,
        ott_core::{
            Binding, GuessBound, GuessBoundExceeded, Limit, Policy, Purpose, Reason, SlotRule,
            chrono::TimeDelta,
        },
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

/// The bound of an engine with this provider, beside tokens with this allowance.
fn bound(
    totp: TotpProvider,
    limits: Limits,
    allowance: Limit,
    accepted: Option<u64>,
) -> Result<GuessBound, GuessBound> {
    let store = Arc::new(MemoryStore::new());
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store)).allowance(allowance);
    let tokens = tokens.build().expect("no policy").shared();
    let mut builder = TwoFactor::builder(tokens, store)
        .provider(totp)
        .limits(limits);
    if let Some(figure) = accepted {
        builder = builder.accepting_guess_bound(figure);
    }
    match builder.build() {
        Ok(engine) => Ok(engine.guess_bound()),
        Err(BuildError::GuessBound(exceeded)) => {
            let said = exceeded.to_string();
            let GuessBoundExceeded { bound } = exceeded;
            for figure in [bound.guesses(), bound.parts_per_billion()] {
                assert!(said.contains(&figure.to_string()), "{said}");
            }
            Err(bound)
        }
        Err(other) => panic!("{other}"),
    }
}

/// How many codes of six digits there are, by the likeliest of them.
fn space() -> u128 {
    Totp::default().code_space().into()
}

fn parts(bound: Result<GuessBound, GuessBound>) -> Result<u64, u64> {
    let parts = |bound: GuessBound| bound.parts_per_billion();
    bound.map(parts).map_err(parts)
}

/// 465 guesses, two codes, 10^6: that, and not by a wide margin.
#[test]
fn default_has_465_guesses_and_930_ppm() {
    let built = bound(
        totp(Digits::Six, 1, 0),
        Limits::default(),
        Limit::ALLOWANCE,
        None,
    );
    let built = built.expect("it starts");
    assert_eq!(built, GuessBound::new(465, 2, space()));
    assert_eq!((built.guesses(), built.parts_per_billion()), (465, 930_225));
}

/// A window of three codes starts only where its figure is accepted by name.
#[test]
fn window_of_three_codes_starts_by_its_figure() {
    for (past, future) in [(1, 1), (2, 0)] {
        let wide = |accepted| {
            let totp = totp(Digits::Six, past, future);
            parts(bound(totp, Limits::default(), Limit::ALLOWANCE, accepted))
        };
        let figure = GuessBound::new(465, 3, space()).parts_per_billion();
        assert_eq!(wide(None), Err(figure));
        assert_eq!(wide(Some(figure - 1)), Err(figure));
        assert_eq!(wide(Some(figure)), Ok(figure));
    }
}

/// Whichever of pace and allowance lets fewer guesses through decides.
#[test]
fn tighter_limit_decides() {
    let default = Limits::default();
    let six = || totp(Digits::Six, 1, 0);
    let wide = Limit::allowance(1_000_000, TimeDelta::minutes(1));
    // (10 + 87,600) * 2 / 10^6.
    let paced = GuessBound::new(87_610, 2, space());
    assert_eq!(bound(six(), default, wide, None), Err(paced));
    let faster = Limits {
        pace: Limit::pace(10, TimeDelta::minutes(1)),
        ..default
    };
    let allowed = GuessBound::new(465, 2, space());
    assert_eq!(bound(six(), faster, Limit::ALLOWANCE, None), Ok(allowed));
}

/// Factors that were enrolled with fewer digits keep the bound: eight digits are good for a wide window, the
/// six-digit factors of last year are not.
#[test]
fn earlier_factors_of_fewer_digits_keep_the_bound() {
    let eight = totp(Digits::Eight, 4, 0);
    let odds = eight.descriptor().odds;
    assert_eq!((odds.valid, odds.code_space), (2, space()));
    assert!(bound(eight, Limits::default(), Limit::ALLOWANCE, None).is_ok());
    let five = totp(Digits::Five, 0, 0);
    let space = five.descriptor().odds.code_space;
    let five = bound(five, Limits::default(), Limit::ALLOWANCE, None);
    assert_eq!(five, Err(GuessBound::new(465, 1, space)));
}

const DOORS: [Policy; 4] = [
    Policy::code(Purpose::new("sign-in")),
    Policy::code(Purpose::new("pay")),
    Policy::code(Purpose::new("move")),
    // A policy called as an engine's limit would be, or as the engine: it touches no key of it.
    Policy::code(Purpose::new("second-factor")),
];

/// A year at four policies and an authenticator app at once, taking whatever any of them allows, beside an
/// owner who signs in daily: the account has 465 guesses in all, and building said so.
#[tokio::test]
async fn year_at_four_policies_and_the_engine_gives_465() {
    let store = Arc::new(Watched::new(Place::Memory).await);
    let clock = Arc::new(ManualClock::new(testing::start()));
    let mut tokens = Tokens::builder_shared(key_1(), Arc::clone(&store))
        .clock(Arc::clone(&clock) as Arc<dyn Clock>);
    for policy in &DOORS {
        tokens = tokens.policy(policy);
    }
    let tokens = tokens.build().expect("they fit").shared();
    let limits = Limits {
        // It would end the attack at 100.
        ceiling: Limit::ceiling(1_000_000),
        ..Limits::default()
    };
    let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
    let engine = TwoFactor::builder(Arc::clone(&tokens), factors)
        .provider(totp(Digits::Six, 1, 0))
        .limits(limits)
        .build()
        .expect("it fits");
    assert_eq!(engine.guess_bound().guesses(), 465);

    let alice = testing::alice();
    let secret = Secret::from_bytes(&[7; 20]).expect("long enough");
    let totp = Totp::default();
    let import = Import::new(&alice, "1", "app", Existing::Totp(&totp, &secret));
    engine.import("totp", &import).await.expect("it fits");
    let binding = Binding::subject(&alice);
    let attempt = Attempt::new(&alice, "totp");
    let right = |clock: &ManualClock| {
        let now = u64::try_from(clock.now().timestamp()).expect("after 1970");
        totp.generate(&secret, now).expose_secret().to_owned()
    };
    let (mut guesses, mut by_engine, mut signed_in) = (0, 0, 0);
    for half_day in 0..2 * 365 {
        if half_day % 2 == 0 {
            let typed = right(&clock);
            let proved = engine.verify(&attempt, &Response::typed(&typed)).await;
            signed_in += u32::from(proved.is_ok());
        }
        let mut allowed = true;
        while allowed {
            allowed = false;
            for policy in &DOORS {
                let Ok(issued) = tokens.issue(policy, &binding).await else {
                    continue;
                };
                let typed = testing::wrong(issued.token.expose_secret());
                let tried = tokens
                    .redeem(policy, &issued.handle, &binding, &typed)
                    .await;
                if tried.is_err_and(|error| error.reason() == Some(Reason::Mismatch)) {
                    (guesses, allowed) = (guesses + 1, true);
                }
            }
            let typed = testing::wrong(&right(&clock));
            let tried = engine.verify(&attempt, &Response::typed(&typed)).await;
            if matches!(tried, Err(TwoFactorError::Rejected(_))) {
                (guesses, by_engine, allowed) = (guesses + 1, by_engine + 1, true);
            }
        }
        clock.advance(TimeDelta::hours(12));
    }
    assert!((400..=465).contains(&guesses), "{guesses}");
    assert!(by_engine > 0 && by_engine < guesses, "{by_engine}");
    assert!(signed_in > 300, "the owner signed in {signed_in} times");
}

/// An earlier factor of six digits has no wider window than the default.
#[tokio::test]
async fn earlier_factor_has_the_default_window() {
    let world = testing::world::World::new(Place::Memory).await;
    let alice = testing::alice();
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

/// Two providers of one id do not start, two of the same kind with an id each do.
#[test]
fn providers_of_one_id_do_not_start() {
    let store = Arc::new(MemoryStore::new());
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store));
    let tokens = tokens.build().expect("no policy").shared();
    let build = |second: TotpProvider| {
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        TwoFactor::builder(Arc::clone(&tokens), factors)
            .provider(totp(Digits::Six, 1, 0))
            .provider(second)
            .build()
            .map(drop)
    };
    let twice = BuildError::ProviderTwice("totp".into());
    assert_eq!(build(totp(Digits::Six, 0, 0)), Err(twice));
    let named = totp(Digits::Six, 0, 0).named("totp-2", "Second app");
    assert_eq!(build(named), Ok(()));
}

/// What nobody guesses adds nothing to the bound: neither a sheet of recovery codes beside an app, nor a provider
/// that stands alone. Odds on this side of 2^-100 count.
#[test]
fn provider_that_nobody_guesses_adds_nothing() {
    const SHEET: Policy = Policy::recovery(Purpose::new("recovery")).slot(SlotRule::Nothing);
    let store = Arc::new(MemoryStore::new());
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store)).policy(&SHEET);
    let tokens = tokens.build().expect("it fits").shared();
    let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
    let codes = RecoveryCodes::new(&tokens, factors, &SHEET).expect("it fits");
    let builder = || {
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        TwoFactor::builder(Arc::clone(&tokens), factors).recovery_codes(&codes)
    };
    let alone = builder().build().expect("it starts");
    assert_eq!(alone.guess_bound(), GuessBound::default());
    let beside = builder().provider(totp(Digits::Six, 1, 0)).build();
    let beside = beside.expect("it starts");
    assert_eq!(beside.guess_bound(), GuessBound::new(465, 2, space()));
    for (code_space, valid, guessable) in [
        (u128::MAX, 1, false),
        (1 << 100, 1, false),
        ((1 << 100) - 1, 1, true),
        (1 << 101, 2, false),
        (1 << 101, 3, true),
        (1 << 100, 0, false),
        (1_000_000, 1, true),
    ] {
        let odds = Odds { code_space, valid };
        assert_eq!(odds.is_guessable(), guessable, "{odds:?}");
    }
}
