//! An account.

use core::fmt;

use oath_otp::{Digits, Period};
use zeroize::Zeroizing;

use crate::{Algorithm, EntrySecret, Icon, Reason};

/// An account of an authenticator.
pub struct Entry {
    /// How its codes move.
    pub kind: Kind,
    /// Who issued it; empty if nobody is named.
    pub issuer: String,
    /// Its name there; may be empty.
    pub account: String,
    /// The shared secret.
    pub secret: EntrySecret,
    /// The hash under HMAC. Steam's is SHA-1, Yandex's SHA-256; mOTP has another one and ignores this.
    pub algorithm: Algorithm,
    /// How long a code is.
    pub digits: u8,
    /// Groups, folders, tags or categories that it stands in.
    pub groups: Vec<String>,
    /// What the owner wrote beside it.
    pub note: Option<String>,
    /// The PIN of mOTP and Yandex.
    pub pin: Option<Zeroizing<String>>,
    /// Its picture.
    pub icon: Option<Icon>,
}

/// How codes move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 6238; the period in seconds.
    Totp(u32),
    /// RFC 4226; the next counter.
    Hotp(u64),
    /// Five letters and digits of Steam; the period in seconds, always 30.
    Steam(u32),
    /// Mobile-OTP; the period in seconds, 10.
    Motp(u32),
    /// Yandex Key: eight letters; the period in seconds, 30.
    Yandex(u32),
}

impl Kind {
    /// The name of the type: `totp`, `hotp`, `steam`, `motp`, `yandex`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Totp(_) => "totp",
            Kind::Hotp(_) => "hotp",
            Kind::Steam(_) => "steam",
            Kind::Motp(_) => "motp",
            Kind::Yandex(_) => "yandex",
        }
    }
}

impl Entry {
    /// Seconds for which a code is good, unless codes are made by counter.
    #[must_use]
    pub const fn period(&self) -> Option<u32> {
        match self.kind {
            Kind::Totp(period)
            | Kind::Steam(period)
            | Kind::Motp(period)
            | Kind::Yandex(period) => Some(period),
            Kind::Hotp(_) => None,
        }
    }

    /// The next counter, if codes are made by counter.
    #[must_use]
    pub const fn counter(&self) -> Option<u64> {
        match self.kind {
            Kind::Hotp(counter) => Some(counter),
            _ => None,
        }
    }

    /// The name of the algorithm; mOTP's is MD5.
    #[must_use]
    pub const fn algorithm_name(&self) -> &'static str {
        match self.kind {
            Kind::Motp(_) => "MD5",
            _ => self.algorithm.name(),
        }
    }

    /// `issuer:account`, or the account alone where there is no issuer.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.issuer.as_str(), self.account.as_str()) {
            ("", account) => account.into(),
            (issuer, "") => issuer.into(),
            (issuer, account) => format!("{issuer}:{account}"),
        }
    }

    /// Whether both make the same codes under the same name.
    #[must_use]
    pub fn is_same_account(&self, other: &Entry) -> bool {
        (&self.issuer, &self.account) == (&other.issuer, &other.account)
            && self.makes_codes_of(other)
    }

    /// Whether both make the same codes, the counter included.
    pub(crate) fn has_codes_of(&self, other: &Entry) -> bool {
        self.counter() == other.counter() && self.makes_codes_of(other)
    }

    fn makes_codes_of(&self, other: &Entry) -> bool {
        self.kind.name() == other.kind.name()
            && (self.algorithm, self.digits, self.period())
                == (other.algorithm, other.digits, other.period())
            && *self.secret.bytes() == *other.secret.bytes()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, ..)", self.kind.name())
    }
}

/// What a file says about an entry, before it is held against what an entry can be.
#[derive(Default)]
pub(crate) struct Draft<'a> {
    pub(crate) kind: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) account: &'a str,
    /// Absent or empty: SHA-1.
    pub(crate) algorithm: &'a str,
    /// Absent: 6.
    pub(crate) digits: Option<u64>,
    /// Absent: 30 seconds.
    pub(crate) period: Option<u64>,
    /// Absent: 0.
    pub(crate) counter: Option<u64>,
    pub(crate) pin: Option<&'a str>,
}

impl Draft<'_> {
    pub(crate) fn with(self, secret: EntrySecret) -> Result<Entry, Reason> {
        let period = |default| {
            let period =
                u32::try_from(self.period.unwrap_or(default)).map_err(|_| Reason::Period)?;
            Ok::<u32, Reason>(
                Period::try_from(period)
                    .map_err(|_| Reason::Period)?
                    .seconds(),
            )
        };
        let pin = self
            .pin
            .filter(|pin| !pin.is_empty())
            .map(|pin| Zeroizing::new(pin.to_owned()));
        let mut algorithm = match self.algorithm {
            "" => Algorithm::Sha1,
            name => Algorithm::ALL
                .into_iter()
                .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
                .ok_or(Reason::Algorithm)
                .or(if self.kind.eq_ignore_ascii_case("motp") {
                    Ok(Algorithm::Sha1)
                } else {
                    Err(Reason::Algorithm)
                })?,
        };
        let mut digits = self.digits.unwrap_or(6);
        let kind = match self.kind.to_ascii_lowercase().as_str() {
            "totp" => Kind::Totp(period(30)?),
            "hotp" => Kind::Hotp(self.counter.unwrap_or(0)),
            "steam" => {
                (algorithm, digits) = (Algorithm::Sha1, 5);
                Kind::Steam(30)
            }
            "motp" => {
                (algorithm, digits) = (Algorithm::Sha1, 6);
                Kind::Motp(10)
            }
            "yandex" => {
                (algorithm, digits) = (Algorithm::Sha256, 8);
                Kind::Yandex(30)
            }
            _ => return Err(Reason::Type),
        };
        let digits = u8::try_from(digits).map_err(|_| Reason::Digits)?;
        let digits = Digits::try_from(digits).map_err(|_| Reason::Digits)?.get();
        Ok(Entry {
            kind,
            issuer: self.issuer.into(),
            account: self.account.into(),
            secret,
            algorithm,
            digits,
            groups: Vec::new(),
            note: None,
            pin,
            icon: None,
        })
    }
}
