//! Nothing that prints prints a secret, and a secret is not copied, compared or shown by accident.

#[path = "support/common.rs"]
mod common;

use core::{fmt, marker::PhantomData};

use common::{
    APPROVAL, BEARER, KEY, LINK, PARKED, PROMPT, RECOVERY, alice, issue_with, issuer, now, present,
    seeded,
};
use ott_core::{
    Binding, Decider, Decision, Destination, Format, Handle, IssueOptions, Issued, KeyId, KeyRing,
    Parked, Policy, Presented, Purpose, Record, RecordId, Stored, StoredDecision, Token, Verdict,
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

/// Tokens, handles and keys are not copied, compared or shown.
#[test]
fn secrets_are_not_copied_compared_or_shown() {
    assert_not_impl!(Token: Clone, PartialEq, PartialOrd, fmt::Display, Default, AsRef<str>, AsRef<[u8]>);
    assert_not_impl!(Handle: Clone, PartialEq, PartialOrd, fmt::Display, Default, AsRef<str>, AsRef<[u8]>);
    // A clone of a ring shares the keys: keys.rs.
    assert_not_impl!(KeyRing: PartialEq, fmt::Display, Default);
    assert_not_impl!(Issued: Clone, PartialEq, fmt::Display);
    assert_not_impl!(Parked: Clone, PartialEq, fmt::Display);
    // The probe tells both answers.
    assert!(implements!(RecordId: Clone));
    assert!(implements!(RecordId: fmt::Display));
    assert!(implements!(Token: fmt::Debug));
    assert!(implements!(Token: Send));
}

/// What nobody verified is no record, decision or presented token: each comes from the issuer alone.
#[test]
fn verified_types_come_from_the_issuer_alone() {
    assert_not_impl!(Decision: From<StoredDecision>, Default, AsMut<StoredDecision>);
    assert_not_impl!(Decision: core::ops::DerefMut);
    assert_not_impl!(Record: From<Stored>, Default, AsMut<Stored>);
    assert_not_impl!(Record: core::ops::DerefMut);
    assert_not_impl!(Presented: Default);
    assert_not_impl!(StoredDecision: Into<Decision>);
    assert_not_impl!(Stored: Into<Record>);
    // What a record decides with is that type, and no row's.
    let _: fn(&mut Record, &Decision, _) -> _ = Record::decide;
    let _: fn(&mut Stored, &Decision, _) -> _ = Stored::decide;
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
    let (approve, decider) = (Verdict::Approve { number }, Decider::from(&alice()));
    let decision = issuer
        .decide(policy, &issued.record, &decider, approve, DATA, now())
        .expect("a decision");
    let stored = decision.stored();
    let options = IssueOptions {
        data: DATA,
        resend: Some(&issued.handle),
        ..IssueOptions::default()
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
        "{issued:?} {issued:#?} {:?} {:?} {:?} {record:?} {:#?} {presented:?} {decision:?} {stored:?} {options:?} \
         {binding:?} {policy:?} {issuer:?} {refused:?} {malformed:?} {} {:?}",
        issued.token,
        issued.handle,
        issued.record,
        issued.record.stored(),
        issued.record.id(),
        issuer.open(policy, record.stored().clone()),
    )
}

/// Nothing that is printed over ten thousand tokens holds one.
#[test]
fn printed_text_holds_no_token() {
    let owner = alice();
    let email = Destination::email("alice@example.org").unwrap();
    let binding = Binding::subject(&owner)
        .destination(&email)
        .operation(&[("iban", "DE02120300000000202051")]);
    let readable = Policy::readable(Purpose::new("recover"));
    let eight = Policy::code(Purpose::new("code")).format(Format::DIGITS_8);
    let prefixed = BEARER.format(Format::LINK.prefixed("ott_"));
    let policies = [readable, eight, RECOVERY, LINK, APPROVAL, BEARER, prefixed];
    let mut rng = seeded(0x5EC);
    let issuer = issuer();
    let options = IssueOptions {
        data: DATA,
        ..IssueOptions::default()
    };
    let data = format!("{DATA:?}");
    for policy in policies.iter().cycle().take(10_000) {
        let issued = issue_with(&issuer, policy, &binding, options, now(), &mut rng).unwrap();
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

/// What is parked prints neither its handle nor its data.
#[test]
fn parked_prints_no_handle() {
    let owner = alice();
    let options = IssueOptions {
        data: DATA,
        ..IssueOptions::default()
    };
    let mut rng = seeded(0x9A);
    for policy in [PARKED, PROMPT] {
        let binding = Binding::subject(&owner);
        let parked = issuer().park_from_rng(&policy, &binding, options, now(), &mut rng);
        let parked = parked.unwrap();
        let printed = format!("{parked:?} {parked:#?}");
        let handle = parked.handle.expose_secret();
        assert!(printed.contains("Handle(..)"));
        assert!(!printed.contains(&handle[..16]) && !printed.contains(&handle[32..48]));
        let data = format!("{DATA:?}");
        assert!(!printed.contains(data.trim_matches(['[', ']'])));
    }
}

/// A key ring prints its ids alone.
#[test]
fn key_ring_prints_its_ids_alone() {
    let ring = KeyRing::from_text(&format!("7 {KEY}")).unwrap();
    assert_eq!(format!("{ring:?}"), "[KeyId(7)]");
    assert_eq!(ring.ids().next(), Some(KeyId(7)));
    let email = Destination::email("alice@example.org").unwrap();
    assert_eq!(format!("{email:?}"), "Destination(email, ..)");
}

/// Every refusal looks the same from outside.
#[test]
fn refusals_look_the_same_from_outside() {
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
