//! The code of an account.

use oath_otp::{Code, Digits, Hotp, Period, Secret, Steam, Totp};

use crate::{Entry, Kind, algorithm::md5_code};

impl Entry {
    /// The code at `unix_time` (Unix seconds of the caller's clock), or the one of the next counter.
    ///
    /// # Security
    /// Of an account that counts, the caller stores the raised counter before it shows the code.
    ///
    /// # Errors
    /// [`CodeError`].
    pub fn code(&self, unix_time: u64) -> Result<Code, CodeError> {
        self.code_of(self.kind, unix_time)
    }

    /// The code that follows the one of [`code`](Self::code): of the next period, or of the counter behind.
    ///
    /// # Errors
    /// [`CodeError`]; [`CodeError::Spent`] if none follows.
    pub fn next_code(&self, unix_time: u64) -> Result<Code, CodeError> {
        match self.kind {
            Kind::Hotp(counter) => {
                let counter = counter.checked_add(1).ok_or(CodeError::Spent)?;
                self.code_of(Kind::Hotp(counter), unix_time)
            }
            kind => {
                let left = self.seconds_left(unix_time).ok_or(CodeError::Unusable)?;
                self.code_of(kind, unix_time.checked_add(left).ok_or(CodeError::Spent)?)
            }
        }
    }

    fn code_of(&self, kind: Kind, unix_time: u64) -> Result<Code, CodeError> {
        let secret = Secret::import_short(&self.secret.bytes()).map_err(|_| CodeError::Unusable)?;
        let digits = Digits::try_from(self.digits).map_err(|_| CodeError::Unusable)?;
        // Only MD5 is none of RFC 4226 and RFC 6238.
        let Some(algorithm) = self.algorithm.oath() else {
            let moving = match kind {
                Kind::Totp(period) => unix_time.checked_div(period.into()),
                Kind::Hotp(counter) => Some(counter),
                Kind::Steam(_) | Kind::Motp(_) | Kind::Yandex(_) => None,
            };
            let moving = moving.ok_or(CodeError::Unusable)?;
            let code = md5_code(&self.secret.bytes(), moving, digits);
            return code.ok_or(CodeError::Short);
        };
        match kind {
            Kind::Totp(period) => {
                let period = Period::try_from(period).map_err(|_| CodeError::Unusable)?;
                Ok(Totp {
                    algorithm,
                    digits,
                    period,
                    ..Totp::default()
                }
                .generate(&secret, unix_time))
            }
            Kind::Hotp(counter) => Ok(Hotp {
                algorithm,
                digits,
                ..Hotp::default()
            }
            .generate(&secret, counter)),
            Kind::Steam(_) => Ok(Steam.generate(&secret, unix_time)),
            Kind::Motp(_) | Kind::Yandex(_) => Err(CodeError::NotMade(kind.name())),
        }
    }

    /// Seconds until the code of `unix_time` is followed by the next one, from 1 to the period.
    #[must_use]
    pub fn seconds_left(&self, unix_time: u64) -> Option<u64> {
        let period = u64::from(self.period()?);
        period.checked_sub(unix_time.checked_rem(period)?)
    }
}

/// Why there is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// mOTP rests on MD5, and no source says how Yandex's codes are made: both are only carried along.
    #[error("codes of type {0} are not made here")]
    NotMade(&'static str),
    /// The MAC of MD5 is too short for this one code: others of the account may be made.
    #[error("MD5 has no code for this time or counter")]
    Short,
    /// Every counter or time of 64 bits was used.
    #[error("no further code of this account follows")]
    Spent,
    /// The secret holds no byte.
    #[error("the secret of this account makes no codes")]
    Unusable,
}
