//! otpauth URIs: what a QR code carries to an authenticator.

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
    /// The otpauth URI for an authenticator.
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
        let moving = ("period", period.seconds().into());
        Ok(build("totp", secret, label, algorithm, digits, moving))
    }
}

impl Hotp {
    /// The otpauth URI for an authenticator whose next counter is `counter`.
    ///
    /// Specification: Key URI Format; RFC 3986 section 2 (a blank is `%20`, never `+`).
    #[must_use]
    pub fn to_uri(&self, secret: &Secret, label: &Label, counter: u64) -> SecretText {
        let moving = ("counter", counter);
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
    ///   beside it is refused, as are other types (`steam`). Scheme, type, parameter names and
    ///   algorithms are read in any case.
    /// * A blank in front of the URI is refused. One behind it belongs to the last value: it is
    ///   dropped from a secret and from an issuer, and any other value is refused with it.
    /// * The first colon of the label, literal or `%3A`, parts issuer and account; without one
    ///   the label is the account, and further ones belong to the account. Blanks around either are
    ///   dropped. An `issuer` parameter wins over the label; an empty one counts as absent. An
    ///   account may be empty, and the label absent with its slash.
    /// * `+` is a plus. A raw `#` in the label is part of it (Microsoft writes such labels); behind
    ///   the `?` it is refused. So are escapes that are broken or not UTF-8.
    /// * A secret is base32, with blanks, dashes, right padding at its end and, as many issuers
    ///   write them, stray bits at its end, which are dropped. Hexadecimal digits, padding elsewhere
    ///   and a number of characters that no bytes have are refused.
    /// * An algorithm is a name of [`Algorithm`], SHA-3 only with the feature; aliases (`SHA-256`)
    ///   and others (`SHA224`) are refused, never replaced by SHA-1.
    /// * Numbers are plain decimal digits, leading zeros allowed: `digits` 5 to 10, `period` from 1
    ///   to below 2³¹ seconds, `counter` up to 64 bits. `counter` must be there for HOTP; `period`
    ///   for HOTP and `counter` for TOTP are ignored.
    /// * A known parameter that is repeated is refused, as is any `encoder` (Steam). Unknown
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
        let (scheme, rest) = text
            .split_at_checked(SCHEME.len())
            .ok_or(UriError::NotOtpauth)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(UriError::NotOtpauth);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, label) = path.split_once('/').unwrap_or((path, ""));
        let [secret, issuer, algorithm, digits, period, counter, encoder] = parameters(query)?;
        if encoder.is_some() {
            return Err(UriError::UnknownKind);
        }

        let secret = secret.ok_or(UriError::MissingSecret)?;
        let secret = if secret.contains('%') {
            Secret::from_uri(&decode(secret)?)?
        } else {
            Secret::from_uri(secret)?
        };
        let label = read_label(label, issuer)?;
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
        })
    }
}

fn build(
    kind: &str,
    secret: &Secret,
    label: &Label,
    algorithm: Algorithm,
    digits: Digits,
    (moving, value): (&str, u64),
) -> SecretText {
    // The whole length at once: a text that grows leaves copies of the secret behind.
    let mut uri = Zeroizing::new(String::with_capacity(MAX_URI));
    let issuer = label.issuer().unwrap_or_default();
    uri.push_str(SCHEME);
    uri.push_str(kind);
    uri.push('/');
    if !issuer.is_empty() {
        encode(issuer, &mut uri);
        uri.push(':');
    }
    encode(label.account(), &mut uri);
    uri.push_str("?secret=");
    uri.push_str(secret.to_base32().expose_secret());
    if !issuer.is_empty() {
        uri.push_str("&issuer=");
        encode(issuer, &mut uri);
    }
    // Writing to a String never fails.
    let _ = write!(
        uri,
        "&algorithm={algorithm}&digits={}&{moving}={value}",
        digits.get()
    );
    SecretText(uri)
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

/// Percent-decodes, and refuses what is not UTF-8 afterwards.
fn decode(text: &str) -> Result<Zeroizing<String>, UriError> {
    let hex = |digit: Option<u8>| char::from(digit?).to_digit(16)?.try_into().ok();
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let (high, low): (Option<u8>, Option<u8>) = (hex(bytes.next()), hex(bytes.next()));
            let (Some(high), Some(low)) = (high, low) else {
                return Err(UriError::InvalidEncoding);
            };
            high << 4 | low
        } else {
            byte
        });
    }
    String::from_utf8(core::mem::take(&mut *decoded))
        .map(Zeroizing::new)
        .map_err(|error| {
            error.into_bytes().zeroize();
            UriError::InvalidEncoding
        })
}

/// Plain decimal digits; `parse` alone would take a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn read_label(label: &str, issuer: Option<&str>) -> Result<Label, UriError> {
    let label = decode(label)?;
    let issuer = decode(issuer.unwrap_or_default())?;
    let (prefix, account) = label.split_once(':').unwrap_or(("", &label));
    let (prefix, account, issuer) = (prefix.trim(), account.trim(), issuer.trim());
    let issuer = if issuer.is_empty() { prefix } else { issuer };
    if issuer.is_empty() {
        Ok(Label::import_without_issuer(account)?)
    } else {
        Ok(Label::import(issuer, account)?)
    }
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
    /// A broken percent escape, or bytes that are not UTF-8.
    #[error("the URI has a broken escape")]
    InvalidEncoding,
    /// Names that a [`Label`] cannot hold.
    #[error("the label is invalid")]
    InvalidLabel(#[from] LabelError),
    /// 0, or not below 2³¹.
    #[error("the period is not 1 to 2147483647 seconds")]
    InvalidPeriod,
    /// A secret that is empty, too long or not base32.
    #[error("the secret is invalid")]
    InvalidSecret(#[from] SecretError),
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
