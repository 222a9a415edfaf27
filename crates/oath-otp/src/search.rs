//! Comparing what was typed with a run of counters, at a cost that tells nothing.

use subtle::ConstantTimeEq;

use crate::code::Typed;
use crate::{Algorithm, Digits, Reason, Rejected, Secret, mac};

/// Counters to search, both ends included.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Run {
    fn count(self) -> u64 {
        // A whole u64 of counters is never searched, so nothing saturates.
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

/// What is searched with: the same for every counter of a run.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) digits: Digits,
    pub(crate) secret: &'a Secret,
}

impl Search<'_> {
    /// The newest counter of the run whose code was typed, if it is above `last_accepted`.
    ///
    /// Every counter is computed and compared, whatever matches.
    pub(crate) fn newest(
        self,
        run: Run,
        typed: &Typed,
        last_accepted: Option<u64>,
    ) -> Result<u64, Rejected> {
        let (mut found, mut matched) = (Found::default(), 0);
        self.for_each(run, |counter, code| {
            // Which counters are fresh is no secret.
            let fresh = mask(last_accepted.is_none_or(|last| counter > last).into());
            let equal = equal(code, typed);
            found.note(counter, equal & fresh);
            matched |= equal;
        });
        // Without a fresh match, a match is a replay.
        found.or(if matched == 0 {
            Reason::NoMatch
        } else {
            Reason::Replayed
        })
    }

    /// The newest counter of the run whose code is `second`, with `first` being the code before it.
    pub(crate) fn newest_pair(
        self,
        run: Run,
        first: &Typed,
        second: &Typed,
    ) -> Result<u64, Rejected> {
        let (mut found, mut before) = (Found::default(), 0);
        self.for_each(run, |counter, code| {
            found.note(counter, before & equal(code, second));
            before = equal(code, first);
        });
        found.or(Reason::NoMatch)
    }

    fn for_each(self, run: Run, mut visit: impl FnMut(u64, u64)) {
        let key = self.secret.expose_secret();
        mac::for_each(
            self.algorithm,
            key,
            run.first,
            run.count(),
            |counter, truncated| {
                visit(counter, self.digits.reduce(truncated).into());
            },
        );
    }
}

/// All ones if the code is the one that was typed, else all zeros. The compiler cannot see through
/// the comparison, so it cannot turn the bit operations on its result into branches.
fn equal(code: u64, typed: &Typed) -> u64 {
    mask(code.ct_eq(&typed.number()).unwrap_u8())
}

/// All ones for 1, all zeros for 0.
fn mask(bit: u8) -> u64 {
    u64::from(bit).wrapping_neg()
}

/// The last counter that was noted with a mask of ones, kept without branches.
#[derive(Default)]
struct Found {
    any: u64,
    counter: u64,
}

impl Found {
    fn note(&mut self, counter: u64, hit: u64) {
        self.counter = (self.counter & !hit) | (counter & hit);
        self.any |= hit;
    }

    fn or(self, reason: Reason) -> Result<u64, Rejected> {
        if self.any == 0 {
            return Err(Rejected::new(reason));
        }
        Ok(self.counter)
    }
}
