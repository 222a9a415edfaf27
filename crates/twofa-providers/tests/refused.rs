//! What does not start, since it could not work.

use std::sync::Arc;

use async_trait::async_trait;
use twofa_providers::{
    Address, Addresses, BuildError, CodeProvider, KnownDevices, Notices, Owner, Proofs,
    ProviderError, RecoveryCodes, TRUST, TotpProvider, TrustedDevices, TwoFactor, UNDO_WITHIN,
    token_delivery::{Delivery, Outbox, Template, Templates},
    token_store::{
        Charge, FactorStore, LimitStore, MemoryStore, Spent, StoreError, Tokens,
        ott_core::{
            KeyRing, LimitKey, LimitKind, Policy, Purpose, SlotRule, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

const CODE: Policy = Policy::code(Purpose::new("email-code"));
const LINK: Policy = Policy::link(Purpose::new("not-me")).lifetime(UNDO_WITHIN);
const SHEET: Policy = Policy::recovery(Purpose::new("recovery-code")).slot(SlotRule::Nothing);
const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30));
const TRUSTED: Policy = Policy::bearer(Purpose::new("trusted-device"), TRUST);
const PARKED: Policy = Policy::parked(Purpose::new("proof"));
const NEWS: Purpose = Purpose::new("news");
const PLAIN: Purpose = Purpose::new("news-without-link");

fn tokens(policies: &[&Policy]) -> (Arc<Tokens>, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let keys = KeyRing::generate().expect("randomness");
    let mut tokens = Tokens::builder_shared(keys, Arc::clone(&store));
    for policy in policies {
        tokens = tokens.policy(policy);
    }
    (tokens.build().expect("they fit").shared(), store)
}

struct Nowhere;

#[async_trait]
impl Addresses for Nowhere {
    async fn verified(
        &self,
        _: &Subject,
    ) -> Result<Vec<Address>, Box<dyn core::error::Error + Send + Sync>> {
        Ok(Vec::new())
    }
}

fn notices(delivery: Outbox) -> Notices {
    Notices::new(NEWS, PLAIN, &LINK, Arc::new(delivery), Arc::new(Nowhere))
}

/// A provider, whose policy the tokens were not built with, could send nothing: the engine does not start.
#[test]
fn provider_with_an_unknown_policy_does_not_start() {
    let build = |known: &[&Policy]| {
        let (tokens, store) = tokens(known);
        let email = CodeProvider::email(&CODE, Arc::new(Outbox::new(1)));
        TwoFactor::builder(tokens, store as Arc<dyn FactorStore>)
            .provider(email.expect("it sends"))
            .build()
            .map(drop)
    };
    assert_eq!(build(&[&CODE]), Ok(()));
    let unknown = BuildError::PolicyUnknown(*CODE.purpose());
    assert_eq!(build(&[]), Err(unknown));
}

/// A delivery without a template for the codes would fail at the first one.
#[test]
fn codes_without_a_template_do_not_start() {
    let delivery = |policy: &Policy| -> Arc<dyn Delivery> {
        let template = Template::new(policy, "Your code", "{token}");
        let templates = Templates::new("Example", [template]).expect("words that fit");
        Arc::new(Outbox::new(1).templates(templates))
    };
    assert!(CodeProvider::email(&CODE, delivery(&CODE)).is_ok());
    let wrong = Policy::code(Purpose::new("other"));
    for built in [
        CodeProvider::email(&CODE, delivery(&wrong)),
        CodeProvider::phone(&CODE, delivery(&wrong)),
        CodeProvider::email(&LINK, delivery(&LINK)),
    ] {
        assert!(matches!(built, Err(ProviderError::Misuse(_))));
    }
}

/// Notices need both of their templates.
#[test]
fn notices_without_a_template_do_not_start() {
    let (tokens, store) = tokens(&[&LINK]);
    let with_link = Template::notice(&NEWS, "News", "{what}\n{link}").link("https://example.org/x");
    let without = Template::notice(&PLAIN, "News", "{what}");
    for (templates, missing) in [
        (vec![with_link.clone(), without.clone()], None),
        (vec![with_link], Some(PLAIN)),
        (vec![without], Some(NEWS)),
    ] {
        let templates = Templates::new("Example", templates).expect("words that fit");
        let outbox = Outbox::new(1).templates(templates);
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        let built = Owner::new(&tokens, factors, notices(outbox)).map(drop);
        assert_eq!(built.err(), missing.map(BuildError::Template));
    }
}

/// An owner's link that would leave what a sign-in made does not start.
#[test]
fn owner_without_the_engines_services_does_not_start() {
    let (tokens, store) = tokens(&[&LINK, &SHEET, &DEVICE, &TRUSTED]);
    let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
    let codes = RecoveryCodes::new(&tokens, Arc::clone(&factors), &SHEET).expect("it fits");
    let devices = KnownDevices::new(&tokens, &DEVICE).expect("it fits");
    let trusted = TrustedDevices::new(&tokens, &TRUSTED).expect("it fits");
    let owner = Owner::new(&tokens, Arc::clone(&factors), notices(Outbox::new(1)));
    let owner = owner.expect("it fits");
    let build = |owner: &Owner| {
        TwoFactor::builder(Arc::clone(&tokens), Arc::clone(&factors))
            .provider(TotpProvider::new("Example").expect("an issuer"))
            .recovery_codes(&codes)
            .known_devices(&devices)
            .trusted_devices(&trusted)
            .owner(owner)
            .build()
            .map(drop)
    };
    let whole = |owner: Owner| {
        let owner = owner.recovery_codes(&codes).known_devices(&devices);
        owner.trusted_devices(&trusted)
    };
    let without_codes = owner
        .clone()
        .known_devices(&devices)
        .trusted_devices(&trusted);
    let without_known = owner
        .clone()
        .recovery_codes(&codes)
        .trusted_devices(&trusted);
    let without_trusted = owner.clone().recovery_codes(&codes).known_devices(&devices);
    for lacking in [&owner, &without_codes, &without_known, &without_trusted] {
        assert_eq!(build(lacking), Err(BuildError::OwnerLacks));
    }
    assert_eq!(build(&whole(owner)), Ok(()));
}

/// Codes whose sheets another store keeps would be valid in one and not in the other.
#[test]
fn codes_over_another_store_do_not_start() {
    let (tokens, store) = tokens(&[&SHEET]);
    let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
    let build = |of: Arc<dyn FactorStore>| {
        let codes = RecoveryCodes::new(&tokens, of, &SHEET).expect("it fits");
        TwoFactor::builder(Arc::clone(&tokens), Arc::clone(&factors))
            .provider(TotpProvider::new("Example").expect("an issuer"))
            .recovery_codes(&codes)
            .build()
            .map(drop)
    };
    let other = Arc::new(MemoryStore::new());
    assert_eq!(build(other), Err(BuildError::RecoveryElsewhere));
    assert_eq!(build(Arc::clone(&factors)), Ok(()));
}

/// A service whose policy does not fit, or that the tokens do not know, does not start.
#[test]
fn services_with_an_unfit_policy_do_not_start() {
    let (tokens, store) = tokens(&[&LINK]);
    let factors = || Arc::clone(&store) as Arc<dyn FactorStore>;
    let unknown = |policy: &Policy| Some(BuildError::PolicyUnknown(*policy.purpose()));
    let proofs = |policy| Proofs::new(&tokens, policy).map(drop).err();
    assert_eq!(proofs(&PARKED), unknown(&PARKED));
    assert_eq!(proofs(&LINK), Some(BuildError::ParkedPolicy));
    let waits = Policy::prompt(Purpose::new("proof"));
    assert_eq!(proofs(&waits), Some(BuildError::ParkedPolicy));
    let codes = |policy| {
        RecoveryCodes::new(&tokens, factors(), policy)
            .map(drop)
            .err()
    };
    assert_eq!(codes(&SHEET), unknown(&SHEET));
    assert_eq!(codes(&LINK), Some(BuildError::RecoveryPolicy));
    let devices = |policy| KnownDevices::new(&tokens, policy).map(drop).err();
    assert_eq!(devices(&DEVICE), unknown(&DEVICE));
    assert_eq!(devices(&LINK), Some(BuildError::DevicePolicy));
}

/// Keeps what it is asked to, but not limits of one kind.
struct Drops(LimitKind);

#[async_trait]
impl LimitStore for Drops {
    fn keeps(&self, kind: LimitKind) -> bool {
        kind != self.0
    }

    async fn spend(&self, _: &[Charge], _: DateTime<Utc>) -> Result<Spent, StoreError> {
        Ok(Spent::Allowed)
    }

    async fn refund(&self, _: &[Charge], _: u32) -> Result<(), StoreError> {
        Ok(())
    }

    async fn clear(&self, _: &LimitKey) -> Result<(), StoreError> {
        Ok(())
    }

    async fn purge_limits(&self, _: DateTime<Utc>, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// An engine over a store that drops a kind of limit would let guesses pass, or answer 503 to all.
#[test]
fn limits_that_get_lost_do_not_start() {
    for kind in [LimitKind::Allowance, LimitKind::Ceiling, LimitKind::Pace] {
        let store = Arc::new(MemoryStore::new());
        let keys = KeyRing::generate().expect("randomness");
        let tokens = Tokens::builder_shared(keys, Arc::clone(&store));
        let tokens = tokens.limits(Arc::new(Drops(kind))).build();
        let tokens = tokens.expect("no policy").shared();
        let built = TwoFactor::builder(tokens, store as Arc<dyn FactorStore>)
            .provider(TotpProvider::new("Example").expect("an issuer"))
            .build();
        assert!(matches!(built, Err(BuildError::LimitKind(_))), "{kind:?}");
    }
}
