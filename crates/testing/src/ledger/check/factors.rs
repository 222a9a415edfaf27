//! Factors: each code once, counters only forward, what was removed stays so.

use core::time::Duration;
use std::collections::HashMap;

use token_store::FactorState;

use super::Event;
use crate::ledger::{
    entry::{Asked, Entry, Told},
    stock::Stock,
    terms::{Found, Terms},
};

pub(super) fn purges(entries: &[Entry]) -> Vec<Event> {
    let purges = entries.iter();
    purges
        .filter(|entry| entry.asked == Asked::PurgeFactors)
        .map(Event::of)
        .collect()
}

/// Each factor, and what may have become of it.
pub(super) fn read<'e>(
    entries: &'e [Entry],
    stock: &Stock,
    purges: &'e [Event],
    terms: &Terms,
) -> Vec<One<'e>> {
    let mut of_factor: HashMap<usize, Vec<&Entry>> = HashMap::new();
    for entry in entries {
        match entry.asked {
            Asked::Enrol { factor }
            | Asked::Confirm { factor, .. }
            | Asked::Advance { factor, .. }
            | Asked::Guess { factor, .. }
            | Asked::Remove { factor }
            | Asked::Restore { factor } => of_factor.entry(factor).or_default().push(entry),
            _ => {}
        }
    }
    let one = |number| {
        let own = of_factor.remove(&number).unwrap_or_default();
        One::new(number, own, purges, terms.clocks_apart)
    };
    (0..stock.factors().len()).map(one).collect()
}

pub(super) fn check(
    all: &[One<'_>],
    entries: &[Entry],
    stock: &Stock,
    terms: &Terms,
    found: &mut Found,
) {
    let mut lists: HashMap<usize, Vec<&Entry>> = HashMap::new();
    for entry in entries {
        if let Asked::Factors { owner } = entry.asked {
            lists.entry(owner).or_default().push(entry);
        }
    }
    for (one, factor) in all.iter().zip(stock.factors()) {
        one.check_counters(terms, found);
        for entry in &one.own {
            one.check_refusal(entry, terms, found);
        }
        for entry in lists.get(&factor.owner).into_iter().flatten() {
            one.check_list(entry, terms, found);
        }
    }
}

/// How old is what a purge takes.
const SPARED: Duration = Duration::from_secs(1);

/// A factor and what may have become of it.
pub(super) struct One<'e> {
    number: usize,
    own: Vec<&'e Entry>,
    enrolled: Option<Event>,
    confirms: Vec<(u64, Event)>,
    /// Of confirmations too.
    burns: Vec<(u64, Event)>,
    removes: Vec<Event>,
    restores: Vec<Event>,
    purges: &'e [Event],
    /// How far clocks are apart.
    apart: Duration,
}

impl<'e> One<'e> {
    fn new(number: usize, own: Vec<&'e Entry>, purges: &'e [Event], apart: Duration) -> Self {
        let mut one = Self {
            number,
            own: Vec::new(),
            enrolled: None,
            confirms: Vec::new(),
            burns: Vec::new(),
            removes: Vec::new(),
            restores: Vec::new(),
            purges,
            apart,
        };
        for entry in &own {
            let event = Event::of(entry);
            match entry.asked {
                Asked::Enrol { .. } => one.enrolled = Some(event),
                Asked::Confirm { counter, .. } => {
                    one.confirms.push((counter, event));
                    one.burns.push((counter, event));
                }
                Asked::Advance { counter, .. } => one.burns.push((counter, event)),
                // What a limit refuses burns nothing.
                Asked::Guess {
                    counter: Some(counter),
                    ..
                } if !matches!(entry.told, Told::Limited | Told::Locked | Told::Ahead) => {
                    one.burns.push((counter, event));
                }
                Asked::Remove { .. } => one.removes.push(event),
                Asked::Restore { .. } => one.restores.push(event),
                _ => {}
            }
        }
        Self { own, ..one }
    }

    /// Whether the code of this counter may have been refused, as replayed or because the factor was not active.
    pub(super) fn may_refuse(&self, entry: &Entry, counter: u64) -> bool {
        let other = |(burnt, event): &(u64, Event)| *burnt >= counter && event.began != entry.began;
        self.confirmed_before(entry.began).is_none()
            || self.may_be_removed(Duration::MAX)
            || self.may_be_purged(Duration::MAX)
            || self.burns.iter().any(other)
    }

    fn name(&self) -> String {
        format!("factor {}", self.number)
    }

    /// A counter is accepted once, and none below it afterwards; nothing is accepted of what is removed.
    fn check_counters(&self, terms: &Terms, found: &mut Found) {
        let mut accepted: Vec<_> = self
            .burns
            .iter()
            .filter_map(|(counter, event)| Some((*counter, event.began, event.done?)))
            .collect();
        accepted.sort_unstable();
        for (at, (counter, began, ended)) in accepted.iter().enumerate() {
            let again = accepted[..at]
                .last()
                .is_some_and(|(before, ..)| before == counter);
            let behind = accepted[at + 1..].iter().any(|(_, _, done)| done <= began);
            if again || behind {
                found.back += 1;
                found.undone(terms, || {
                    format!("{} accepts {counter} again or late", self.name())
                });
            }
            let restored = |moment| {
                self.restores
                    .iter()
                    .any(|restore| restore.may_be_before(moment))
            };
            let removed = self.removes.iter().find(|remove| remove.is_before(*began));
            if let Some(removed) = removed
                && !restored(*ended)
            {
                self.came_back(removed, *began, terms, found, "proves after it was removed");
            }
        }
        let confirmed = self
            .confirms
            .iter()
            .filter(|(_, event)| event.done.is_some());
        let mut confirmed: Vec<_> = confirmed.map(|(_, event)| *event).collect();
        confirmed.sort_by_key(|event| event.began);
        for pair in confirmed.windows(2) {
            self.came_back(&pair[0], pair[1].began, terms, found, "is confirmed again");
        }
    }

    /// What was acknowledged is undone. A loss where the terms let it go, and somebody accepted that before.
    fn came_back(
        &self,
        event: &Event,
        began: Duration,
        terms: &Terms,
        found: &mut Found,
        how: &str,
    ) {
        let let_go = |until| event.done.is_some_and(|done| done <= until) && began >= until;
        if terms.lets_go_before.is_some_and(let_go) {
            found.losses += 1;
            found.let_go += 1;
        } else {
            found.back += 1;
            found.undone(terms, || format!("{} {how}", self.name()));
        }
    }

    fn may_be_removed(&self, moment: Duration) -> bool {
        self.removes
            .iter()
            .any(|remove| remove.may_be_before(moment))
    }

    /// A purge takes what waits for its confirmation, too.
    fn may_be_purged(&self, moment: Duration) -> bool {
        let confirmed = self
            .confirms
            .iter()
            .any(|(_, event)| event.done.is_some_and(|done| done <= moment));
        let old = |purge: &Event| match (self.enrolled, purge.done) {
            // It takes what is older than that by its own clock.
            (Some(enrolled), Some(done)) => enrolled.began + SPARED <= done + self.apart,
            _ => true,
        };
        let may_take = |purge: &Event| purge.may_be_before(moment) && old(purge);
        let purged = self.purges.iter().any(may_take);
        purged && (!confirmed || self.may_be_removed(moment))
    }

    fn confirmed_before(&self, moment: Duration) -> Option<Duration> {
        let done = self.confirms.iter().filter_map(|(_, event)| event.done);
        done.filter(|done| *done <= moment).min()
    }

    fn check_refusal(&self, entry: &Entry, terms: &Terms, found: &mut Found) {
        let gone = self.may_be_removed(entry.ended) || self.may_be_purged(entry.ended);
        let enrolled = self
            .enrolled
            .and_then(|enrolled| enrolled.done)
            .filter(|done| *done <= entry.began);
        match (&entry.told, entry.asked) {
            (Told::Absent, Asked::Advance { .. } | Asked::Guess { .. }) => {
                if let Some(confirmed) = self.confirmed_before(entry.began)
                    && !gone
                {
                    found.lost(terms, confirmed, || {
                        format!("{} is not active", self.name())
                    });
                }
            }
            (Told::Absent, Asked::Confirm { .. }) => {
                let confirmed = self
                    .confirms
                    .iter()
                    .filter(|(_, event)| event.began < entry.ended)
                    .count()
                    > 1;
                if let Some(enrolled) = enrolled
                    && !gone
                    && !confirmed
                {
                    found.lost(terms, enrolled, || {
                        format!("{} cannot be confirmed", self.name())
                    });
                }
            }
            (Told::Absent, Asked::Remove { .. }) => {
                let removed = self
                    .removes
                    .iter()
                    .filter(|event| event.began < entry.ended)
                    .count()
                    > 1;
                if let Some(enrolled) = enrolled
                    && !removed
                    && !self.may_be_purged(entry.ended)
                {
                    found.lost(terms, enrolled, || {
                        format!("{} cannot be removed", self.name())
                    });
                }
            }
            (
                Told::Replayed,
                Asked::Advance { counter, .. }
                | Asked::Confirm { counter, .. }
                | Asked::Guess {
                    counter: Some(counter),
                    ..
                },
            ) => {
                let higher = |(other, event): &&(u64, Event)| {
                    *other >= counter
                        && event.may_be_before(entry.ended)
                        && event.began != entry.began
                };
                if !self.burns.iter().any(|burn| higher(&burn)) {
                    found.faults.push(format!(
                        "{} refuses {counter}, and nobody used it",
                        self.name()
                    ));
                }
            }
            _ => {}
        }
    }

    fn check_list(&self, entry: &Entry, terms: &Terms, found: &mut Found) {
        let Told::Kept(kept) = &entry.told else {
            return;
        };
        let enrolled = self
            .enrolled
            .and_then(|enrolled| enrolled.done)
            .filter(|done| *done <= entry.began);
        let Some((_, state, last)) = kept.iter().find(|(number, ..)| *number == self.number) else {
            if let Some(enrolled) = enrolled
                && !self.may_be_purged(entry.ended)
                && !self.may_be_removed(entry.ended)
            {
                found.lost(terms, enrolled, || format!("{} is not listed", self.name()));
            }
            return;
        };
        let burnt = self
            .burns
            .iter()
            .filter(|(_, event)| event.is_before(entry.began));
        if let Some((highest, event)) = burnt.max_by_key(|(counter, _)| *counter)
            && *last < Some(*highest)
        {
            self.went_back(event, terms, found, || {
                format!("has {last:?} after {highest}")
            });
        }
        let asked = self
            .burns
            .iter()
            .filter(|(_, event)| event.may_be_before(entry.ended));
        if *last > asked.map(|(counter, _)| *counter).max() {
            found
                .faults
                .push(format!("{} has {last:?}, which nobody used", self.name()));
        }
        let restored = self
            .restores
            .iter()
            .any(|restore| restore.may_be_before(entry.ended));
        let removed = self
            .removes
            .iter()
            .find(|remove| remove.is_before(entry.began));
        if let Some(removed) = removed
            && *state != FactorState::Removed
            && !restored
        {
            self.went_back(removed, terms, found, || {
                "is back after it was removed".into()
            });
        }
    }

    /// It is not as it was acknowledged: a loss where the terms let it go, since nothing was granted by it.
    fn went_back(
        &self,
        event: &Event,
        terms: &Terms,
        found: &mut Found,
        how: impl FnOnce() -> String,
    ) {
        let acknowledged = event.done.unwrap_or_default();
        if terms
            .lets_go_before
            .is_some_and(|until| acknowledged <= until)
        {
            found.losses += 1;
            found.let_go += 1;
        } else {
            found.back += 1;
            found.undone(terms, || format!("{} {}", self.name(), how()));
        }
    }
}
