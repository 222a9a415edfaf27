//! Comparing what was typed with a run of counters, at a cost that tells nothing.

use subtle::ConstantTimeEq;

use crate::typed::Typed;
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
    /// The newest counter of the run whose code was typed, if it is above `last_accepted`. `early` further counters
    /// behind the run are refused, and the refusal names them.
    ///
    /// Every counter is computed and compared, whatever matches.
    pub(crate) fn newest(
        self,
        run: Run,
        early: u64,
        typed: &Typed,
        last_accepted: Option<u64>,
    ) -> Result<u64, Rejected> {
        let (mut found, mut ahead, mut matched) = (Found::default(), Found::default(), 0);
        let searched = Run {
            last: run.last.saturating_add(early),
            ..run
        };
        self.for_each(searched, |counter, code| {
            // Which counters are fresh and which are early is no secret.
            let fresh = mask(last_accepted.is_none_or(|last| counter > last).into());
            let inside = mask((counter <= run.last).into());
            let equal = equal(code, typed);
            found.note(counter, equal & fresh & inside);
            ahead.note(counter, equal & fresh & !inside);
            matched |= equal;
        });
        // Without a fresh match, a match is a replay.
        let reason = if matched == 0 {
            Reason::NoMatch
        } else if ahead.any == 0 {
            Reason::Replayed
        } else {
            Reason::Ahead
        };
        found.or(Rejected::at(reason, ahead.counter))
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
        found.or(Rejected::new(Reason::NoMatch))
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
    #[cfg(test)]
    tests::COMPARISONS.with(|comparisons| comparisons.set(comparisons.get().saturating_add(1)));
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

    fn or(self, refused: Rejected) -> Result<u64, Rejected> {
        if self.any == 0 {
            return Err(refused);
        }
        Ok(self.counter)
    }
}

/// What an early exit would save is counted where it would be saved.
#[cfg(test)]
pub(crate) mod tests {
    use core::cell::Cell;
    use std::thread_local;

    use super::*;

    thread_local! {
        /// Codes computed.
        pub(crate) static MACS: Cell<usize> = const { Cell::new(0) };
        /// Codes compared with a typed one.
        pub(crate) static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    /// More than are computed together, and not a multiple of it.
    const RUN: Run = Run { first: 5, last: 11 };

    fn counted(search: impl FnOnce() -> Option<u64>) -> (Option<u64>, usize, usize) {
        MACS.set(0);
        COMPARISONS.set(0);
        (search(), MACS.get(), COMPARISONS.get())
    }

    fn typed(algorithm: Algorithm, secret: &Secret, counter: u64) -> Typed {
        let digits = Digits::Eight;
        let code = mac::code(algorithm, digits, secret, counter);
        Typed::parse(code.expose_secret(), digits).expect("eight digits")
    }

    /// Every counter is computed and compared once, whatever matches and whatever was accepted before.
    #[test]
    fn search_computes_and_compares_every_counter() {
        let secret = &Secret::from_bytes(&[7; 20]).expect("20 bytes");
        for &algorithm in Algorithm::ALL {
            let search = Search {
                algorithm,
                digits: Digits::Eight,
                secret,
            };
            // Before the run, at each of its places, and behind it.
            for counter in 4..=12 {
                let code = typed(algorithm, secret, counter);
                let inside = Some(counter).filter(|counter| (5..=11).contains(counter));
                // Nothing accepted yet, a replay of some and of all.
                for last in [None, Some(7), Some(11)] {
                    let found = counted(|| search.newest(RUN, 0, &code, last).ok());
                    let fresh = inside.filter(|counter| last.is_none_or(|last| *counter > last));
                    assert_eq!(
                        found,
                        (fresh, 7, 7),
                        "{algorithm}, {counter} after {last:?}"
                    );
                }

                // Two of the run are early: they are computed and compared like the others.
                let accepted = Run { last: 9, ..RUN };
                let found = counted(|| search.newest(accepted, 2, &code, None).ok());
                let early = inside.filter(|counter| *counter <= 9);
                assert_eq!(found, (early, 7, 7), "{algorithm}, {counter} early");

                let next = counter.saturating_add(1);
                let second = typed(algorithm, secret, next);
                let found = counted(|| search.newest_pair(RUN, &code, &second).ok());
                let pair = inside.map(|_| next).filter(|next| *next <= 11);
                assert_eq!(found, (pair, 7, 14), "{algorithm}, {counter} and {next}");
                let other = typed(algorithm, secret, 100);
                let found = counted(|| search.newest_pair(RUN, &code, &other).ok());
                assert_eq!(found, (None, 7, 14), "{algorithm}, {counter} and another");
            }
        }
    }
}
