//! Guesses at factors: each was charged, or burnt a code, or did nothing; and a factor allows so many failures in a row.

use core::time::Duration;
use std::collections::HashMap;

use super::factors::One as Factor;
use crate::ledger::{
    entry::{Asked, Entry, Told},
    stock::{FAILURES, Stock},
    terms::{Found, Terms},
};

/// Whether something was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charges {
    Nothing,
    Perhaps,
    Surely,
}

pub(super) struct Guess<'e> {
    pub(super) entry: &'e Entry,
    factor: usize,
    pub(super) limit: usize,
    pub(super) charges: Charges,
    /// Whether it may have cleared the factor's failures.
    may_clear: bool,
}

pub(super) fn read<'e>(entries: &'e [Entry], factors: &[Factor<'_>]) -> Vec<Guess<'e>> {
    let guess = |entry: &'e Entry| {
        let Asked::Guess {
            factor,
            counter,
            limit,
        } = entry.asked
        else {
            return None;
        };
        let charges = match entry.told {
            Told::Refused(_) | Told::Replayed | Told::Absent => Charges::Surely,
            Told::Outage(..) => {
                // A right one that nothing refuses burns its code, or does nothing.
                let refused =
                    counter.is_none_or(|counter| factors[factor].may_refuse(entry, counter));
                if refused {
                    Charges::Perhaps
                } else {
                    Charges::Nothing
                }
            }
            _ => Charges::Nothing,
        };
        let is_open = matches!(entry.told, Told::Done | Told::Outage(..));
        Some(Guess {
            entry,
            factor,
            limit,
            charges,
            may_clear: counter.is_some() && is_open,
        })
    };
    entries.iter().filter_map(guess).collect()
}

pub(super) fn check(guesses: &[Guess<'_>], stock: &Stock, terms: &Terms, found: &mut Found) {
    let mut of_factor: HashMap<usize, Vec<&Guess<'_>>> = HashMap::new();
    for guess in guesses {
        of_factor.entry(guess.factor).or_default().push(guess);
    }
    for number in 0..stock.factors().len() {
        let own = of_factor.get(&number).map_or(&[][..], Vec::as_slice);
        let over = over(own, terms);
        if over > 0 {
            found.over += over;
            found.undone(terms, || {
                format!("factor {number} allowed {over} too many failures in a row")
            });
        }
        let is_exact = terms.lets_go_before.is_none() && terms.changes == 0 && !terms.undoes;
        for guess in own
            .iter()
            .filter(|guess| is_exact && guess.entry.told == Told::Locked)
        {
            let failed = failed_before(own, guess.entry);
            if failed < FAILURES as usize {
                let fault = format!("factor {number} is locked after {failed}");
                found.faults.push(fault);
            }
        }
    }
}

/// How many failures too many there surely were, with no success between them.
fn over(own: &[&Guess<'_>], terms: &Terms) -> usize {
    let failures = || own.iter().filter(|guess| guess.charges == Charges::Surely);
    let mut most = 0;
    for first in failures() {
        let began = first.entry.began;
        // The moment from which on a success may have been between.
        let cleared = own.iter().filter(|guess| guess.may_clear);
        let cleared = cleared.filter(|guess| ended(guess) > began);
        let until = cleared.map(|guess| guess.entry.began).min();
        let until = until.unwrap_or(Duration::MAX);
        let until = match terms.lets_go_before {
            Some(lost) if began < lost => until.min(lost),
            _ => until,
        };
        let inside = |guess: &&&Guess<'_>| guess.entry.began >= began && guess.entry.ended <= until;
        most = most.max(failures().filter(inside).count());
    }
    most.saturating_sub(FAILURES as usize)
}

/// When it surely had happened, or never would.
fn ended(guess: &Guess<'_>) -> Duration {
    match guess.entry.told {
        Told::Outage(..) => Duration::MAX,
        _ => guess.entry.ended,
    }
}

/// How many failures there may have been that no success had cleared.
fn failed_before(own: &[&Guess<'_>], locked: &Entry) -> usize {
    let successes = || {
        let done = own.iter().filter(|guess| guess.entry.told == Told::Done);
        done.filter(|guess| guess.entry.ended <= locked.began)
    };
    own.iter()
        .filter(|guess| guess.charges != Charges::Nothing && guess.entry.began < locked.ended)
        .filter(|guess| !successes().any(|success| ended(guess) <= success.entry.began))
        .count()
}
