//! What is built: as authenticators want it.

use oath_otp::{
    Account, Algorithm, Digits, Hotp, Label, LabelError, Method, Period, Secret, Totp, UriError,
};

use crate::{SECRET, read, refuse};

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
