//! Comparing what was typed with a run of counters, at a cost that tells nothing.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

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
        let mut found = Found::default();
        let mut replayed = Choice::from(0);
        self.for_each(run, |counter, code| {
            let fresh = last_accepted.is_none_or(|last| counter > last);
            let fresh = Choice::from(u8::from(fresh));
            let equal = code.ct_eq(&typed.number());
            found.note(counter, equal & fresh);
            replayed |= equal & !fresh;
        });
        found.or(if replayed.into() {
            Reason::Replayed
        } else {
            Reason::NoMatch
        })
    }

    /// The newest counter of the run whose code is `second`, with `first` being the code before it.
    pub(crate) fn newest_pair(
        self,
        run: Run,
        first: &Typed,
        second: &Typed,
    ) -> Result<u64, Rejected> {
        let mut found = Found::default();
        let mut before = Choice::from(0);
        self.for_each(run, |counter, code| {
            found.note(counter, before & code.ct_eq(&second.number()));
            before = code.ct_eq(&first.number());
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

/// The last counter that was noted, kept without branches.
struct Found {
    any: Choice,
    counter: u64,
}

impl Default for Found {
    fn default() -> Self {
        Found {
            any: Choice::from(0),
            counter: 0,
        }
    }
}

impl Found {
    fn note(&mut self, counter: u64, hit: Choice) {
        self.counter.conditional_assign(&counter, hit);
        self.any |= hit;
    }

    fn or(self, reason: Reason) -> Result<u64, Rejected> {
        if self.any.into() {
            Ok(self.counter)
        } else {
            Err(Rejected::new(reason))
        }
    }
}
