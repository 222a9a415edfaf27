//! otpauth URIs: what a QR code carries to an authenticator.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::str::FromStr;

use zeroize::{Zeroize, Zeroizing};

use crate::{
    Algorithm, Digits, Hotp, Label, LabelError, Period, Secret, SecretError, SecretText, Totp,
};

const SCHEME: &str = "otpauth://";

/// Nothing longer fits a QR code, and nothing longer is ever made here.
const MAX_URI: usize = 4096;

/// What an otpauth URI says: names, secret, and how codes are made.
#[derive(Debug)]
pub struct Account {
    /// The names that an authenticator shows.
    pub label: Label,
    /// The shared secret.
    pub secret: Secret,
    /// How codes are made.
    pub method: Method,
    /// Why the label is not what a URI said, where it had to be cleaned: show it to the owner before it is kept.
    pub cleaned: Option<LabelError>,
}

/// How codes are made, as far as an otpauth URI can say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// By counter; the number is the next counter of the device.
    Hotp(Hotp, u64),
    /// By time.
    Totp(Totp),
}

impl Totp {
    /// The otpauth URI for an authenticator. Parameters with their default value are left out.
    ///
    /// # Errors
    /// [`NotExpressible`] if [`start`](Totp::start) is not 0.
    ///
    /// Specification: Key URI Format; RFC 3986 section 2 (a blank is `%20`, never `+`).
    pub fn to_uri(&self, secret: &Secret, label: &Label) -> Result<SecretText, NotExpressible> {
        let Totp {
            algorithm,
            digits,
            period,
            start,
            window: _,
        } = *self;
        if start != 0 {
            return Err(NotExpressible(()));
        }
        let moving = (period != Period::default()).then(|| ("period", period.seconds().into()));
        Ok(build("totp", secret, label, algorithm, digits, moving))
    }
}

impl Hotp {
    /// The otpauth URI for an authenticator whose next counter is `counter`.
    ///
    /// Specification: Key URI Format; RFC 3986 section 2 (a blank is `%20`, never `+`).
    #[must_use]
    pub fn to_uri(&self, secret: &Secret, label: &Label, counter: u64) -> SecretText {
        let moving = Some(("counter", counter));
        build("hotp", secret, label, self.algorithm, self.digits, moving)
    }
}

impl Account {
    /// The otpauth URI of this account.
    ///
    /// # Errors
    /// [`NotExpressible`] if codes are made by time and step 0 is not at the Unix epoch.
    pub fn to_uri(&self) -> Result<SecretText, NotExpressible> {
        match self.method {
            Method::Hotp(hotp, counter) => Ok(hotp.to_uri(&self.secret, &self.label, counter)),
            Method::Totp(totp) => totp.to_uri(&self.secret, &self.label),
        }
    }

    /// Reads an otpauth URI.
    ///
    /// Secrets of 1 to 1,024 bytes are accepted, since whoever imports cannot make them longer. Where
    /// programs disagree:
    ///
    /// * Behind the scheme stands the type alone, `totp` or `hotp`: a user, a port or anything else
    ///   beside it is refused, as are other types. Scheme, type, parameter names and algorithms are read in any case.
    ///   Steam's codes, the export of Google Authenticator and Apple's scheme are refused with an error of their own.
    /// * A blank in front of the URI is refused. One behind it belongs to the last value: it is
    ///   dropped from a secret and from an issuer, and any other value is refused with it.
    /// * A label that begins with the `issuer` parameter and a colon, literal or `%3A`, is parted there; any other one
    ///   at its first colon. Without one the label is the account, and further ones belong to the account. Blanks
    ///   around either are dropped. An `issuer` parameter wins over the label; an empty one counts as absent. An
    ///   account may be empty, and the label absent with its slash.
    /// * No name is a reason to lose a secret: what a [`Label`] cannot hold is cleaned away, and
    ///   [`cleaned`](Account::cleaned) says so. Control characters and those that cannot be seen are dropped, apart
    ///   from those that join signs (emoji, flags), and what is longer than 255 bytes is cut. Broken escapes stay as they are written, and bytes that are not UTF-8
    ///   become U+FFFD.
    /// * `+` is a plus. A raw `#` in the label is part of it (Microsoft writes such labels); behind
    ///   the `?` it is refused.
    /// * A secret is base32, with blanks, dashes, right padding at its end and, as many issuers
    ///   write them, stray bits at its end, which are dropped. Hexadecimal digits, padding elsewhere
    ///   and a number of characters that no bytes have are refused.
    /// * An algorithm is a name of [`Algorithm`], SHA-3 only with the feature; aliases (`SHA-256`)
    ///   and others (`SHA224`) are refused, never replaced by SHA-1.
    /// * Numbers are plain decimal digits, leading zeros allowed: `digits` 5 to 10, `period` from 1
    ///   to below 2³¹ seconds, `counter` up to 64 bits. `counter` must be there for HOTP; `period`
    ///   for HOTP and `counter` for TOTP are ignored.
    /// * A known parameter that is repeated is refused, as is any `encoder`. Unknown
    ///   parameters are ignored, whatever their value, and with them misspelt ones (`algo`,
    ///   `amp;digits`).
    ///
    /// # Errors
    /// [`UriError`], which holds nothing of the text.
    ///
    /// Specification: Key URI Format; RFC 3986 sections 2.1 and 3.
    pub fn from_uri(text: &str) -> Result<Account, UriError> {
        if text.len() > MAX_URI {
            return Err(UriError::TooLong);
        }
        let rest = after(text, SCHEME).ok_or_else(|| foreign(text))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, label) = path.split_once('/').unwrap_or((path, ""));
        let [secret, issuer, algorithm, digits, period, counter, encoder] = parameters(query)?;
        let steam = |text: &str| text.eq_ignore_ascii_case("steam");
        if steam(kind) || encoder.is_some_and(steam) {
            return Err(UriError::Steam);
        }
        if encoder.is_some() {
            return Err(UriError::UnknownKind);
        }

        let secret = secret.ok_or(UriError::MissingSecret)?;
        let secret = if secret.contains('%') {
            Secret::from_uri(&decode(secret).ok_or(UriError::InvalidEncoding)?)?
        } else {
            Secret::from_uri(secret)?
        };
        let (label, cleaned) = read_label(label, issuer.unwrap_or_default());
        let algorithm = algorithm.map_or(Ok(Algorithm::default()), str::parse);
        let algorithm = algorithm.map_err(|_| UriError::InvalidAlgorithm)?;
        let read = |text| number::<u8>(text)?.try_into().ok();
        let digits = digits.map_or(Some(Digits::default()), read);
        let digits = digits.ok_or(UriError::InvalidDigits)?;

        let method = if kind.eq_ignore_ascii_case("totp") {
            let read = |text| number::<u32>(text)?.try_into().ok();
            let period = period.map_or(Some(Period::default()), read);
            let period = period.ok_or(UriError::InvalidPeriod)?;
            let rest = Totp::default();
            Method::Totp(Totp {
                algorithm,
                digits,
                period,
                ..rest
            })
        } else if kind.eq_ignore_ascii_case("hotp") {
            let counter = counter.ok_or(UriError::MissingCounter)?;
            let counter = number(counter).ok_or(UriError::InvalidCounter)?;
            let rest = Hotp::default();
            Method::Hotp(
                Hotp {
                    algorithm,
                    digits,
                    ..rest
                },
                counter,
            )
        } else {
            return Err(UriError::UnknownKind);
        };
        Ok(Account {
            label,
            secret,
            method,
            cleaned,
        })
    }
}

/// What stands behind a scheme, which is read in any case.
fn after<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = text.split_at_checked(scheme.len())?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// What a text is that is no otpauth URI.
fn foreign(text: &str) -> UriError {
    let known = [
        ("otpauth-migration:", UriError::Migration),
        ("apple-otpauth:", UriError::Apple),
        ("steam:", UriError::Steam),
    ];
    let found = known
        .iter()
        .find(|(scheme, _)| after(text, scheme).is_some());
    found.map_or(UriError::NotOtpauth, |(_, error)| *error)
}

fn build(
    kind: &str,
    secret: &Secret,
    label: &Label,
    algorithm: Algorithm,
    digits: Digits,
    moving: Option<(&str, u64)>,
) -> SecretText {
    let issuer = label.issuer().unwrap_or_default();
    let mut before = String::from(SCHEME);
    before.push_str(kind);
    before.push('/');
    if !issuer.is_empty() {
        encode(issuer, &mut before);
        before.push(':');
    }
    encode(label.account(), &mut before);
    before.push_str("?secret=");

    let mut behind = String::new();
    if !issuer.is_empty() {
        behind.push_str("&issuer=");
        encode(issuer, &mut behind);
    }
    // What has its default value is left out: the QR code has fewer modules then, and is read from further.
    // Writing to a String never fails.
    if algorithm != Algorithm::default() {
        let _ = write!(behind, "&algorithm={algorithm}");
    }
    if digits != Digits::default() {
        let _ = write!(behind, "&digits={}", digits.get());
    }
    if let Some((name, value)) = moving {
        let _ = write!(behind, "&{name}={value}");
    }
    // At once, as long as it is: a text that grows leaves copies of the secret behind.
    let uri = [&before, secret.to_base32().expose_secret(), &behind].concat();
    SecretText(Zeroizing::new(uri))
}

/// Percent-encodes everything but the unreserved characters (RFC 3986 section 2.3).
fn encode(text: &str, uri: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String never fails.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
}

/// Percent-decodes. `None` for a broken escape, and for what is not UTF-8 afterwards.
fn decode(text: &str) -> Option<Zeroizing<String>> {
    let (mut bytes, whole) = decode_bytes(text);
    let decoded = String::from_utf8(core::mem::take(&mut *bytes));
    let decoded = decoded.map(Zeroizing::new).map_err(|error| {
        error.into_bytes().zeroize();
    });
    decoded.ok().filter(|_| whole)
}

/// The bytes, and whether each `%` began an escape; one that did not stays as it is.
fn decode_bytes(text: &str) -> (Zeroizing<Vec<u8>>, bool) {
    let hex = |digit: u8| char::from(digit).to_digit(16)?.try_into().ok();
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut rest, mut whole) = (text.as_bytes(), true);
    while let [byte, after @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, after @ ..] => hex(*high).zip(hex(*low)).map(|pair| (pair, after)),
            _ => None,
        };
        let escape: Option<((u8, u8), &[u8])> = escape;
        if let Some(((high, low), after)) = escape {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            whole &= *byte != b'%';
            decoded.push(*byte);
            rest = after;
        }
    }
    (decoded, whole)
}

/// Percent-decodes a name, whatever it is, and says whether it was right.
fn decode_name(text: &str) -> (Cow<'_, str>, Option<LabelError>) {
    if !text.contains('%') {
        return (text.into(), None);
    }
    let (bytes, whole) = decode_bytes(text);
    let right = whole && core::str::from_utf8(&bytes).is_ok();
    let name = String::from_utf8_lossy(&bytes).into_owned();
    (name.into(), (!right).then_some(LabelError::Encoding))
}

/// Plain decimal digits; `parse` alone would take a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn read_label(label: &str, issuer: &str) -> (Label, Option<LabelError>) {
    let ((label, wrong_label), (issuer, wrong_issuer)) = (decode_name(label), decode_name(issuer));
    let issuer = issuer.trim();
    let behind_issuer = || {
        let rest = label.trim_start().strip_prefix(issuer)?;
        rest.trim_start().strip_prefix(':')
    };
    let split = behind_issuer().map(|account| (issuer, account));
    let split = split
        .filter(|_| !issuer.is_empty())
        .or_else(|| label.split_once(':'));
    let (prefix, account) = split.unwrap_or(("", &label));
    let issuer = if issuer.is_empty() { prefix } else { issuer };
    let (label, cleaned) = Label::cleaned(issuer, account);
    (label, wrong_label.or(wrong_issuer).or(cleaned))
}

/// The parameters that are known, in the order in which [`parameters`] returns them.
const KNOWN: [&str; 7] = [
    "secret",
    "issuer",
    "algorithm",
    "digits",
    "period",
    "counter",
    "encoder",
];

/// The values of the known parameters, still encoded.
fn parameters(query: &str) -> Result<[Option<&str>; 7], UriError> {
    if query.contains('#') {
        return Err(UriError::Fragment);
    }
    let mut values = [None; 7];
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let mut places = values.iter_mut().zip(KNOWN);
        let place = places.find(|(_, known)| name.eq_ignore_ascii_case(known));
        if place.is_some_and(|(place, _)| place.replace(value).is_some()) {
            return Err(UriError::RepeatedParameter);
        }
    }
    Ok(values)
}

/// Why a text is no otpauth URI that this crate can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// Apple's scheme `apple-otpauth:`.
    #[error("an apple-otpauth URI: the same with `otpauth:` in front can be read")]
    Apple,
    /// A `#` behind the `?`.
    #[error("the URI has a fragment")]
    Fragment,
    /// An algorithm that this build does not know.
    #[error("unknown hash algorithm")]
    InvalidAlgorithm,
    /// Not a number of 64 bits.
    #[error("the counter is not a number of 64 bits")]
    InvalidCounter,
    /// Not 5 to 10.
    #[error("the number of digits is not 5 to 10")]
    InvalidDigits,
    /// A broken percent escape in the secret, or bytes that are not UTF-8.
    #[error("the secret has a broken escape")]
    InvalidEncoding,
    /// 0, or not below 2³¹.
    #[error("the period is not 1 to 2147483647 seconds")]
    InvalidPeriod,
    /// A secret that is empty, too long or not base32.
    #[error("the secret is invalid")]
    InvalidSecret(#[from] SecretError),
    /// What Google Authenticator exports: several accounts in one code.
    #[error(
        "an export of Google Authenticator (otpauth-migration), which holds several accounts in another form"
    )]
    Migration,
    /// No counter, although codes are made by counter.
    #[error("the URI has no counter")]
    MissingCounter,
    /// No secret.
    #[error("the URI has no secret")]
    MissingSecret,
    /// Another scheme, or none.
    #[error("not an otpauth URI")]
    NotOtpauth,
    /// A parameter that stands twice.
    #[error("the URI repeats a parameter")]
    RepeatedParameter,
    /// Steam's codes, of letters and digits.
    #[error("Steam's codes are another method")]
    Steam,
    /// More than 4,096 bytes.
    #[error("the URI is too long")]
    TooLong,
    /// Neither TOTP nor HOTP.
    #[error("the URI is of an unknown kind")]
    UnknownKind,
}

/// An otpauth URI cannot say when step 0 begins: it is always the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an otpauth URI cannot carry another start than the Unix epoch")]
pub struct NotExpressible(());
