//! TOTP: codes from the time.

use crate::search::{Run, Search};
use crate::typed::Typed;
use crate::{Algorithm, Code, Digits, Period, Reach, Reason, Rejected, Secret, mac};

/// Time-based one-time passwords.
///
/// The default is what every authenticator knows: SHA-1, six digits, steps of 30 seconds counted
/// from the Unix epoch. No combination of values is invalid, so the fields are open.
///
/// ```
/// use oath_otp::{Digits, Totp, Window};
///
/// let strict = Totp { digits: Digits::Eight, window: Window::STRICT, ..Totp::default() };
/// ```
///
/// Specification: RFC 6238.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Totp {
    /// The hash under HMAC.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Length of a step (X).
    pub period: Period,
    /// When step 0 begins, in Unix seconds (T0). 0 wherever an authenticator app is involved.
    pub start: u64,
    /// Which steps around the present one are accepted.
    pub window: Window,
}

/// Steps behind the window that are looked at, to say why their code is refused.
const EARLY: u64 = 1;

impl Totp {
    /// The step of a moment in Unix seconds, or `None` before [`start`](Totp::start).
    ///
    /// Specification: RFC 6238 section 4.2.
    #[must_use]
    pub fn step_at(&self, unix_time: u64) -> Option<u64> {
        let elapsed = unix_time.checked_sub(self.start)?;
        Some(self.period.count_in(elapsed))
    }

    /// The code of a moment in Unix seconds.
    ///
    /// Before [`start`](Totp::start) it is the code of the first step, which no verifier accepts yet.
    #[must_use]
    pub fn generate(&self, secret: &Secret, unix_time: u64) -> Code {
        let step = self.step_at(unix_time).unwrap_or(0);
        mac::code(self.algorithm, self.digits, secret, step)
    }

    /// Finds the step whose code was typed.
    ///
    /// Searches the [window](Totp::window) around `unix_time` (Unix seconds of the caller's clock)
    /// and returns the newest step that matches and is above `last_accepted`. Every step of the
    /// window is computed and compared in constant time, whatever matches.
    ///
    /// `typed` is read as people paste it: decimal digits of any script; blanks, line ends, dashes and characters that
    /// are not seen are ignored. Anything else but the right number of digits is refused as malformed, and so is what
    /// is longer than 128 bytes.
    ///
    /// The step behind the window is computed and compared as well. Its code is refused, with
    /// [`Reason::Ahead`]: so the caller can say that the clock of the device is ahead.
    ///
    /// # Security
    /// This changes nothing. Whoever calls it must, in one atomic step, raise the stored
    /// `last_accepted` to the returned step and refuse when it already is that high: only then is a
    /// code accepted once. It must also count the attempt before calling. What it must do before it tells anybody
    /// of a clock ahead is said at [`Reason::Ahead`].
    ///
    /// # Errors
    /// [`Rejected`], with one text for every cause.
    ///
    /// Specification: RFC 6238 sections 4.2, 5.2 and 6.
    pub fn verify(
        &self,
        secret: &Secret,
        typed: &str,
        unix_time: u64,
        last_accepted: Option<u64>,
    ) -> Result<TimeStep, Rejected> {
        let typed = Typed::parse(typed, self.digits)?;
        let Some(now) = self.step_at(unix_time) else {
            return Err(Rejected::new(Reason::BeforeStart));
        };
        let run = Run {
            first: now.saturating_sub(self.window.past.get().into()),
            last: now.saturating_add(self.window.future.get().into()),
        };
        let Totp {
            algorithm, digits, ..
        } = *self;
        let search = Search {
            algorithm,
            digits,
            secret,
        };
        search
            .newest(run, EARLY, &typed, last_accepted)
            .map(TimeStep)
    }

    /// The denominator of a guess: [`Digits::code_space`].
    #[must_use]
    pub const fn code_space(&self) -> u64 {
        self.digits.code_space()
    }

    /// How many codes [`verify`](Totp::verify) accepts at one moment: the numerator of a guess.
    #[must_use]
    pub const fn valid_codes(&self) -> u32 {
        self.window.steps()
    }
}

/// How many steps beside the present one are accepted.
///
/// The default is one past step, for the seconds between reading and typing, and no future one.
///
/// Specification: RFC 6238 section 5.2 (at most one step of delay is recommended).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Window {
    /// Steps before the present one.
    pub past: Reach,
    /// Steps after the present one, for devices whose clock is ahead.
    pub future: Reach,
}

impl Window {
    /// The present step alone.
    pub const STRICT: Window = Window {
        past: Reach::NONE,
        future: Reach::NONE,
    };

    /// How many steps are accepted at one moment, the present one included.
    #[must_use]
    pub const fn steps(self) -> u32 {
        (self.past.get() as u32)
            .saturating_add(self.future.get() as u32)
            .saturating_add(1)
    }
}

impl Default for Window {
    fn default() -> Self {
        Window {
            past: Reach::ONE,
            future: Reach::NONE,
        }
    }
}

/// The time step whose code was typed; only [`Totp::verify`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[must_use = "a step that is not stored as the last accepted one can be used again"]
pub struct TimeStep(u64);

impl TimeStep {
    /// The number of the step, to be stored as the last accepted one.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}
