//! Otpauth URIs as they are seen in the wild, and what must survive being written.

use data_encoding::HEXLOWER;
use oath_otp::{Account, Algorithm, Digits, Hotp, Label, Method, Period, Secret, Totp};
use serde_json::Value;

use crate::rows::{Rows, json, list, number, text};

/// What the documentation of [`Account::from_uri`] answers where programs disagree.
#[derive(Clone, Copy)]
enum Choice {
    Accepted,
    Algorithm(&'static str),
    Counter(u64),
    Digits(u8),
    /// Issuer and account.
    Names(Option<&'static str>, &'static str),
    Refused,
    /// The bytes in hexadecimal digits.
    Secret(&'static str),
}

const CHOICES: [(&str, Choice); 37] = {
    use Choice as C;
    [
        // An issuer parameter wins over the label; the first colon of the label parts.
        ("u012", C::Names(Some("something"), "username")),
        (
            "u013",
            C::Names(Some("Microsoft"), "account#EXT#@microsoft.com"),
        ),
        ("u014", C::Names(None, "issuer")),
        ("u015", C::Names(Some("Matrix"), "@edent_:matrix.org")),
        ("u016", C::Names(Some("a"), "b")),
        ("u017", C::Refused),
        ("u018", C::Refused),
        ("u019", C::Names(Some("Example"), "")),
        ("u020", C::Names(Some("Mongo Atlas"), "Acc !@#444")),
        ("u021", C::Refused),
        // A plus is a plus.
        ("u022", C::Names(Some("Some+Company"), "me@somecompany.net")),
        ("u034", C::Secret("48656c6c6f21deadbeef")),
        ("u035", C::Refused),
        ("u036", C::Refused),
        ("u037", C::Refused),
        ("u038", C::Accepted),
        ("u044", C::Digits(9)),
        ("u045", C::Refused),
        ("u046", C::Refused),
        ("u047", C::Digits(6)),
        ("u054", C::Refused),
        ("u055", C::Refused),
        ("u056", C::Counter(0)),
        ("u059", C::Counter(1 << 35)),
        // Aliases are refused; a name of another parameter is another parameter.
        ("u063", C::Refused),
        ("u064", C::Refused),
        ("u065", C::Refused),
        ("u066", C::Refused),
        ("u067", C::Algorithm("SHA3-256")),
        ("u068", C::Algorithm("SHA1")),
        ("u071", C::Accepted),
        ("u072", C::Accepted),
        ("u073", C::Refused),
        ("u074", C::Digits(6)),
        ("u081", C::Refused),
        ("u082", C::Refused),
        ("u083", C::Refused),
    ]
};

fn parameters(method: Method) -> (Algorithm, Digits) {
    match method {
        Method::Hotp(hotp, _) => (hotp.algorithm, hotp.digits),
        Method::Totp(totp) => (totp.algorithm, totp.digits),
        other => panic!("{other:?} is new here"),
    }
}

impl Choice {
    fn fits(self, account: Option<&Account>) -> bool {
        let Some(account) = account else {
            return matches!(self, Self::Refused);
        };
        let (algorithm, digits) = parameters(account.method);
        match self {
            Self::Accepted => true,
            Self::Algorithm(name) => algorithm.name() == name,
            Self::Counter(counter) => {
                matches!(account.method, Method::Hotp(_, found) if found == counter)
            }
            Self::Digits(number) => digits.get() == number,
            Self::Names(issuer, name) => {
                (account.label.issuer(), account.label.account()) == (issuer, name)
            }
            Self::Refused => false,
            Self::Secret(hex) => HEXLOWER.encode(account.secret.expose_secret()) == hex,
        }
    }
}

/// Everything that a row says of an account, as text.
fn said(parsed: &Value) -> String {
    let moving = number(parsed, "period").or(number(parsed, "counter"));
    format!(
        "{} {:?} {:?} {} {} {:?} {:?} {}",
        text(parsed, "type"),
        parsed.get("issuer").and_then(Value::as_str),
        text(parsed, "account"),
        text(parsed, "secret_hex"),
        text(parsed, "algorithm"),
        number(parsed, "digits"),
        moving,
        text(parsed, "code"),
    )
}

/// The same of an account that was read, with its code at that time.
fn found(account: &Account, time: u64) -> String {
    let (algorithm, digits) = parameters(account.method);
    let (kind, moving, code) = match account.method {
        Method::Hotp(hotp, counter) => ("hotp", counter, hotp.generate(&account.secret, counter)),
        Method::Totp(totp) => {
            let code = totp.generate(&account.secret, time);
            ("totp", totp.period.seconds().into(), code)
        }
        other => panic!("{other:?} is new here"),
    };
    format!(
        "{kind} {:?} {:?} {} {algorithm} {:?} {:?} {}",
        account.label.issuer(),
        account.label.account(),
        HEXLOWER.encode(account.secret.expose_secret()),
        Some(u64::from(digits.get())),
        Some(moving),
        code.expose_secret(),
    )
}

/// Accepted rows to the last field and their code, refused ones, and each choice as documented.
pub(crate) fn keyuri(file: &str, rows: &mut Rows) {
    for row in list(&json(file), "") {
        let id = text(row, "id");
        let account = Account::from_uri(text(row, "uri")).ok();
        let parsed = row.get("parsed");
        match text(row, "verdict") {
            // Another method: it must not be taken for one of ours.
            "accept" if parsed.is_some_and(|parsed| text(parsed, "type") == "steam") => {
                rows.row(id, &account.is_some(), &false);
            }
            "accept" => {
                let parsed = parsed.expect("what it says");
                let time = number(parsed, "code_time").unwrap_or_default();
                let found = account.map(|account| found(&account, time));
                rows.row(id, &found, &Some(said(parsed)));
            }
            "reject" => rows.row(id, &account.is_some(), &false),
            "choice" => match CHOICES.iter().find(|(choice, _)| *choice == id) {
                Some((_, choice)) if choice.fits(account.as_ref()) => rows.row(id, &(), &()),
                Some(_) => rows.fail(id, &format!("not the documented answer: {account:?}")),
                None => rows.fail(id, "no documented answer"),
            },
            other => rows.fail(id, &format!("an unknown verdict: {other}")),
        }
    }
}

/// Valid and invalid URIs with codes at one moment.
pub(crate) fn edent(file: &str, rows: &mut Rows) {
    for row in list(&json(file), "cases") {
        let valid = row.get("valid").and_then(Value::as_bool) == Some(true);
        let account = Account::from_uri(text(row, "uri")).ok();
        let code = account.map(|account| match account.method {
            Method::Totp(totp) => {
                let time = number(row, "time").unwrap_or_default();
                let code = totp.generate(&account.secret, time);
                code.expose_secret().to_owned()
            }
            other => format!("{other:?}"),
        });
        let expected = valid.then(|| text(row, "code_recomputed").to_owned());
        rows.row(text(row, "name"), &code, &expected);
    }
}

/// What is built reads as what it was built from, in the characters of RFC 3986 alone.
pub(crate) fn keyuri_build(file: &str, rows: &mut Rows) {
    for row in list(&json(file), "cases") {
        let input = row.get("input").expect("an input");
        let small = |name| number(input, name).and_then(|number| u32::try_from(number).ok());
        let algorithm = text(input, "algorithm").parse().unwrap_or_default();
        let digits = small("digits").and_then(|digits| u8::try_from(digits).ok());
        let digits = digits.map_or(Digits::Six, |digits| digits.try_into().expect("digits"));
        let method = match number(input, "counter") {
            Some(counter) => Method::Hotp(
                Hotp {
                    algorithm,
                    digits,
                    ..Hotp::default()
                },
                counter,
            ),
            None => Method::Totp(Totp {
                algorithm,
                digits,
                period: Period::from_seconds(small("period").unwrap_or(30)).expect("a period"),
                ..Totp::default()
            }),
        };
        let name = text(input, "account");
        let account = Account {
            label: Label::new(text(input, "issuer"), name).expect("a label"),
            secret: Secret::import_short_base32(text(input, "secret")).expect("a secret"),
            method,
        };
        let uri = account.to_uri().expect("no start but the epoch");
        let uri = uri.expose_secret();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%:/?&=".contains(c);
        let padded = uri.split('&').any(|part| part.ends_with('='));
        rows.row(name, &(uri.chars().all(plain), padded), &(true, false));
        let again = Account::from_uri(uri)
            .map(|account| found(&account, 0))
            .ok();
        rows.row(name, &again, &Some(found(&account, 0)));
    }
}
