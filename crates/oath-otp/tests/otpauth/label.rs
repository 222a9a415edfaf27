//! The label: issuer and account, as they are seen in the wild.

use oath_otp::{Digits, LabelError, Method, UriError};

use crate::{SECRET, alone, label, names, pair, read, refuse, with};

/// The first colon of a label parts issuer and account.
#[test]
fn uri_label_parts_issuer_and_account() {
    assert_eq!(label("alice"), alone("alice"));
    assert_eq!(label("Ex:alice"), pair("Ex", "alice"));
    assert_eq!(label("Ex%3Aalice"), pair("Ex", "alice"));
    assert_eq!(label("Ex%3aalice"), pair("Ex", "alice"));
    // Blanks around either name, encoded or not.
    assert_eq!(label("Big%20Co%3A%20alice"), pair("Big Co", "alice"));
    assert_eq!(label("Big Co:   alice "), pair("Big Co", "alice"));
    // The first colon parts, all others belong to the account.
    assert_eq!(label("Ex:user%3Aold"), pair("Ex", "user:old"));
    assert_eq!(
        label("Matrix:@me:example.org"),
        pair("Matrix", "@me:example.org")
    );
    assert_eq!(label(":alice"), alone("alice"));
    // Slashes, raw and encoded, and characters that were not encoded.
    assert_eq!(label("a%2Fb"), alone("a/b"));
    assert_eq!(label("a/b"), alone("a/b"));
    assert_eq!(label("莎士比亚"), alone("莎士比亚"));
    // No account, with and without a path.
    assert_eq!(label(""), alone(""));
    assert_eq!(
        names(&format!("otpauth://totp?secret={SECRET}&issuer=Ex")),
        pair("Ex", "")
    );
}

/// Characters that issuers put into names without escaping them.
#[test]
fn uri_names_in_the_wild() {
    assert_eq!(
        label("Slack%20(Big%20Co):guest@example.org"),
        pair("Slack (Big Co)", "guest@example.org")
    );
    assert_eq!(label("Ex%3A%22ME%22%20me"), pair("Ex", "\"ME\" me"));
    assert_eq!(label("Big Co:me !@#4"), pair("Big Co", "me !@#4"));
    // Joiners and marks that belong to one sign.
    assert_eq!(label("🏴‍☠️:🏳️‍🌈"), pair("🏴‍☠️", "🏳️‍🌈"));
    assert_eq!(label("%E4%BD%A0%E5%A5%BD%3Ame"), pair("你好", "me"));
    assert_eq!(
        names(&format!(
            "otpauth://totp/Big Co:me?issuer=Big Co&secret={SECRET}"
        )),
        pair("Big Co", "me")
    );
}

/// The issuer parameter wins over the label; an empty one counts as absent.
#[test]
fn uri_issuer_parameter_wins() {
    let both = |label: &str, issuer: &str| {
        names(&format!(
            "otpauth://totp/{label}?secret={SECRET}&issuer={issuer}"
        ))
    };
    assert_eq!(both("Ex:alice", "Ex"), pair("Ex", "alice"));
    assert_eq!(both("alice", "Ex"), pair("Ex", "alice"));
    assert_eq!(
        both("Tenant:alice", "Microsoft"),
        pair("Microsoft", "alice")
    );
    assert_eq!(both("Ex:alice", ""), pair("Ex", "alice"));
    assert_eq!(both("alice", ""), alone("alice"));
}

/// A plus is a plus, and a number sign is part of a label but not of the parameters.
#[test]
fn uri_plus_and_number_sign() {
    let uri = format!("otpauth://totp/a+b%3Ac+d?secret={SECRET}&issuer=C%2B+");
    assert_eq!(names(&uri), pair("C++", "c+d"));
    // Microsoft leaves # as it is.
    assert_eq!(
        label("Org:me#EXT#@example.org"),
        pair("Org", "me#EXT#@example.org")
    );
    assert_eq!(with("digits=8#x"), Err(UriError::Fragment));
    assert_eq!(with("issuer=a#b"), Err(UriError::Fragment));
}

/// A label that begins with the issuer and a colon is parted there, also percent-encoded and where the issuer has a
/// colon itself; and it is written so that it reads as the same.
#[test]
fn uri_issuer_may_have_a_colon() {
    let both = |label: &str, issuer: &str| {
        let account = read(&format!(
            "otpauth://totp/{label}?secret={SECRET}&issuer={issuer}"
        ));
        assert_eq!(account.cleaned, None, "{label} of {issuer}");
        let written = account.to_uri().unwrap();
        assert_eq!(read(written.expose_secret()).label, account.label);
        names(written.expose_secret())
    };
    let local = "127.0.0.1%3A8000";
    for label in [
        "127.0.0.1%3A8000%3A%20alice",
        "127.0.0.1:8000:alice",
        "127.0.0.1:8000%3aalice",
        "%20127.0.0.1%3A8000%20%3Aalice",
        "alice",
    ] {
        let expected = pair("127.0.0.1:8000", "alice");
        assert_eq!(both(label, local), expected, "{label}");
    }
    let acme = "https://acme.example";
    assert_eq!(
        both("https://acme.example:alice", acme),
        pair(acme, "alice")
    );
    assert_eq!(both("Acme:alice", acme), pair(acme, "alice"));
    assert_eq!(both("alice", "a%3Ab"), pair("a:b", "alice"));
    assert_eq!(both("a:b:c:d", "a:b"), pair("a:b", "c:d"));
    assert_eq!(both("a:b:c:d", "a"), pair("a", "b:c:d"));
    assert_eq!(both("alice", "alice"), pair("alice", "alice"));
    assert_eq!(both("alicebob:carol", "alice"), pair("alice", "carol"));

    // The finding, byte for byte.
    let account = read(
        "otpauth://totp/127.0.0.1%3A8000%3A%20alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=127.0.0.1%3A8000",
    );
    assert_eq!(account.label.issuer(), Some("127.0.0.1:8000"));
    assert_eq!(account.label.account(), "alice");
    assert_eq!(account.secret.expose_secret().len(), 20);
}

/// No name is a reason to lose a secret: what no label holds is cleaned away, and that is said.
#[test]
fn uri_label_that_is_broken_is_cleaned() {
    let cleaned = |label: &str| {
        let account = read(&format!("otpauth://totp/{label}?secret={SECRET}&digits=8"));
        assert!(matches!(account.method, Method::Totp(totp) if totp.digits == Digits::Eight));
        assert_eq!(account.secret.to_base32().expose_secret(), SECRET);
        // What is kept reads as itself, and needs no cleaning any more.
        let again = read(account.to_uri().unwrap().expose_secret());
        assert_eq!((&again.label, again.cleaned), (&account.label, None));
        (account.label.account().to_owned(), account.cleaned)
    };
    for (broken, left) in [
        ("%", "%"),
        ("%4", "%4"),
        ("%zz", "%zz"),
        ("%+1", "%+1"),
        ("a%%41", "a%A"),
        ("%FF%FE", "\u{fffd}\u{fffd}"),
        ("%C3", "\u{fffd}"),
    ] {
        let expected = (left.to_owned(), Some(LabelError::Encoding));
        assert_eq!(cleaned(broken), expected, "{broken}");
    }
    for control in ["a%00b", "a%0Ab", "a\u{7}b", "a%C2%85b", "%1Bab%1B"] {
        let expected = ("ab".to_owned(), Some(LabelError::ControlCharacter));
        assert_eq!(cleaned(control), expected, "{control}");
    }
    assert_eq!(
        cleaned("::alice"),
        ("alice".to_owned(), Some(LabelError::Colon))
    );
    assert_eq!(cleaned(": : "), (String::new(), Some(LabelError::Colon)));
    for (long, length) in [
        ("a".repeat(256), 255),
        ("a".repeat(300), 255),
        ("ü".repeat(200), 254),
    ] {
        let (left, wrong) = cleaned(&long);
        assert_eq!((left.len(), wrong), (length, Some(LabelError::TooLong)));
        assert!(long.starts_with(&left));
    }
    assert_eq!(cleaned("%20alice%20"), ("alice".to_owned(), None));
    let uri = format!("otpauth://totp/alice?secret={SECRET}&issuer=Ex%00ample%FF");
    let account = read(&uri);
    assert_eq!(account.label.issuer(), Some("Example\u{fffd}"));
    assert_eq!(account.cleaned, Some(LabelError::Encoding));
    // A name that is nothing but what is dropped is none.
    let uri = format!("otpauth://totp/alice?secret={SECRET}&issuer=%00");
    assert_eq!(names(&uri), alone("alice"));
    // A secret is another matter: there nothing is guessed.
    let uri = format!("otpauth://totp/alice?secret={SECRET}%zz");
    assert_eq!(refuse(&uri), UriError::InvalidEncoding);
}
