//! Otpauth URIs: what is read is what other people's parsers of queries and escapes find; it is
//! written in one way, and reads as the same; what is built reads as what it was built from.
//!
//! Input that begins with a byte below 128 is a URI; any other describes an account.
#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::{Arbitrary, Unstructured};
use fuzz::{
    codes::Device,
    secrets::{dropping, reference},
};
use oath_otp::{Account, Hotp, Label, Method, Period, Totp, UriError};
use ott_core::is_hidden;

#[derive(Arbitrary, Debug)]
struct Parts {
    device: Device,
    issuer: Option<String>,
    account: String,
    period: Option<u32>,
    counter: u64,
}

fuzz::fuzz_target!(|input: &[u8]| match input.split_first() {
    Some((128.., rest)) => {
        if let Ok(parts) = Parts::arbitrary_take_rest(Unstructured::new(rest)) {
            built(&parts);
        }
    }
    _ => {
        if let Ok(text) = core::str::from_utf8(input) {
            read(text);
        }
    }
});

fn read(text: &str) {
    let (found, said) = (Account::from_uri(text), said(text));
    let Ok(account) = found else {
        assert!(said.is_none(), "{found:?}: {text}");
        return;
    };
    let said = said.unwrap_or_else(|| panic!("read as {account:?}: {text}"));
    said.compare(&account);
    round_trip(&account);

    // What an accepted URI promises of its neighbours.
    let with = |more: &str| format!("{text}{more}");
    let room = text.len() <= 4000;
    assert!(!room || same(&read_again(&with("&unheard-of=%ff+")), &account));
    for (more, refusal) in [
        ("&secret=MFRGG", UriError::RepeatedParameter),
        ("&SECRET", UriError::RepeatedParameter),
        ("#part", UriError::Fragment),
        ("&encoder=steam", UriError::Steam),
    ] {
        let refused = Account::from_uri(&with(more)).map(|_| more);
        assert!(!room || refused == Err(refusal), "{refused:?}");
    }
    let (scheme, rest) = text.split_at(10);
    assert!(same(&read_again(&(scheme.to_uppercase() + rest)), &account));
    assert!(Account::from_uri(&format!(" {text}")).is_err());
    assert!(Account::from_uri(&with(&"&".repeat(4097))).is_err());

    // Labels hold nothing that a URI or a screen would change.
    let names = [
        account.label.issuer().unwrap_or("x"),
        account.label.account(),
    ];
    for name in names {
        assert!(name.len() <= Label::MAX_BYTES);
        assert_eq!(name.trim(), name);
        assert!(!name.contains(char::is_control));
    }
    assert!(!names[0].is_empty());
    assert!(account.label.issuer().is_some() || !names[1].contains(':'));
}

/// What a URI says.
struct Said {
    issuer: String,
    account: String,
    /// Whether the names are what the URI says, and not what cleaning left of it.
    whole: bool,
    secret: Vec<u8>,
    algorithm: String,
    digits: u8,
    /// By time with this period, or by counter from this one on.
    moving: Result<u32, u64>,
}

/// The documentation of `Account::from_uri` over other people's parsers.
fn said(text: &str) -> Option<Said> {
    let (scheme, rest) = (text.get(..10)?, text.get(10..)?);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, label) = path.split_once('/').unwrap_or((path, ""));
    let fits = text.len() <= 4096 && scheme.eq_ignore_ascii_case("otpauth://");
    if !fits || query.contains('#') {
        return None;
    }
    // Escapes and plus signs are escaped once more, so that the parts come back as they stand.
    let query = query.replace('%', "%25").replace('+', "%2B");
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let mut twice = false;
    let mut parameter = |known: &str| {
        let mut found = pairs
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(known));
        let value = found.next().map(|(_, value)| value.as_ref());
        twice |= found.next().is_some();
        value
    };
    let [secret, issuer, algorithm, digits, period, counter, encoder] = [
        "secret",
        "issuer",
        "algorithm",
        "digits",
        "period",
        "counter",
        "encoder",
    ]
    .map(&mut parameter);
    if twice || encoder.is_some() {
        return None;
    }
    let (label, label_whole) = name(label);
    let (issuer, issuer_whole) = name(issuer.unwrap_or_default());
    let issuer = issuer.trim();
    let behind = label.trim_start().strip_prefix(issuer).map(str::trim_start);
    let behind = behind.and_then(|rest| rest.strip_prefix(':'));
    let (prefix, account) = match behind {
        Some(account) if !issuer.is_empty() => (issuer, account),
        _ => label.split_once(':').unwrap_or(("", &label)),
    };
    let issuer = if issuer.is_empty() {
        prefix.trim()
    } else {
        issuer
    };
    let account = account.trim();
    let kept =
        |name: &str| name.len() <= 255 && !name.contains(|c: char| c.is_control() || is_hidden(c));
    let whole = label_whole
        && issuer_whole
        && kept(issuer)
        && kept(account)
        && !(issuer.is_empty() && account.contains(':'));
    let moving = match kind.to_ascii_lowercase().as_str() {
        "totp" => Ok(number(period.unwrap_or("30"), 1..1 << 31)?
            .try_into()
            .ok()?),
        "hotp" => Err(number(counter?, 0..1 << 64)?.try_into().ok()?),
        _ => return None,
    };
    let algorithm = algorithm.unwrap_or("SHA1").to_ascii_uppercase();
    let known = ["SHA1", "SHA256", "SHA512"].contains(&algorithm.as_str());
    known.then_some(())?;
    Some(Said {
        issuer: issuer.to_owned(),
        account: account.to_owned(),
        whole,
        secret: reference(&unescaped(secret?)?, &dropping()).ok()?,
        algorithm,
        digits: number(digits.unwrap_or("6"), 5..11)?.try_into().ok()?,
        moving,
    })
}

/// Every escape whole, and UTF-8 in the end.
fn unescaped(text: &str) -> Option<String> {
    let hex = |place: usize, rest: &str| {
        rest.as_bytes()
            .get(place)
            .is_some_and(u8::is_ascii_hexdigit)
    };
    let whole = text
        .split('%')
        .skip(1)
        .all(|rest| hex(0, rest) && hex(1, rest));
    let bytes = percent_encoding::percent_decode_str(text);
    whole.then_some(bytes.decode_utf8().ok()?.into_owned())
}

/// A name, and whether every escape was whole and led to UTF-8.
fn name(text: &str) -> (String, bool) {
    let lossy = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    (lossy.into_owned(), unescaped(text).is_some())
}

fn number(text: &str, range: core::ops::Range<u128>) -> Option<u128> {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.filter(|_| digits)
}

impl Said {
    fn compare(&self, account: &Account) {
        let (algorithm, digits, moving) = match account.method {
            Method::Totp(totp) => (totp.algorithm, totp.digits, Ok(totp.period.seconds())),
            Method::Hotp(hotp, counter) => (hotp.algorithm, hotp.digits, Err(counter)),
            _ => panic!("a method without a rule here"),
        };
        let found = (algorithm.to_string(), digits.get(), moving);
        assert_eq!(found, (self.algorithm.clone(), self.digits, self.moving));
        let label = &account.label;
        let names = (label.issuer().unwrap_or_default(), label.account());
        if self.whole {
            assert_eq!(names, (self.issuer.as_str(), self.account.as_str()));
            assert_eq!(account.cleaned, None);
        }
        assert_eq!(account.secret.expose_secret(), self.secret);
    }
}

fn built(parts: &Parts) {
    let Some(secret) = parts.device.secret() else {
        return;
    };
    let label = match &parts.issuer {
        Some(issuer) => Label::new(issuer, &parts.account),
        None => Label::without_issuer(&parts.account),
    };
    let Ok(label) = label else {
        return;
    };
    let (algorithm, digits) = (parts.device.algorithm(), parts.device.digits());
    let method = match parts.period {
        Some(seconds) => Method::Totp(Totp {
            algorithm,
            digits,
            period: Period::from_seconds(seconds).unwrap_or_default(),
            ..Totp::default()
        }),
        None => Method::Hotp(
            Hotp {
                algorithm,
                digits,
                ..Hotp::default()
            },
            parts.counter,
        ),
    };
    round_trip(&Account {
        label,
        secret,
        method,
        cleaned: None,
    });
}

fn round_trip(account: &Account) {
    let written = account.to_uri().expect("no start but the epoch");
    let written = written.expose_secret();
    // RFC 3986 section 2: unreserved characters, escapes, and the delimiters between the parts.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%:/?&=".contains(c);
    assert!(
        written.len() <= 4096 && written.chars().all(plain),
        "{written}"
    );
    let again = read_again(written);
    assert!(same(&again, account), "{written}");
    assert_eq!(again.to_uri().expect("as before").expose_secret(), written);
}

fn read_again(text: &str) -> Account {
    Account::from_uri(text).unwrap_or_else(|refused| panic!("{text}: {refused}"))
}

fn same(one: &Account, other: &Account) -> bool {
    one.label == other.label
        && one.method == other.method
        && one.secret.expose_secret() == other.secret.expose_secret()
}
