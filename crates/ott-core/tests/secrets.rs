//! Nothing that prints prints a secret, and a secret is not copied, compared or shown by accident.

#[path = "support/common.rs"]
mod common;

use core::{fmt, marker::PhantomData};

use common::{BEARER, KEY, LINK, PROMPT, RECOVERY, alice, issuer, now, present, seeded};
use ott_core::{
    Binding, Destination, Extra, Format, Handle, Issued, KeyId, KeyRing, Policy, Purpose, RecordId,
    Token, Verdict,
};

trait Otherwise {
    const IMPLEMENTED: bool = false;
}

/// Whether a type implements a trait: the inherent constant exists only where it does, and is then
/// preferred to the trait's.
macro_rules! implements {
    ($type:ty: $($bound:tt)+) => {{
        struct Probe<T>(PhantomData<T>);
        impl<T> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "only there where the bound holds")]
        impl<T: $($bound)+> Probe<T> {
            const IMPLEMENTED: bool = true;
        }
        Probe::<$type>::IMPLEMENTED
    }};
}

macro_rules! assert_not_impl {
    ($type:ty: $($bound:path),+) => {
        $(assert!(!implements!($type: $bound), stringify!($type: $bound));)+
    };
}

#[test]
fn tokens_handles_and_keys_are_not_copied_compared_or_shown() {
    assert_not_impl!(Token: Clone, PartialEq, PartialOrd, fmt::Display, Default, AsRef<str>, AsRef<[u8]>);
    assert_not_impl!(Handle: Clone, PartialEq, PartialOrd, fmt::Display, Default, AsRef<str>, AsRef<[u8]>);
    assert_not_impl!(KeyRing: Clone, PartialEq, fmt::Display, Default);
    assert_not_impl!(Issued: Clone, PartialEq, fmt::Display);
    // The probe tells both answers.
    assert!(implements!(RecordId: Clone));
    assert!(implements!(RecordId: fmt::Display));
    assert!(implements!(Token: fmt::Debug));
    assert!(implements!(Token: Send));
}

/// The application's own data: kept in clear, and nobody's business in a log.
const DATA: &[u8] = b"private";

/// `Debug` of everything that a token passes through.
fn everything(policy: &Policy, issued: &Issued, binding: &Binding<'_>) -> String {
    let issuer = issuer();
    let token = issued.token.expose_secret();
    let presented = present(
        &issuer,
        policy,
        &issued.handle,
        binding,
        "acme",
        token,
        now(),
    )
    .expect("a digest");
    let number = issued.record.stored().number;
    let decider = alice();
    let decision = issuer
        .decide(
            &issued.record,
            &decider,
            Verdict::Approve { number },
            DATA,
            now(),
        )
        .expect("a decision");
    let extra = Extra {
        data: DATA,
        resend: Some(&issued.handle),
    };
    let mut record = issued.record.clone();
    let refused = record.redeem(&presented, now());
    let malformed = present(
        &issuer,
        policy,
        &issued.handle,
        binding,
        "acme",
        "\0",
        now(),
    );
    format!(
        "{issued:?} {issued:#?} {:?} {:?} {:?} {record:?} {:#?} {presented:?} {decision:?} {extra:?} \
         {binding:?} {policy:?} {issuer:?} {refused:?} {malformed:?} {} {:?}",
        issued.token,
        issued.handle,
        issued.record,
        issued.record.stored(),
        issued.record.id(),
        issuer.open(policy, record.stored().clone()),
    )
}

#[test]
fn nothing_printed_over_ten_thousand_tokens_holds_one() {
    let owner = alice();
    let email = Destination::email("alice@example.org").unwrap();
    let binding = Binding::subject(&owner)
        .destination(&email)
        .operation(&[("iban", "DE02120300000000202051")]);
    let readable = Policy::readable(Purpose::new("recover"));
    let eight = Policy::code(Purpose::new("code")).format(Format::DIGITS_8);
    let prefixed = BEARER.format(Format::LINK.prefixed("ott_"));
    let policies = [readable, eight, RECOVERY, LINK, PROMPT, BEARER, prefixed];
    let mut rng = seeded(0x5EC);
    let issuer = issuer();
    let extra = Extra {
        data: DATA,
        resend: None,
    };
    let data = format!("{DATA:?}");
    for policy in policies.iter().cycle().take(10_000) {
        let issued = issuer
            .issue_from_rng(policy, &binding, extra, now(), &mut rng)
            .unwrap();
        let printed = everything(policy, &issued, &binding);
        let handle = issued.handle.expose_secret();
        let token = issued.token.expose_secret();
        let bare = token.replace('-', "");
        for secret in [
            token,
            &bare,
            &handle,
            &handle[..32],
            &handle[32..],
            &handle[..16],
        ] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(printed.contains("Token(..)") && printed.contains("Handle(..)"));
        for private in [
            "alice@example.org",
            "DE02120300000000202051",
            KEY,
            &KEY[..16],
        ] {
            assert!(!printed.contains(private), "{printed}");
        }
        // The bytes as a derived `Debug` would print them.
        let digest = format!("{:?}", issued.record.stored().digest.as_bytes());
        assert!(!printed.contains(digest.trim_matches(['[', ']'])));
        assert!(!printed.contains(data.trim_matches(['[', ']'])));
    }
}

#[test]
fn a_key_ring_prints_its_ids_alone() {
    let ring = KeyRing::from_text(&format!("7 {KEY}")).unwrap();
    assert_eq!(format!("{ring:?}"), "[KeyId(7)]");
    assert_eq!(ring.ids().next(), Some(KeyId(7)));
    let email = Destination::email("alice@example.org").unwrap();
    assert_eq!(format!("{email:?}"), "Destination(email, ..)");
}

#[test]
fn every_refusal_looks_the_same_from_outside() {
    use ott_core::{Reason, Rejected};
    let reasons = [
        Reason::Binding,
        Reason::DecisionForged,
        Reason::Denied,
        Reason::Exhausted,
        Reason::Expired,
        Reason::KeyMissing,
        Reason::KeyRetired,
        Reason::Malformed,
        Reason::Mismatch,
        Reason::NotBefore,
        Reason::NotWaiting,
        Reason::Pending,
        Reason::Policy,
        Reason::Revoked,
        Reason::Spent,
        Reason::Stranger,
        Reason::Superseded,
        Reason::TagForged,
        Reason::Unknown,
    ];
    for reason in reasons {
        let rejected = Rejected::new(reason);
        assert_eq!(rejected.to_string(), "rejected");
        assert_eq!(rejected.reason(), reason);
        assert!(core::error::Error::source(&rejected).is_none());
    }
}
