//! otpauth URIs, as programs write them.
//!
//! `oath_otp::Account` reads the URIs that a server gives out: it refuses what is no RFC 4226 or 6238 code and cleans
//! names for showing. A vault must lose nothing instead: names stay as they are written, Steam's codes are a type, and
//! a secret may have a length that no bytes have.

use core::fmt::Write;

use zeroize::Zeroizing;

use crate::entry::Draft;
use crate::{Entry, EntrySecret, Kind, Reason};

/// Nothing longer fits a QR code.
const MAX_URI: usize = 8192;

/// How a query writes a blank.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// `%20`; a plus is a plus.
    Literal,
    /// `+`, as forms do.
    Blank,
}

/// Reads an otpauth URI, or Steam's own `steam://` of Bitwarden.
///
/// An `issuer` parameter wins over the label. A label that begins with it and a colon, literal or `%3A`, is parted there,
/// any other one at its first colon. A parameter that is repeated is refused where it is one of those read here.
///
/// # Errors
/// [`Reason`], which holds nothing of the text.
///
/// Specification: Key URI Format; RFC 3986 sections 2.1 and 3.
pub fn read(text: &str) -> Result<Entry, Reason> {
    read_with(text, Plus::Literal)
}

pub(crate) fn read_with(text: &str, plus: Plus) -> Result<Entry, Reason> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.len() > MAX_URI {
        return Err(Reason::NotUri);
    }
    if let Some(secret) = after(text, "steam://") {
        let draft = Draft {
            kind: "steam",
            ..Draft::default()
        };
        return draft.with(EntrySecret::from_base32(&decode(secret, Plus::Literal)?)?);
    }
    let rest = after(text, "otpauth://").ok_or(Reason::NotUri)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, label) = path.split_once('/').unwrap_or((path, ""));
    let query = Query::parse(query, plus)?;

    let issuer = query.get("issuer").unwrap_or_default();
    let label = decode(label, Plus::Literal)?;
    // Some write the query as forms do. The label then says the same issuer with blanks.
    let blanks = issuer.replace('+', " ");
    let form = !label.starts_with(issuer) && label.starts_with(&blanks);
    let (issuer, account) = part(&label, if form { &blanks } else { issuer });
    let steam = query
        .get("encoder")
        .is_some_and(|encoder| encoder.eq_ignore_ascii_case("steam"));
    let secret = EntrySecret::from_base32(query.get("secret").ok_or(Reason::NoSecret)?)?;
    let is_hotp = kind.eq_ignore_ascii_case("hotp");
    let counter = query.number("counter", Reason::Counter);
    let draft = Draft {
        kind: if steam { "steam" } else { kind },
        issuer,
        account,
        algorithm: query.get("algorithm").unwrap_or_default(),
        digits: query.number("digits", Reason::Digits)?,
        period: if is_hotp {
            None
        } else {
            query.number("period", Reason::Period)?
        },
        counter: if is_hotp {
            Some(counter?.ok_or(Reason::Counter)?)
        } else {
            None
        },
        pin: query.get("pin"),
    };
    draft.with(secret)
}

/// Parts a label into issuer and account.
fn part<'a>(label: &'a str, issuer: &'a str) -> (&'a str, &'a str) {
    if !issuer.is_empty() {
        if let Some(account) = label
            .strip_prefix(issuer)
            .and_then(|rest| rest.strip_prefix(':'))
        {
            return (issuer, account.trim());
        }
        let account = label.split_once(':').map_or(label, |(_, account)| account);
        return (issuer, account.trim());
    }
    let (issuer, account) = label.split_once(':').unwrap_or(("", label));
    (issuer.trim(), account.trim())
}

/// What stands behind a scheme, which is read in any case.
pub(crate) fn after<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = text.split_at_checked(scheme.len())?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The parameters of a query, decoded.
pub(crate) struct Query(Vec<(String, Zeroizing<String>)>);

impl Query {
    pub(crate) fn parse(query: &str, plus: Plus) -> Result<Query, Reason> {
        let mut found: Vec<(String, Zeroizing<String>)> = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = name.to_ascii_lowercase();
            let known = [
                "secret",
                "issuer",
                "algorithm",
                "digits",
                "period",
                "counter",
                "encoder",
                "pin",
            ];
            if known.contains(&name.as_str()) && found.iter().any(|(other, _)| *other == name) {
                return Err(Reason::Form);
            }
            found.push((name, decode(value, plus)?));
        }
        Ok(Query(found))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str, wrong: Reason) -> Result<Option<u64>, Reason> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(text) if text.bytes().all(|c| c.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| wrong)
            }
            Some(_) => Err(wrong),
        }
    }
}

/// Resolves percent escapes; a broken one stays as it is written.
pub(crate) fn decode(text: &str, plus: Plus) -> Result<Zeroizing<String>, Reason> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| behind.split_at_checked(2))
            .flatten();
        let digit = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let escaped = escaped.and_then(|(digits, behind)| match digits {
            [high, low] => Some((digit(*high)? << 4 | digit(*low)?, behind)),
            _ => None,
        });
        let literal = match (first, plus) {
            (b'+', Plus::Blank) => b' ',
            (byte, _) => *byte,
        };
        let (byte, behind) = escaped.unwrap_or((literal, behind));
        bytes.push(byte);
        rest = behind;
    }
    let text = core::str::from_utf8(&bytes).map_err(|_| Reason::NotUri)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Writes the otpauth URI of an entry, with all its parameters.
///
/// A Steam entry is `otpauth://steam/…`, as Aegis writes it. An account with a colon and no issuer begins with one.
///
/// # Errors
/// [`Reason::Type`] for mOTP and Yandex, of which programs write URIs that others read as something else.
///
/// Specification: Key URI Format; RFC 3986 section 2 (a blank is `%20`, never `+`).
pub fn write(entry: &Entry) -> Result<Zeroizing<String>, Reason> {
    write_with(entry, "%20")
}

pub(crate) fn write_with(entry: &Entry, blank: &str) -> Result<Zeroizing<String>, Reason> {
    let moving = match entry.kind {
        Kind::Totp(period) | Kind::Steam(period) => ("period", u64::from(period)),
        Kind::Hotp(counter) => ("counter", counter),
        Kind::Motp(_) | Kind::Yandex(_) => return Err(Reason::Type),
    };
    // Room for all of it, so that no shorter copy is left behind.
    let names = entry
        .issuer
        .len()
        .saturating_mul(2)
        .saturating_add(entry.account.len());
    let room = names
        .saturating_mul(3)
        .saturating_add(entry.secret.expose_secret().len())
        .saturating_add(160);
    let mut uri = Zeroizing::new(String::with_capacity(room));
    uri.push_str("otpauth://");
    uri.push_str(entry.kind.name());
    uri.push('/');
    if !entry.issuer.is_empty() {
        escape(&mut uri, &entry.issuer, "%20");
        uri.push(':');
    } else if entry.account.contains(':') {
        uri.push(':');
    }
    escape(&mut uri, &entry.account, "%20");
    uri.push_str("?secret=");
    uri.push_str(entry.secret.expose_secret());
    if !entry.issuer.is_empty() {
        uri.push_str("&issuer=");
        escape(&mut uri, &entry.issuer, blank);
    }
    let (algorithm, digits, (name, number)) = (entry.algorithm.name(), entry.digits, moving);
    // Writing into a String cannot fail.
    let _ = write!(
        uri,
        "&algorithm={algorithm}&digits={digits}&{name}={number}"
    );
    Ok(uri)
}

pub(crate) fn escape(out: &mut String, text: &str, blank: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => {
                out.push(byte.into())
            }
            b' ' => out.push_str(blank),
            // Writing into a String cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}
