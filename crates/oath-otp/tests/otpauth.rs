//! otpauth URIs: what is built, what is read, and the answer to each oddity that is seen in the wild.

use oath_otp::{
    Account, Algorithm, Digits, Hotp, Label, LabelError, Method, Period, Secret, SecretError, Totp,
    UriError,
};

const SECRET: &str = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U";

fn read(uri: &str) -> Account {
    Account::from_uri(uri).unwrap_or_else(|refused| panic!("{uri}: {refused}"))
}

fn refuse(uri: &str) -> UriError {
    Account::from_uri(uri).map(|_| uri).expect_err("a refusal")
}

/// Reads a label in front of an honest query.
fn label(label: &str) -> Result<(Option<String>, String), UriError> {
    names(&format!("otpauth://totp/{label}?secret={SECRET}"))
}

fn names(uri: &str) -> Result<(Option<String>, String), UriError> {
    let label = Account::from_uri(uri)?.label;
    Ok((label.issuer().map(Into::into), label.account().into()))
}

fn pair(issuer: &str, account: &str) -> Result<(Option<String>, String), UriError> {
    Ok((Some(issuer.into()), account.into()))
}

fn alone(account: &str) -> Result<(Option<String>, String), UriError> {
    Ok((None, account.into()))
}

/// Reads an honest URI with more parameters.
fn with(parameters: &str) -> Result<Method, UriError> {
    let uri = format!("otpauth://totp/a?secret={SECRET}&{parameters}");
    Account::from_uri(&uri).map(|account| account.method)
}

/// A URI is built as authenticators want it.
#[test]
fn uri_is_built_as_authenticators_want_it() {
    let secret = Secret::from_base32(SECRET).unwrap();
    let label = Label::new("Léon & Söhne", "zoë+1@example.org").unwrap();
    assert_eq!(
        Totp::default()
            .to_uri(&secret, &label)
            .unwrap()
            .expose_secret(),
        "otpauth://totp/L%C3%A9on%20%26%20S%C3%B6hne:zo%C3%AB%2B1%40example.org\
         ?secret=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U&issuer=L%C3%A9on%20%26%20S%C3%B6hne"
    );
    let hotp = Hotp {
        algorithm: Algorithm::Sha512,
        digits: Digits::Eight,
        ..Hotp::default()
    };
    let label = Label::without_issuer("a").unwrap();
    assert_eq!(
        hotp.to_uri(&secret, &label, u64::MAX).expose_secret(),
        "otpauth://hotp/a?secret=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U\
         &algorithm=SHA512&digits=8&counter=18446744073709551615"
    );
    // Each parameter is said where it has another value than the default, and only there.
    for (digits, period, algorithm, said) in [
        (8, 30, Algorithm::Sha1, "&digits=8"),
        (6, 60, Algorithm::Sha1, "&period=60"),
        (6, 30, Algorithm::Sha256, "&algorithm=SHA256"),
        (6, 30, Algorithm::Sha1, ""),
    ] {
        let totp = Totp {
            algorithm,
            digits: Digits::try_from(digits).unwrap(),
            period: Period::from_seconds(period).unwrap(),
            ..Totp::default()
        };
        let uri = totp.to_uri(&secret, &label).unwrap();
        assert_eq!(
            uri.expose_secret(),
            format!("otpauth://totp/a?secret={SECRET}{said}")
        );
        assert_eq!(read(uri.expose_secret()).method, Method::Totp(totp));
    }
}

/// Another start than the Unix epoch cannot be written.
#[test]
fn uri_carries_no_start() {
    let secret = Secret::from_base32(SECRET).unwrap();
    let label = Label::without_issuer("a").unwrap();
    let totp = Totp {
        start: 1,
        ..Totp::default()
    };
    assert!(totp.to_uri(&secret, &label).is_err());
    let account = Account {
        label,
        secret,
        method: Method::Totp(totp),
        cleaned: None,
    };
    assert!(account.to_uri().is_err());
}

/// The longest of everything still fits what is read.
#[test]
fn uri_of_the_longest_parts_is_read_again() {
    let secret = Secret::from_bytes(&[7; Secret::MAX_BYTES]).unwrap();
    let name = format!("{}a", "ß".repeat(127));
    assert_eq!(name.len(), Label::MAX_BYTES);
    let label = Label::new(&name, &name).unwrap();
    let uri = Hotp::default().to_uri(&secret, &label, u64::MAX);
    assert!(uri.expose_secret().len() <= 4096);
    assert_eq!(read(uri.expose_secret()).label, label);
    // With a parameter that nobody knows, up to the last byte that is read.
    let unknown = format!("{}&x=", uri.expose_secret());
    let mut padded = format!("{unknown:y<4096}");
    assert_eq!(read(&padded).label, label);
    padded.push('y');
    assert_eq!(refuse(&padded), UriError::TooLong);
}

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

/// A label holds only what a URI carries unchanged.
#[test]
fn label_holds_only_what_a_uri_carries() {
    assert_eq!(Label::new("", "a"), Err(LabelError::EmptyIssuer));
    assert_eq!(Label::new("a:b", "c"), Err(LabelError::Colon));
    assert_eq!(Label::without_issuer("a:b"), Err(LabelError::Colon));
    assert!(Label::new("a", "b:c").is_ok());
    for name in [" a", "a ", "\u{3000}a"] {
        assert_eq!(Label::new(name, "a"), Err(LabelError::SurroundingBlanks));
        assert_eq!(Label::new("a", name), Err(LabelError::SurroundingBlanks));
    }
    assert_eq!(Label::new("a\nb", "a"), Err(LabelError::ControlCharacter));
    assert_eq!(Label::new("a", &"b".repeat(256)), Err(LabelError::TooLong));
}

/// A label is not made of characters that cannot be seen or turn the direction of text. A URI that has
/// some is read all the same: its secret must not be lost.
#[test]
fn label_holds_no_invisible_characters() {
    for character in [
        "\u{ad}",
        "\u{61c}",
        "\u{115f}",
        "\u{180e}",
        "\u{200b}",
        "\u{200d}",
        "\u{200e}",
        "\u{200f}",
        "\u{2028}",
        "\u{202a}",
        "\u{202e}",
        "\u{2060}",
        "\u{2066}",
        "\u{2069}",
        "\u{3164}",
        "\u{fe0f}",
        "\u{feff}",
        "\u{fff9}",
        "\u{e0041}",
    ] {
        let name = format!("exa{character}mple");
        let refused: Result<Label, _> = Err(LabelError::InvisibleCharacter);
        assert_eq!(Label::new(&name, "a"), refused, "{name:?}");
        assert_eq!(Label::new("a", &name), refused, "{name:?}");
        assert_eq!(Label::without_issuer(&name), refused, "{name:?}");
        let account = read(&format!(
            "otpauth://totp/{name}?secret={SECRET}&issuer={name}"
        ));
        // What joins signs stays.
        let joins = ["\u{200d}", "\u{fe0f}", "\u{e0041}"].contains(&character);
        let kept = if joins { name.as_str() } else { "example" };
        assert_eq!(account.label.account(), kept);
        assert_eq!(account.label.issuer(), Some(kept));
        assert_eq!(account.cleaned, refused.err().filter(|_| !joins));
    }
    for name in ["Bücher", "例え", "مثال", "Ελλάδα", "a b", "e\u{301}", "🔑"] {
        assert!(Label::new(name, name).is_ok(), "{name}");
    }
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
