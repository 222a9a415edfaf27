//! Accounts of single fields.

use otp_vault::{Algorithm, Entry, EntrySecret, Kind, store::Draft};
use ott_bearer::token_store::ott_core::rand::{TryRng as _, rngs::SysRng};
use serde_json::{Map, Value};

use crate::{
    answer::ApiError,
    fields::Fields,
    uri::{HIGHEST_COUNTER, check_secret, copy, force_steam},
};

/// What the group of an account becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grouped {
    /// Nothing was said.
    Unsaid,
    /// In none.
    None,
    In(i64),
}

/// What was sent of an account.
pub(crate) struct Parameters {
    pub(crate) draft: Draft,
    pub(crate) group: Grouped,
    /// The counter that was named.
    pub(crate) counter: Option<u64>,
}

/// The names of types, as this contract spells them.
pub(crate) const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Hotp(_) => "hotp",
        Kind::Steam(_) => "steamtotp",
        _ => "totp",
    }
}

pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    let mut all = Algorithm::ALL.into_iter();
    all.find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
}

/// A secret as this contract has it: base32 in either case, padded or not.
pub(crate) fn secret(text: &str) -> Option<EntrySecret> {
    let symbols = text.trim_end_matches('=');
    let base32 = |byte: u8| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte);
    if !symbols.bytes().all(base32) {
        return None;
    }
    let secret = EntrySecret::from_base32(symbols).ok()?;
    check_secret(&secret).ok()?;
    Some(secret)
}

/// Twenty random bytes.
fn new_secret() -> Result<EntrySecret, ApiError> {
    let mut bytes = zeroize::Zeroizing::new([0; 20]);
    let drawn = SysRng.try_fill_bytes(&mut *bytes);
    drawn.map_err(|error| ApiError::outage(&error))?;
    EntrySecret::from_bytes(&*bytes).map_err(|error| ApiError::outage(&error))
}

impl Parameters {
    /// Reads what is sent to make an account.
    pub(crate) fn create(body: &Map<String, Value>) -> Result<Self, ApiError> {
        Self::read(body, None, false)
    }

    /// Reads what another program's file says of one: names there may have colons.
    pub(crate) fn import(body: &Map<String, Value>) -> Result<Self, ApiError> {
        Self::read(body, None, true)
    }

    /// Reads what is sent to change one: what is not said stays.
    pub(crate) fn update(body: &Map<String, Value>, was: &Draft) -> Result<Self, ApiError> {
        Self::read(body, Some(was), false)
    }

    fn read(
        body: &Map<String, Value>,
        was: Option<&Draft>,
        colons: bool,
    ) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        if was.is_some() {
            for field in ["service", "icon"] {
                fields.present(field);
            }
            for field in ["secret", "digits", "algorithm"] {
                if fields.get(field).is_none() {
                    fields.wrong(field, "field is required.");
                }
            }
        }
        let service = fields.text("service").unwrap_or_default();
        let account = fields.needed_text("account");
        let old = was.map_or(("", ""), |was| (&was.entry.issuer, &was.entry.account));
        for (name, text, old) in [("service", service, old.0), ("account", account, old.1)] {
            // A URI may have one: what came with it can be sent back.
            if !colons && text.contains(':') && text != old {
                fields.wrong(name, "field must not have a colon.");
            }
        }
        let icon = fields.text("icon");
        let kind = fields.needed_text("otp_type").to_ascii_lowercase();
        if !matches!(kind.as_str(), "" | "totp" | "hotp" | "steamtotp") {
            fields.wrong("otp_type", "field must be totp, hotp or steamtotp.");
        }
        let secret = match fields.text("secret").map(secret) {
            None if fields.has("secret") && was.is_none() => {
                fields.wrong("secret", "field must be a base32 encoded secret.");
                None
            }
            Some(None) => {
                fields.wrong("secret", "field must be a base32 encoded secret.");
                None
            }
            found => found.flatten(),
        };
        let digits = fields.number("digits", 5, 10).unwrap_or(6);
        let name = fields.text("algorithm").unwrap_or("sha1");
        let algorithm = algorithm(name).unwrap_or_else(|| {
            fields.wrong("algorithm", "field must be sha1, sha256, sha512 or md5.");
            Algorithm::Sha1
        });
        let old_period = was.and_then(|was| was.entry.period()).unwrap_or(30);
        let period = fields.number("period", 1, i32::MAX.into());
        let period = period.and_then(|period| u32::try_from(period).ok());
        let highest = i64::try_from(HIGHEST_COUNTER).unwrap_or(i64::MAX);
        let counter = fields.number("counter", 0, highest);
        let counter = counter.and_then(|counter| u64::try_from(counter).ok());
        let group = match (
            fields.has("group_id"),
            fields.number("group_id", 0, i64::MAX),
        ) {
            (false, _) => Grouped::Unsaid,
            (true, None | Some(0)) => Grouped::None,
            (true, Some(group)) => Grouped::In(group),
        };
        fields.check()?;
        let mut entry = Entry {
            kind: match kind.as_str() {
                "hotp" => Kind::Hotp(counter.unwrap_or(0)),
                "steamtotp" => Kind::Steam(30),
                _ => Kind::Totp(period.unwrap_or(old_period)),
            },
            issuer: service.into(),
            account: account.into(),
            secret: match (secret, was) {
                (Some(secret), _) => secret,
                (None, Some(was)) => copy(&was.entry.secret),
                (None, None) => new_secret()?,
            },
            algorithm,
            digits: u8::try_from(digits).unwrap_or(6),
            groups: Vec::new(),
            note: was.and_then(|was| was.entry.note.clone()),
            pin: None,
            icon: None,
        };
        if let Kind::Steam(_) = entry.kind {
            force_steam(&mut entry);
        }
        Ok(Self {
            draft: Draft {
                icon: icon.map(Into::into),
                uri: was.and_then(|was| was.uri.clone()),
                ..Draft::new(entry)
            },
            group,
            counter,
        })
    }
}
