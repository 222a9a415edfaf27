//! The parameters: secret, algorithm, digits, period, counter, and what is unknown.

use oath_otp::{Account, Algorithm, Digits, Hotp, Method, Period, SecretError, Totp, UriError};

use crate::{SECRET, read, refuse, with};

/// What a URI does not say has its default.
#[test]
fn uri_defaults() {
    let account = read(&format!("otpauth://totp/Ex:alice?secret={SECRET}"));
    assert_eq!(account.method, Method::Totp(Totp::default()));
    let account = read(&format!(
        "otpauth://hotp/Ex:alice?secret={SECRET}&counter=0"
    ));
    assert_eq!(account.method, Method::Hotp(Hotp::default(), 0));
}

/// Short ones are seen, and the longest that is read; numbers of digits that few programs know.
#[test]
fn uri_sizes_in_the_wild() {
    for (symbols, bytes) in [(2, 1), (8, 5), (16, 10), (1639, 1024)] {
        let uri = format!("otpauth://totp/a?secret={}", "A".repeat(symbols));
        assert_eq!(read(&uri).secret.expose_secret().len(), bytes);
    }
    let uri = format!("otpauth://totp/a?secret={}", "A".repeat(1640));
    assert_eq!(refuse(&uri), SecretError::TooLong.into());
    for (text, digits) in [("7", Digits::Seven), ("9", Digits::Nine)] {
        let expected = Totp {
            digits,
            ..Totp::default()
        };
        assert_eq!(with(&format!("digits={text}")), Ok(Method::Totp(expected)));
    }
    // A blank behind the whole belongs to the last value.
    assert_eq!(with("digits=6 "), Err(UriError::InvalidDigits));
}

/// What is taken for an otpauth URI and is something else gets an error that says what it is.
#[test]
fn uri_of_another_method_says_what_it_is() {
    let cases = [
        (
            "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8",
            UriError::Migration,
        ),
        (
            "OTPAUTH-MIGRATION://offline?data=CjEKCkhlbGxvId6tvu8",
            UriError::Migration,
        ),
        (
            "apple-otpauth://totp/Ex:alice?secret=MFRGG",
            UriError::Apple,
        ),
        ("steam://MFRGGZDFMZTWQ2LK", UriError::Steam),
        ("otpauth://steam/Steam:alice?secret=MFRGG", UriError::Steam),
        (
            "otpauth://totp/Steam:alice?secret=MFRGG&encoder=steam",
            UriError::Steam,
        ),
        (
            "otpauth://totp/Steam:alice?secret=MFRGG&encoder=Steam",
            UriError::Steam,
        ),
        (
            "otpauth://totp/a?secret=MFRGG&encoder=other",
            UriError::UnknownKind,
        ),
        ("otpauth://yaotp/a?secret=MFRGG", UriError::UnknownKind),
        ("motp://a:b?secret=0123456789abcdef", UriError::NotOtpauth),
    ];
    for (uri, expected) in cases {
        assert_eq!(refuse(uri), expected, "{uri}");
    }
    let texts = cases.map(|(_, error)| error.to_string());
    assert!(texts[0].contains("Google Authenticator") && texts[2].contains("apple-otpauth"));
}

/// Secrets are read as issuers write them, and everything else is refused.
#[test]
fn uri_secret() {
    let secret = |text: &str| {
        let account = Account::from_uri(&format!("otpauth://totp/a?secret={text}"))?;
        Ok::<_, UriError>(account.secret.expose_secret().to_vec())
    };
    for text in [
        "MZXW6YTBOI",
        "mzxw6ytboi",
        "MZXW-6YTB-OI",
        "MZXW%206YTB OI",
        "MZXW6YTBOI======",
        "MZXW6YTBOI%3D%3D%3D%3D%3D%3D",
    ] {
        assert_eq!(secret(text), Ok(b"foobar".to_vec()), "{text}");
    }
    // Stray bits, which issuers write: dropped, so that the codes are the issuer's.
    assert_eq!(secret("MZXW7"), Ok(b"foo".to_vec()));
    for text in [
        "",
        "A",
        "MZXW6YTBO",
        "MZ==XW6YTB",
        "MZXW0YTB",
        "MZXW+YTB",
        "%D0%90ZXW6YTB",
        "MZXW6YTBOIdigits=6",
        "3132333435",
    ] {
        assert!(
            matches!(secret(text), Err(UriError::InvalidSecret(_))),
            "{text}"
        );
    }
    assert_eq!(refuse("otpauth://totp/a"), UriError::MissingSecret);
    assert_eq!(
        refuse("otpauth://totp/a?secret2=MZXW6YTB"),
        UriError::MissingSecret
    );
    assert_eq!(refuse("otpauth://totp"), UriError::MissingSecret);
}

/// Numbers are plain decimal digits within their bounds.
#[test]
fn uri_numbers() {
    let totp = Totp::default();
    let digits = |digits| Ok(Method::Totp(Totp { digits, ..totp }));
    let period = |secs| {
        Ok(Method::Totp(Totp {
            period: Period::from_seconds(secs).unwrap(),
            ..totp
        }))
    };
    assert_eq!(with("digits=5"), digits(Digits::Five));
    assert_eq!(with("digits=008"), digits(Digits::Eight));
    assert_eq!(with("digits=10"), digits(Digits::Ten));
    for text in [
        "",
        "0",
        "1",
        "4",
        "11",
        "100",
        "+6",
        "-6",
        "6.0",
        "six",
        " 6",
        "%36",
        "６",
        "262",
        "4294967302",
        "18446744073709551622",
    ] {
        assert_eq!(
            with(&format!("digits={text}")),
            Err(UriError::InvalidDigits),
            "{text}"
        );
    }
    assert_eq!(with("period=1"), period(1));
    assert_eq!(with("period=86400"), period(86_400));
    for text in [
        "",
        "0",
        "-30",
        "+30",
        "30s",
        "2147483648",
        "4294967326",
        "18446744073709551616",
    ] {
        assert_eq!(
            with(&format!("period={text}")),
            Err(UriError::InvalidPeriod),
            "{text}"
        );
    }
    let hotp = |query: &str| {
        let uri = format!("otpauth://hotp/a?secret={SECRET}{query}");
        Account::from_uri(&uri).map(|account| account.method)
    };
    for counter in [0, 1 << 35, (1 << 53) + 1, u64::MAX] {
        assert_eq!(
            hotp(&format!("&counter={counter}")),
            Ok(Method::Hotp(Hotp::default(), counter))
        );
    }
    assert_eq!(hotp(""), Err(UriError::MissingCounter));
    for text in ["", "-1", "+1", "x", "18446744073709551616"] {
        assert_eq!(
            hotp(&format!("&counter={text}")),
            Err(UriError::InvalidCounter),
            "{text}"
        );
    }
    // What the other kind needs is not looked at.
    assert_eq!(
        hotp("&counter=7&period=x"),
        Ok(Method::Hotp(Hotp::default(), 7))
    );
    assert_eq!(with("counter=x"), Ok(Method::Totp(totp)));
}

/// An algorithm is read in any case, and aliases and others are refused.
#[test]
fn uri_algorithm() {
    let algorithm = |algorithm| {
        Ok(Method::Totp(Totp {
            algorithm,
            ..Totp::default()
        }))
    };
    assert_eq!(with("algorithm=SHA1"), algorithm(Algorithm::Sha1));
    assert_eq!(with("algorithm=sha256"), algorithm(Algorithm::Sha256));
    assert_eq!(with("algorithm=Sha512"), algorithm(Algorithm::Sha512));
    for &known in Algorithm::ALL {
        assert_eq!(with(&format!("algorithm={known}")), algorithm(known));
    }
    for alias in [
        "",
        "SHA-1",
        "SHA-256",
        "SHA_512",
        "HMACSHA256",
        "SHA224",
        "MD5",
        "SHA256 ",
    ] {
        assert_eq!(
            with(&format!("algorithm={alias}")),
            Err(UriError::InvalidAlgorithm),
            "{alias}"
        );
    }
}

/// Parameters are read in any case, once each; unknown ones are ignored.
#[test]
fn uri_parameters() {
    let default = Ok(Method::Totp(Totp::default()));
    // Unknown names, names without value, HTML-escaped ampersands, nothing between two ampersands.
    for unknown in [
        "foo=bar",
        "color=GHIJKL",
        "flag",
        "algo=SHA256",
        "amp;digits=8",
        "&&",
        "=",
        "=6",
    ] {
        assert_eq!(with(unknown), default, "{unknown}");
    }
    assert_eq!(with("DIGITS=6&Period=30"), default);
    for repeated in [
        "digits=6&digits=6",
        "period=30&PERIOD=60",
        "secret=MZXW6YTB",
        "SECRET=MZXW6YTB",
        "issuer=a&issuer=b",
    ] {
        assert_eq!(
            with(repeated),
            Err(UriError::RepeatedParameter),
            "{repeated}"
        );
    }
}
