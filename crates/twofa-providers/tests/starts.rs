//! What starts beside an engine, and what does not.

use std::sync::Arc;

use testing::{
    Place, key_1,
    telling::{Book, NEWS, PLAIN},
    world::{DEVICE, NOT_ME, RECOVERY, World},
};
use twofa_providers::{
    BuildError, KnownDevices, Limits, Notices, Owner, RecoveryCodes, SignInId, TwoFactor,
    token_delivery::Outbox,
    token_store::{
        FactorStore, MemoryStore, Tokens,
        ott_core::{Format, Limit, Lookup, Policy, Purpose, SlotRule, chrono::TimeDelta},
    },
};

/// The default stands at 994 parts per million with known devices, and starts.
#[tokio::test]
async fn bound_with_known_devices_is_994_ppm() {
    let world = World::new(Place::Memory).await;
    let start = |limits: Limits, policy: &Policy| {
        let factors = Arc::clone(&world.store) as Arc<dyn FactorStore>;
        let totp = twofa_providers::TotpProvider::new("Example").unwrap();
        let devices = KnownDevices::new(&world.tokens, policy)?;
        TwoFactor::builder(Arc::clone(&world.tokens), factors)
            .provider(totp)
            .known_devices(&devices)
            .limits(limits)
            .build()
            .map(|engine| engine.guess_bound().guesses())
    };
    let default = Limits::default();
    assert_eq!(start(default, &DEVICE), Ok(497));
    let wider = Limits {
        known_devices: Limit::allowance(24, TimeDelta::days(30)),
        ..default
    };
    let Err(BuildError::GuessBound(exceeded)) = start(wider, &DEVICE) else {
        panic!("it started");
    };
    assert_eq!(exceeded.bound.guesses(), 501);
    for policy in [
        DEVICE.until_revoked(),
        Policy::link(Purpose::new("known-device")),
    ] {
        assert_eq!(start(default, &policy), Err(BuildError::DevicePolicy));
    }
}

/// A sign-in has an id of 64 bytes at most.
#[test]
fn sign_in_id_has_64_bytes_at_most() {
    assert!(SignInId::new("").is_err());
    assert!(SignInId::new([0; 64]).is_ok());
    assert!(SignInId::new([0; 65]).is_err());
}

fn build(policy: &Policy, known: &[&Policy]) -> Result<Owner, BuildError> {
    let store = Arc::new(MemoryStore::new());
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store));
    let tokens = known
        .iter()
        .fold(tokens, |tokens, policy| tokens.policy(policy));
    let tokens = tokens.accepting_guess_bound(u64::MAX).build();
    let tokens = tokens.expect("policies that fit").shared();
    let (outbox, book) = (Arc::new(Outbox::new(1)), Arc::new(Book::default()));
    let notices = Notices::new(NEWS, PLAIN, policy, outbox, book);
    Owner::new(&tokens, store as Arc<dyn FactorStore>, notices)
}

/// Only a long token that is good once and for a time will do.
#[test]
fn not_me_policy_is_long_once_and_for_a_time() {
    assert!(build(&NOT_ME, &[&NOT_ME]).is_ok());
    let purpose = Purpose::new("not-me");
    for policy in [
        Policy::code(purpose),
        Policy::bearer(purpose, TimeDelta::days(7)),
        NOT_ME.until_revoked(),
        NOT_ME.slot(SlotRule::Subject),
        NOT_ME
            .format(Format::alphanumeric(10))
            .accepting_short_tokens(),
    ] {
        let built = build(&policy, &[&policy]).map(drop);
        assert_eq!(built, Err(BuildError::NotMePolicy), "{policy:?}");
    }
    // One that the tokens do not know would never be issued.
    let unknown = BuildError::PolicyUnknown(*NOT_ME.purpose());
    assert_eq!(build(&NOT_ME, &[]).map(drop), Err(unknown));
}

/// Codes that are unsafe on paper do not start.
#[tokio::test]
async fn unsafe_sheet_does_not_start() {
    let world = World::new(Place::Memory).await;
    let start = |policy: &Policy| RecoveryCodes::new(&world.tokens, policy);
    assert!(start(&RECOVERY).is_ok());
    let short = Format::alphanumeric(10);
    for unsafe_policy in [
        Policy::code(Purpose::new("recovery-code")),
        RECOVERY.slot(SlotRule::Nothing),
        RECOVERY.slot(SlotRule::Flow),
        RECOVERY.lookup(Lookup::ByItself),
        RECOVERY.format(short).accepting_short_tokens(),
    ] {
        let built = start(&unsafe_policy);
        assert!(matches!(built, Err(BuildError::RecoveryPolicy)));
    }
}
