//! The syntax around them: scheme, type, blanks, path.

use oath_otp::{SecretError, UriError};

use crate::{SECRET, names, pair, read, refuse};

/// In front nothing is dropped; behind, a blank belongs to the last value.
#[test]
fn uri_blanks_around_it() {
    let uri = format!("otpauth://totp/Ex:alice?digits=6&secret={SECRET}");
    for blank in [" ", "  ", "\t", "\n", "\r\n", "\u{a0}", "\u{feff}", "%20"] {
        let front = format!("{blank}{uri}");
        assert_eq!(refuse(&front), UriError::NotOtpauth, "{blank:?}");
        let front = format!("otpauth://{blank}totp/a?secret={SECRET}");
        assert_eq!(refuse(&front), UriError::UnknownKind, "{blank:?}");
    }
    let plain = read(&uri);
    for blank in [" ", "\t", "\n", "\r\n", "%20"] {
        let secret = read(&format!("{uri}{blank}")).secret;
        assert_eq!(secret.expose_secret(), plain.secret.expose_secret());
        let issuer = names(&format!("{uri}&issuer=Big Co{blank}"));
        assert_eq!(issuer, pair("Big Co", "alice"), "{blank:?}");
        for (parameter, refused) in [
            ("algorithm=SHA1", UriError::InvalidAlgorithm),
            ("period=30", UriError::InvalidPeriod),
        ] {
            let behind = format!("{uri}&{parameter}{blank}");
            assert_eq!(refuse(&behind), refused, "{blank:?}");
        }
    }
    // No blank of ASCII: no part of base32.
    let refused = refuse(&format!("{uri}\u{a0}"));
    assert_eq!(refused, SecretError::NotBase32.into());
}

/// The type is the whole authority, so that no host, user or port is read over.
#[test]
fn uri_has_nothing_beside_its_type() {
    for authority in [
        "user@totp",
        "user:pw@totp",
        "user:pw@totp:80",
        "@totp",
        "totp@",
        "totp:80",
        "totp:",
        "totp.",
        "totp#",
        "totp.example.org",
        "[totp]",
    ] {
        let uri = format!("otpauth://{authority}/a?secret={SECRET}");
        assert_eq!(refuse(&uri), UriError::UnknownKind, "{authority}");
        let authority = authority.replace("totp", "hotp");
        let uri = format!("otpauth://{authority}/a?secret={SECRET}&counter=0");
        assert_eq!(refuse(&uri), UriError::UnknownKind, "{authority}");
    }
}

/// Scheme and type are read in any case; other schemes and types are refused.
#[test]
fn uri_scheme_and_type() {
    let rest = format!("a?secret={SECRET}");
    read(&format!("OTPAUTH://TOTP/{rest}"));
    for other in [
        "https://totp/",
        "totp/",
        "otpauth:totp/",
        "otpauth:/totp/",
        " otpauth://totp/",
        "",
    ] {
        assert_eq!(
            refuse(&format!("{other}{rest}")),
            UriError::NotOtpauth,
            "{other}"
        );
    }
    for kind in ["", "xotp", "yaotp", "user:pw@totp:80", "totp:80", "totp%20"] {
        assert_eq!(
            refuse(&format!("otpauth://{kind}/{rest}")),
            UriError::UnknownKind,
            "{kind}"
        );
    }
}
