//! HOTP: codes from a counter.

use crate::search::{Run, Search};
use crate::typed::Typed;
use crate::{Algorithm, Code, Digits, Reach, Reason, Rejected, ResyncRange, Secret, mac};

/// Counter-based one-time passwords.
///
/// No combination of values is invalid, so the fields are open.
///
/// Specification: RFC 4226.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Hotp {
    /// The hash under HMAC. RFC 4226 knows SHA-1 alone.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// How many codes that were made but never sent are skipped silently (s). 1 by default.
    pub look_ahead: Reach,
    /// How far [`resync`](Hotp::resync) searches for a pair of codes. 100 counters by default.
    pub resync_range: ResyncRange,
}

impl Hotp {
    /// The code of a counter.
    ///
    /// Specification: RFC 4226 section 5.3.
    #[must_use]
    pub fn generate(&self, secret: &Secret, counter: u64) -> Code {
        mac::code(self.algorithm, self.digits, secret, counter)
    }

    /// Finds the counter whose code was typed.
    ///
    /// Searches the counter after `last_accepted` (0 if there is none yet) and
    /// [`look_ahead`](Hotp::look_ahead) more, and returns the highest that matches. All of them are
    /// computed and compared in constant time, whatever matches. `typed` is read as
    /// [`Totp::verify`](crate::Totp::verify) reads it.
    ///
    /// # Security
    /// This changes nothing. Whoever calls it must, in one atomic step, raise the stored
    /// `last_accepted` to the returned counter and refuse when it already is that high: only then is
    /// a code accepted once. It must also count the attempt before calling.
    ///
    /// # Errors
    /// [`Rejected`], with one text for every cause.
    ///
    /// Specification: RFC 4226 sections 7.2 and 7.4.
    pub fn verify(
        &self,
        secret: &Secret,
        typed: &str,
        last_accepted: Option<u64>,
    ) -> Result<Counter, Rejected> {
        let typed = Typed::parse(typed, self.digits)?;
        let run = run_after(last_accepted, self.look_ahead.get().into())?;
        self.search(secret)
            .newest(run, 0, &typed, last_accepted)
            .map(Counter)
    }

    /// Finds two consecutive codes further ahead, for a device that ran away.
    ///
    /// Searches the [`resync_range`](Hotp::resync_range) counters after `last_accepted` for one whose
    /// code is `first` while the next one's is `second`, and returns the second counter. Every pair
    /// is compared in constant time, whatever matches.
    ///
    /// # Security
    /// As for [`verify`](Hotp::verify): count first, then store what is returned.
    ///
    /// # Errors
    /// [`Rejected`], with one text for every cause.
    ///
    /// Specification: RFC 4226 section 7.4 and appendix E.4.
    pub fn resync(
        &self,
        secret: &Secret,
        first: &str,
        second: &str,
        last_accepted: Option<u64>,
    ) -> Result<Counter, Rejected> {
        let first = Typed::parse(first, self.digits)?;
        let second = Typed::parse(second, self.digits)?;
        let run = run_after(last_accepted, self.resync_range.get().into())?;
        self.search(secret)
            .newest_pair(run, &first, &second)
            .map(Counter)
    }

    /// The denominator of a guess: [`Digits::code_space`].
    #[must_use]
    pub const fn code_space(&self) -> u64 {
        self.digits.code_space()
    }

    /// How many codes [`verify`](Hotp::verify) accepts at one moment: the numerator of a guess.
    #[must_use]
    pub const fn valid_codes(&self) -> u32 {
        (self.look_ahead.get() as u32).saturating_add(1)
    }

    fn search<'a>(&self, secret: &'a Secret) -> Search<'a> {
        let Hotp {
            algorithm, digits, ..
        } = *self;
        Search {
            algorithm,
            digits,
            secret,
        }
    }
}

impl Default for Hotp {
    fn default() -> Self {
        Hotp {
            algorithm: Algorithm::Sha1,
            digits: Digits::Six,
            look_ahead: Reach::ONE,
            resync_range: ResyncRange::default(),
        }
    }
}

/// The counter after the last accepted one and `more`, as far as there are any.
fn run_after(last_accepted: Option<u64>, more: u64) -> Result<Run, Rejected> {
    let first = match last_accepted {
        Some(last) => last
            .checked_add(1)
            .ok_or(Rejected::new(Reason::Exhausted))?,
        None => 0,
    };
    Ok(Run {
        first,
        last: first.saturating_add(more),
    })
}

/// The counter whose code was typed; only [`Hotp::verify`] and [`Hotp::resync`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[must_use = "a counter that is not stored as the last accepted one can be used again"]
pub struct Counter(u64);

impl Counter {
    /// The counter, to be stored as the last accepted one.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}
