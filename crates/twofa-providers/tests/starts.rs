//! What starts beside an engine, and what does not.

use std::sync::Arc;

use testing::{
    Place,
    asking::{PROMPT, SIX_DIGITS, TAP},
    key_1,
    telling::{Book, NEWS, PLAIN},
    world::{DEVICE, NOT_ME, RECOVERY, TRUSTED, World},
};
use twofa_providers::{
    BuildError, KnownDevices, LONGEST_TRUST, Limits, Notices, Owner, Prompts, RecoveryCodes,
    SignInId, TrustedDevices, TwoFactor,
    token_delivery::{Outbox, Template, Templates},
    token_store::{
        FactorStore, MemoryStore, Tokens,
        ott_core::{Format, Limit, Lookup, Policy, Purpose, SlotRule, Start, chrono::TimeDelta},
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

/// Tokens of trusted devices are too long to be guessed, and end within 90 days; so they cost no guess.
#[test]
fn trusted_devices_are_long_and_not_for_ever() {
    let build = |policy: &Policy, known: &[&Policy]| {
        let store = Arc::new(MemoryStore::new());
        let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store)).policy(&DEVICE);
        let tokens = known
            .iter()
            .fold(tokens, |tokens, policy| tokens.policy(policy));
        let tokens = tokens.accepting_guess_bound(u64::MAX).build();
        let tokens = tokens.expect("policies that fit").shared();
        let trusted = TrustedDevices::new(&tokens, policy)?;
        let devices = KnownDevices::new(&tokens, &DEVICE)?;
        let totp = twofa_providers::TotpProvider::new("Example").expect("an issuer");
        TwoFactor::builder(tokens, store as Arc<dyn FactorStore>)
            .provider(totp)
            .known_devices(&devices)
            .trusted_devices(&trusted)
            .build()
            .map(|engine| engine.guess_bound().guesses())
    };
    let purpose = *TRUSTED.purpose();
    for policy in [TRUSTED, TRUSTED.lifetime(LONGEST_TRUST)] {
        assert_eq!(build(&policy, &[&policy]), Ok(497));
    }
    assert_eq!(
        build(&TRUSTED, &[]),
        Err(BuildError::PolicyUnknown(purpose))
    );
    let longer = LONGEST_TRUST + TimeDelta::microseconds(1);
    for policy in [
        Policy::link(purpose),
        TRUSTED.until_revoked(),
        TRUSTED.lifetime(longer),
        TRUSTED
            .format(Format::alphanumeric(18))
            .accepting_short_tokens(),
    ] {
        let built = build(&policy, &[&policy]);
        assert_eq!(built, Err(BuildError::TrustPolicy), "{policy:?}");
    }
    // Who forgets the known ones would end these.
    assert_eq!(build(&DEVICE, &[]), Err(BuildError::TrustPolicy));
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

/// Only a long token that is good once, and for as long as it can undo, will do.
#[test]
fn not_me_policy_is_long_once_and_for_a_week() {
    assert!(build(&NOT_ME, &[&NOT_ME]).is_ok());
    let purpose = Purpose::new("not-me");
    for policy in [
        Policy::code(purpose),
        Policy::bearer(purpose, TimeDelta::days(7)),
        NOT_ME.until_revoked(),
        NOT_ME.lifetime(TimeDelta::days(6)),
        NOT_ME.lifetime(TimeDelta::days(8)),
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
    let factors = || Arc::clone(&world.store) as Arc<dyn FactorStore>;
    let start = |policy: &Policy| RecoveryCodes::new(&world.tokens, factors(), policy);
    assert!(start(&RECOVERY).is_ok());
    let short = Format::alphanumeric(10);
    for unsafe_policy in [
        Policy::code(Purpose::new("recovery-code")),
        RECOVERY.slot(SlotRule::Subject),
        RECOVERY.slot(SlotRule::Flow),
        RECOVERY.lookup(Lookup::ByItself),
        RECOVERY.format(short).accepting_short_tokens(),
    ] {
        let built = start(&unsafe_policy);
        assert!(matches!(built, Err(BuildError::RecoveryPolicy)));
    }
}

/// Prompts leave the guess bound as it is: nobody guesses what a person answers. Without a number they take a name.
#[test]
fn prompts_leave_the_guess_bound_as_it_is() {
    for (policy, numbered) in [(PROMPT, true), (SIX_DIGITS, true), (TAP, false)] {
        let store = Arc::new(MemoryStore::new());
        let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store)).policy(&policy);
        let tokens = tokens.build().unwrap().shared();
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        let named = Prompts::new(&tokens, Arc::clone(&factors), &policy);
        assert_eq!(named.is_ok(), numbered);
        let prompts = Prompts::accepting_no_number(&tokens, Arc::clone(&factors), &policy).unwrap();
        let totp = || twofa_providers::TotpProvider::new("Example").unwrap();
        let engine =
            || TwoFactor::builder(Arc::clone(&tokens), Arc::clone(&factors)).provider(totp());
        let without = engine().build().unwrap().guess_bound();
        let with = engine().prompts(&prompts).build().unwrap().guess_bound();
        assert_eq!(with, without);
    }
}

/// An engine takes one `Prompts`, over its own tokens and store: several would share limits that one success clears.
#[test]
fn second_prompts_do_not_start() {
    let other = Policy::prompt(Purpose::new("payment"));
    let start = |second: bool, elsewhere: bool| {
        let store = Arc::new(MemoryStore::new());
        let tokens = || {
            let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store));
            let tokens = tokens.policy(&PROMPT).policy(&other);
            tokens.build().expect("policies that fit").shared()
        };
        let (own, beside) = (tokens(), tokens());
        let factors = || Arc::clone(&store) as Arc<dyn FactorStore>;
        let of = if elsewhere { &beside } else { &own };
        let first = Prompts::new(of, factors(), &PROMPT).unwrap();
        let engine = TwoFactor::builder(Arc::clone(&own), factors()).prompts(&first);
        if !second {
            return engine.build().map(|_| ());
        }
        let payment = Prompts::new(&own, factors(), &other).unwrap().id("payment");
        engine.prompts(&payment).build().map(|_| ())
    };
    assert_eq!(start(false, false), Ok(()));
    assert_eq!(start(true, false), Err(BuildError::PromptsTwice));
    assert_eq!(start(false, true), Err(BuildError::PromptsElsewhere));
    let (one, other) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&one)).policy(&PROMPT);
    let tokens = tokens.build().unwrap().shared();
    let prompts = Prompts::new(&tokens, other, &PROMPT).unwrap();
    let built = TwoFactor::builder(tokens, one).prompts(&prompts).build();
    assert_eq!(built.map(|_| ()).err(), Some(BuildError::PromptsElsewhere));
}

/// Prompts take a policy that waits for its own subject, that the tokens have, and words that wake a device.
#[test]
fn prompts_refuse_what_cannot_work() {
    let ready = PROMPT.start(Start::Ready);
    let typed = Policy::code(Purpose::new("prompt")).start(PROMPT.starting());
    let endless = PROMPT.until_revoked();
    for policy in [ready, typed, endless] {
        let store = Arc::new(MemoryStore::new());
        let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store)).policy(&policy);
        let tokens = tokens.build().unwrap().shared();
        let prompts = Prompts::accepting_no_number(&tokens, store, &policy);
        assert_eq!(prompts.err(), Some(BuildError::PromptPolicy));
    }
    let store = Arc::new(MemoryStore::new());
    let tokens = Tokens::builder_shared(key_1(), Arc::clone(&store)).policy(&PROMPT);
    let tokens = tokens.build().unwrap().shared();
    let unknown = Prompts::new(&tokens, Arc::clone(&store) as Arc<_>, &SIX_DIGITS);
    assert_eq!(
        unknown.err(),
        Some(BuildError::PolicyUnknown(*PROMPT.purpose()))
    );
    let push = |words: Vec<Template>| {
        let outbox = Outbox::new(1).templates(Templates::new("Example", words).unwrap());
        let prompts = Prompts::new(&tokens, Arc::clone(&store) as Arc<_>, &PROMPT);
        prompts.unwrap().push(Arc::new(outbox)).err()
    };
    let words = Template::prompt(
        &PROMPT,
        "A sign-in",
        "Open {application} and look at {prompt}.",
    );
    assert_eq!(push(vec![words]), None);
    let of_a_token = Template::new(&PROMPT, "A code", "{token}");
    let missing = Some(BuildError::Template(*PROMPT.purpose()));
    assert_eq!(push(vec![of_a_token]), missing);
    assert_eq!(push(vec![]), Some(BuildError::Template(*PROMPT.purpose())));
}
