//! Limits: what was allowed, less what was given back, is never more than a limit's burst and what recovered.

use core::time::Duration;
use std::collections::HashMap;

use token_store::ott_core::LimitKind;

use crate::ledger::{
    check::guesses::{Charges, Guess},
    entry::{Asked, Entry, Told},
    stock::{BURST, Stock, charge},
    terms::{Found, Terms},
};

#[derive(Default)]
struct One<'e> {
    /// What asked for one more, guesses too, and whether it was charged.
    spends: Vec<(&'e Entry, Charges)>,
    refunds: Vec<&'e Entry>,
}

pub(super) fn check(
    entries: &[Entry],
    guesses: &[Guess<'_>],
    stock: &Stock,
    terms: &Terms,
    found: &mut Found,
) {
    let mut all: HashMap<usize, One<'_>> = HashMap::new();
    for entry in entries {
        match entry.asked {
            Asked::Spend { limit } => {
                let charges = match entry.told {
                    Told::Done => Charges::Surely,
                    Told::Limited => Charges::Nothing,
                    _ => Charges::Perhaps,
                };
                all.entry(limit).or_default().spends.push((entry, charges));
            }
            Asked::Refund { limit } => all.entry(limit).or_default().refunds.push(entry),
            _ => {}
        }
    }
    for guess in guesses {
        let one = all.entry(guess.limit).or_default();
        one.spends.push((guess.entry, guess.charges));
    }
    for limit in 0..stock.limits() {
        if let Some(one) = all.get(&limit) {
            one.check(limit, terms, found);
        }
    }
}

impl One<'_> {
    fn check(&self, number: usize, terms: &Terms, found: &mut Found) {
        let kind = charge(number).limit.kind();
        let (first, second) = match terms.lets_go_before {
            // A spend that was under way at that moment may count on either side.
            Some(until) => (
                self.over(kind, terms, |ended, _| ended <= until),
                self.over(kind, terms, |_, began| began >= until),
            ),
            None => (0, 0),
        };
        let over = self.over(kind, terms, |_, _| true);
        if over > 0 {
            found.over += over;
            let let_go = terms.lets_go_before.is_some() && first == 0 && second == 0;
            if !let_go {
                found.undone(terms, || {
                    format!("limit {number} ({kind:?}) allowed {over} too many")
                });
            }
        }
        // A clock that is behind finds less recovered.
        if terms.lets_go_before.is_none() && terms.changes == 0 && terms.clocks_apart.is_zero() {
            for (entry, _) in &self.spends {
                self.check_refusal(number, entry, found);
            }
        }
    }

    /// How many were allowed too often, of those within.
    fn over(
        &self,
        kind: LimitKind,
        terms: &Terms,
        within: impl Fn(Duration, Duration) -> bool,
    ) -> usize {
        let is_within = |entry: &Entry| within(entry.ended, entry.began);
        let allowed = self
            .spends
            .iter()
            .filter(|(entry, charges)| is_within(entry) && *charges == Charges::Surely)
            .count();
        // Whether it was done or not.
        let refunded = self.refunds.iter();
        let refunded = refunded.filter(|entry| is_within(entry)).count();
        let mut most = usize::try_from(BURST).unwrap_or(usize::MAX) + refunded;
        if kind != LimitKind::Ceiling {
            // Less than one period passes in a run: what recovers is at most one.
            most += usize::from(!terms.clocks_apart.is_zero());
        }
        if kind == LimitKind::Pace {
            most += usize::try_from(terms.changes).unwrap_or(usize::MAX);
        }
        allowed.saturating_sub(most)
    }

    /// It is refused only if as many were asked for.
    fn check_refusal(&self, number: usize, entry: &Entry, found: &mut Found) {
        let before = |(other, charges): &&(&Entry, Charges)| {
            other.began < entry.ended && *charges != Charges::Nothing
        };
        let asked = self.spends.iter().filter(before).count();
        if entry.told == Told::Limited && asked < usize::try_from(BURST).unwrap_or(usize::MAX) {
            found
                .faults
                .push(format!("limit {number} refuses after {asked}"));
        }
    }
}
