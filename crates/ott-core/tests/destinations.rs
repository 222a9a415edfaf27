//! What a destination may be. What cannot be mailed to, and what cannot be seen, does not become one.

use ott_core::{Channel, Destination, InvalidDestination as Invalid, Subject, is_hidden};
use proptest::prelude::*;

/// Each address that is none, and the word that says why.
#[test]
fn email_says_what_does_not_belong() {
    let cases = [
        ("", Invalid::At),
        ("a", Invalid::At),
        ("@", Invalid::At),
        ("a@", Invalid::At),
        ("@b", Invalid::At),
        ("a@b@c", Invalid::At),
        ("a b@c", Invalid::Blank),
        ("a@b c", Invalid::Blank),
        ("a\u{a0}@b", Invalid::Blank),
        ("a@b\u{3000}c", Invalid::Blank),
        ("a(comment)@example.org", Invalid::Comment),
        ("a@example.org(comment)", Invalid::Comment),
        ("a@b\n", Invalid::ControlCharacter),
        ("a\r\n@b", Invalid::ControlCharacter),
        ("a@b\0", Invalid::ControlCharacter),
        ("a\u{85}@b", Invalid::ControlCharacter),
        ("a@b..c", Invalid::Domain),
        ("a@.b", Invalid::Domain),
        ("a@b.", Invalid::Domain),
        ("a@-b.c", Invalid::Domain),
        ("a@b-.c", Invalid::Domain),
        ("a@b_c", Invalid::Domain),
        ("a@b/c", Invalid::Domain),
        ("a@b%c", Invalid::Domain),
        (".a@b", Invalid::Dots),
        ("a.@b", Invalid::Dots),
        ("a..b@c", Invalid::Dots),
        ("=?utf-8?q?eve?=@example.org", Invalid::EncodedWord),
        ("al\u{200b}ice@example.org", Invalid::HiddenCharacter),
        ("alice@exam\u{200d}ple.org", Invalid::HiddenCharacter),
        ("al\u{202e}ice@example.org", Invalid::HiddenCharacter),
        ("alice\u{2066}@example.org", Invalid::HiddenCharacter),
        ("\u{feff}alice@example.org", Invalid::HiddenCharacter),
        ("al\u{ad}ice@example.org", Invalid::HiddenCharacter),
        ("alice\u{3164}@example.org", Invalid::HiddenCharacter),
        ("\u{2800}@example.org", Invalid::HiddenCharacter),
        ("-oQ/tmp@example.org", Invalid::LeadingDash),
        ("a@[127.0.0.1]", Invalid::Literal),
        ("a@[IPv6:::1]", Invalid::Literal),
        ("\"a\"@b", Invalid::Quoted),
        ("a\\@b", Invalid::Quoted),
        ("a@b,c@d", Invalid::Separator),
        ("a@b;c@d", Invalid::Separator),
        ("<a@b>", Invalid::Separator),
        ("a:b@c", Invalid::Separator),
    ];
    for (address, expected) in cases {
        assert_eq!(Destination::email(address), Err(expected), "{address:?}");
        assert!(!expected.to_string().is_empty());
    }
}

/// An address has at most 64 bytes before the at sign, labels of at most 63, and 254 in all.
#[test]
fn email_has_an_end() {
    let email = |local: usize, labels: &[usize]| {
        let labels: Vec<_> = labels.iter().map(|label| "b".repeat(*label)).collect();
        Destination::email(format!("{}@{}", "a".repeat(local), labels.join("."))).map(|_| ())
    };
    assert_eq!(email(64, &[1]), Ok(()));
    assert_eq!(email(65, &[1]), Err(Invalid::TooLong));
    assert_eq!(email(1, &[63]), Ok(()));
    assert_eq!(email(1, &[64]), Err(Invalid::Domain));
    assert_eq!(email(62, &[63, 63, 63]), Ok(()));
    assert_eq!(email(63, &[63, 63, 63]), Err(Invalid::TooLong));
    assert_eq!(Destination::email("a@b.".repeat(1 << 18)), Err(Invalid::At));
}

/// Addresses that look odd and are right stay as they are.
#[test]
fn email_keeps_what_is_odd_and_right() {
    let right = [
        "a@b",
        "A.B+tag@Example.ORG",
        "!#$%&'*+-/?=^_`{|}~@example.org",
        "a-@1.2.3.4",
        "älice@example.org",
        "用户@example.org",
        "👩@xn--bcher-kva.example",
    ];
    for address in right {
        let destination = Destination::email(address).unwrap();
        assert_eq!(destination.channel(), Channel::Email);
        assert_eq!(destination.address(), address);
        let (local, domain) = destination.mailbox().unwrap();
        assert_eq!(format!("{local}@{domain}"), address);
    }
    assert_eq!(Destination::phone("+1234567").unwrap().mailbox(), None);
    assert_eq!(Destination::device("a@b").unwrap().mailbox(), None);
}

/// A domain that is not ASCII is kept as it was given and mailed to in A-labels.
#[cfg(feature = "idn")]
#[test]
fn email_domain_is_mailed_to_in_ascii() {
    let cases = [
        ("bücher.example", Some("xn--bcher-kva.example")),
        ("BÜCHER.example", Some("xn--bcher-kva.example")),
        ("bu\u{308}cher.example", Some("xn--bcher-kva.example")),
        ("straße.example", Some("xn--strae-oqa.example")),
        ("例え.テスト", Some("xn--r8jz45g.xn--zckzah")),
        ("उदाहरण.परीक्षा", Some("xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g")),
        ("\u{308}a.example", None),
        ("אa1.example", None),
        ("☃\u{20e3}_.example", None),
        ("ü-.example", None),
        ("ü..example", None),
        ("ü.example.", None),
        ("xn--ü.example", None),
        ("a\u{ff0f}b.example", None),
    ];
    for (domain, expected) in cases {
        let address = format!("alice@{domain}");
        let destination = Destination::email(&*address);
        let Some(expected) = expected else {
            assert_eq!(destination, Err(Invalid::Domain), "{domain:?}");
            continue;
        };
        let destination = destination.unwrap();
        assert_eq!(destination.address(), address);
        assert_eq!(destination.mailbox().unwrap().0, "alice");
        assert_eq!(destination.mailbox().unwrap().1, expected);
    }
    // Short as it is written, too long as it is mailed to.
    let short = |local: usize| format!("{}@{}example", "a".repeat(local), "ü.".repeat(28));
    assert!(Destination::email(short(20)).is_ok());
    assert_eq!(Destination::email(short(60)), Err(Invalid::TooLong));
    // A label of more than 63 bytes as an A-label.
    let long = format!("a@{}.example", "ü".repeat(60));
    assert!(Destination::email(long).is_err());
}

/// Without the feature, a domain that is not ASCII is refused with the way out.
#[cfg(not(feature = "idn"))]
#[test]
fn email_domain_without_idn_is_ascii() {
    let refused = Destination::email("alice@bücher.example");
    assert_eq!(refused, Err(Invalid::NotAscii));
    assert!(Destination::email("alice@xn--bcher-kva.example").is_ok());
}

/// A phone number is in E.164 form, and the id of a device can be seen.
#[test]
fn phone_and_device_say_what_they_are() {
    assert_eq!(Destination::phone("0123"), Err(Invalid::Phone));
    assert_eq!(Destination::device(""), Err(Invalid::Device));
    assert_eq!(Destination::device("a\u{202e}"), Err(Invalid::Device));
}

proptest! {
    /// What is a destination can be mailed to: its parts are those of a path without quotes, short enough, and make the
    /// same address again.
    #[test]
    fn email_that_enters_can_leave(
        address in prop_oneof![
            r"\PC{1,12}@\PC{1,12}",
            r"[!-~]{1,70}@[-.a-zA-Z0-9]{1,70}",
            r"[a-z\p{L}\p{M}]{1,9}@[a-z\p{L}\p{M}\p{N}-]{1,30}\.[a-z]{2,9}",
        ],
    ) {
        let Ok(destination) = Destination::email(&*address) else {
            return Ok(());
        };
        let (local, domain) = destination.mailbox().expect("what enters can leave");
        prop_assert!((1..=64).contains(&local.len()));
        prop_assert!(!local.starts_with('-') && local.split('.').all(|atom| !atom.is_empty()));
        let unquoted = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
        prop_assert!(local.chars().all(unquoted));
        let seen = |c: char| !c.is_whitespace() && !c.is_control() && !is_hidden(c);
        prop_assert!(address.chars().all(seen));
        for label in domain.split('.') {
            prop_assert!((1..=63).contains(&label.len()), "{:?}", domain);
            prop_assert!(label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        }
        let sent = format!("{local}@{domain}");
        prop_assert!(sent.len() <= 254);
        let again = Destination::email(&*sent).expect("the form that is mailed to is a destination");
        prop_assert_eq!(again.mailbox(), Some((local, domain)));
    }
}

/// Nothing that cannot be seen becomes part of a name or of a destination, wherever it stands.
#[test]
fn names_have_nothing_hidden() {
    let mut hidden = 0;
    for character in (char::MIN..=char::MAX).filter(|c| is_hidden(*c)) {
        hidden += 1;
        for name in [format!("a{character}b"), format!("{character}a")] {
            assert!(Subject::new("", &*name).is_err());
            assert!(Destination::device(&*name).is_err());
            assert!(Destination::email(format!("{name}@example.org")).is_err());
            assert!(Destination::email(format!("alice@{name}.org")).is_err());
        }
    }
    // Unicode 16.0 has 4,174 default-ignorable code points; the rest is said at `is_hidden`.
    assert!(hidden > 4_174, "{hidden}");
}
