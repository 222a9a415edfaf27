//! Otpauth URIs as they are seen in the wild, and what must survive being written.

use data_encoding::HEXLOWER;
use oath_otp::{Account, Algorithm, Digits, Hotp, Label, LabelError, Method, Period, Secret, Totp};
use serde_json::Value;

use crate::rows::{Rows, json, list, number, text};

fn parameters(method: Method) -> (Algorithm, Digits) {
    match method {
        Method::Hotp(hotp, _) => (hotp.algorithm, hotp.digits),
        Method::Totp(totp) => (totp.algorithm, totp.digits),
        other => panic!("{other:?} is new here"),
    }
}

/// Whether an answer is what an option of a row says: `reject`, `accept`, or fields such as
/// `issuer=Example account="a b"`. An option of any other form is none of ours.
fn is_option(option: &str, account: Option<&Account>) -> bool {
    let Some(account) = account else {
        return option == "reject";
    };
    let (algorithm, digits) = parameters(account.method);
    let (kind, moving) = match account.method {
        Method::Hotp(_, counter) => ("counter", counter),
        Method::Totp(totp) => ("period", totp.period.seconds().into()),
        other => panic!("{other:?} is new here"),
    };
    let digits = digits.get().to_string();
    let moving = moving.to_string();
    let secret = account.secret.to_base32();
    let known = [
        ("issuer", account.label.issuer().unwrap_or("null")),
        ("account", account.label.account()),
        ("algorithm", algorithm.name()),
        ("digits", &digits),
        (kind, &moving),
        ("secret", secret.expose_secret()),
    ];
    let fields = fields(option);
    let lossy = account.cleaned == Some(LabelError::Encoding);
    option == "accept"
        || option == "lossy account" && lossy
        || option == algorithm.name()
        || !fields.is_empty() && fields.iter().all(|field| known.contains(field))
}

/// The fields of an option, in quotes or without; none where it has another form.
fn fields(option: &str) -> Vec<(&str, &str)> {
    let (mut fields, mut rest) = (Vec::new(), option);
    while let Some((name, after)) = rest.split_once('=') {
        let cut = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"'),
            None => Some(after.split_once(' ').unwrap_or((after, ""))),
        };
        let Some((value, after)) = cut else {
            return Vec::new();
        };
        fields.push((name, value));
        rest = after.trim_start();
    }
    if rest.is_empty() { fields } else { Vec::new() }
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
            // Where programs disagree, the answer is one of those that the row lists.
            "choice" => {
                let options = list(row, "options").iter().filter_map(Value::as_str);
                let mut options = options.filter(|option| is_option(option, account.as_ref()));
                if options.next().is_some() {
                    rows.row(id, &(), &());
                } else {
                    rows.fail(id, &format!("none of the options: {account:?}"));
                }
            }
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
        let issuer = input.get("issuer").and_then(Value::as_str);
        let label = match issuer.filter(|issuer| !issuer.is_empty()) {
            Some(issuer) => Label::new(issuer, name),
            None => Label::without_issuer(name),
        };
        // The rule of the file: every field comes back, or building refuses.
        let Ok(label) = label else {
            rows.skip();
            continue;
        };
        let account = Account {
            label,
            secret: Secret::import_short_base32(text(input, "secret")).expect("a secret"),
            method,
            cleaned: None,
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
