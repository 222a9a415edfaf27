//! Tokens: redeemed once, counted, ended for good, kept until then.

mod answers;

use core::time::Duration;
use std::collections::HashMap;

use token_store::ott_core::{Reason, State};

use super::Event;
use crate::ledger::{
    entry::{Asked, Entry, Told, Try},
    stock::{Kind, Stock, Token},
    terms::{Found, Terms},
};

pub(super) fn check(entries: &[Entry], stock: &Stock, terms: &Terms, found: &mut Found) {
    let about = About::new(entries, stock);
    let effects = effects(entries);
    for (number, token) in stock.tokens().iter().enumerate() {
        let one = One::new(number, token, &about, !terms.clocks_apart.is_zero());
        one.check_wins(terms, found);
        one.check_counts(found);
        for entry in about.token(number) {
            one.check_answer(entry, terms, found);
        }
        for entry in about.lists(token.owner) {
            one.check_list(entry, terms, found);
        }
        if let Some(effects) = &effects
            && token.kind == Kind::Applied
        {
            one.check_effects(effects.get(&number).copied().unwrap_or(0), terms, found);
        }
    }
}

/// How often each effect is there, as it was last looked at.
fn effects(entries: &[Entry]) -> Option<HashMap<usize, usize>> {
    let last = entries.iter().rev().find_map(|entry| match &entry.told {
        Told::Effects(all) => Some(all),
        _ => None,
    })?;
    let mut counts = HashMap::new();
    for token in last {
        *counts.entry(*token).or_insert(0) += 1;
    }
    Some(counts)
}

/// Entries by what they are about.
struct About<'e> {
    tokens: HashMap<usize, Vec<&'e Entry>>,
    batches: HashMap<usize, &'e Entry>,
    of_owner: HashMap<usize, Vec<usize>>,
    revokes: HashMap<usize, Vec<&'e Entry>>,
    lists: HashMap<usize, Vec<&'e Entry>>,
    purges: Vec<Event>,
}

impl<'e> About<'e> {
    fn new(entries: &'e [Entry], stock: &Stock) -> Self {
        let mut about = Self {
            tokens: HashMap::new(),
            batches: HashMap::new(),
            of_owner: HashMap::new(),
            revokes: HashMap::new(),
            lists: HashMap::new(),
            purges: Vec::new(),
        };
        for (number, batch) in stock.batches().iter().enumerate() {
            about.of_owner.entry(batch.owner).or_default().push(number);
        }
        for entry in entries {
            match entry.asked {
                Asked::Insert { batch } => {
                    about.batches.insert(batch, entry);
                }
                Asked::Redeem { token, .. }
                | Asked::Decide { token, .. }
                | Asked::Find { token }
                | Asked::Revoke { token } => about.tokens.entry(token).or_default().push(entry),
                Asked::RevokeAll { owner } => about.revokes.entry(owner).or_default().push(entry),
                Asked::List { owner } => about.lists.entry(owner).or_default().push(entry),
                Asked::Purge => about.purges.push(Event::of(entry)),
                _ => {}
            }
        }
        about
    }

    fn token(&self, number: usize) -> &[&'e Entry] {
        self.tokens.get(&number).map_or(&[], Vec::as_slice)
    }

    fn lists(&self, owner: usize) -> &[&'e Entry] {
        self.lists.get(&owner).map_or(&[], Vec::as_slice)
    }
}

/// A token and what may have become of it.
struct One<'e> {
    number: usize,
    token: &'e Token,
    most: usize,
    inserted: Option<Event>,
    tries: Vec<&'e Entry>,
    /// What may have ended it, and how.
    ends: Vec<(State, Event)>,
    approvals: Vec<Event>,
    purges: &'e [Event],
    /// For one clock it may have expired while another has just issued it.
    clocks_differ: bool,
}

impl<'e> One<'e> {
    fn new(number: usize, token: &'e Token, about: &'e About<'e>, clocks_differ: bool) -> Self {
        let inserted = about
            .batches
            .get(&token.batch)
            .map(|entry| Event::of(entry));
        let mut one = Self {
            number,
            token,
            most: token
                .record
                .stored()
                .max_attempts
                .map_or(usize::MAX, usize::from),
            inserted,
            tries: Vec::new(),
            ends: Vec::new(),
            approvals: Vec::new(),
            purges: &about.purges,
            clocks_differ,
        };
        let mut wrong = Vec::new();
        for entry in about.token(number) {
            let event = Event::of(entry);
            let may_be_done = entry.told == Told::Done || entry.told.is_outage();
            match entry.asked {
                Asked::Redeem { how, .. } => {
                    one.tries.push(entry);
                    match how {
                        Try::Right if may_be_done => one.ends.push((State::Spent, event)),
                        Try::Right => {}
                        Try::Wrong => wrong.push(event.began),
                    }
                }
                Asked::Decide { approves: true, .. } => one.approvals.push(event),
                Asked::Decide {
                    approves: false, ..
                } => one.ends.push((State::Denied, event)),
                Asked::Revoke { .. } => one.end_if_there(State::Revoked, event),
                _ => {}
            }
            // Who saw the end knows of it.
            let state = match &entry.told {
                Told::Refused(reason) => final_state(*reason),
                Told::Found(Some(seen)) => Some(seen.state).filter(|state| is_final(*state)),
                _ => None,
            };
            if let Some(state) = state {
                let (began, done) = (Duration::MAX, Some(entry.ended));
                one.ends.push((state, Event { began, done }));
            }
        }
        for entry in about.revokes.get(&token.owner).into_iter().flatten() {
            one.end_if_there(State::Revoked, Event::of(entry));
        }
        for other in about.of_owner.get(&token.owner).into_iter().flatten() {
            if *other != token.batch
                && let Some(entry) = about.batches.get(other)
            {
                one.end_if_there(State::Superseded, Event::of(entry));
            }
        }
        // As many wrong ones as it bears.
        wrong.sort_unstable();
        if let Some(last) = one.most.checked_sub(1).and_then(|last| wrong.get(last)) {
            one.ends.push((
                State::Exhausted,
                Event {
                    began: *last,
                    done: None,
                },
            ));
        }
        one
    }

    /// It surely ends it only if it was surely there.
    fn end_if_there(&mut self, state: State, event: Event) {
        let there = self
            .inserted
            .is_some_and(|inserted| inserted.is_before(event.began));
        let done = event.done.filter(|_| there);
        self.ends.push((state, Event { done, ..event }));
    }

    fn name(&self) -> String {
        format!("token {} ({:?})", self.number, self.token.kind)
    }

    /// Once, and not after it had ended.
    fn check_wins(&self, terms: &Terms, found: &mut Found) {
        let is_win = |entry: &&&Entry| entry.told == Told::Done;
        let wins: Vec<_> = self.tries.iter().filter(is_win).collect();
        let twice = wins.len().saturating_sub(1);
        if twice > 0 {
            found.double_spends += twice;
            found.undone(terms, || {
                format!("double spend: {} passed {} times", self.name(), wins.len())
            });
        }
        for win in wins {
            if let Asked::Redeem {
                how: Try::Wrong, ..
            } = win.asked
            {
                found.double_spends += 1;
                found.faults.push(format!("a wrong {} passed", self.name()));
            }
            let ended = self.ends.iter().find(|(state, end)| {
                // Its own answer, and another's that is counted above.
                let another = *state != State::Spent || end.began == Duration::MAX;
                another && end.is_before(win.began)
            });
            if let Some((state, _)) = ended
                && twice == 0
            {
                found.back += 1;
                found.undone(terms, || {
                    format!("{} passed after it was {state:?}", self.name())
                });
            }
        }
    }

    /// No more tries are evaluated than it bears.
    fn check_counts(&self, found: &mut Found) {
        let told = |told: Told| self.tries.iter().filter(|entry| entry.told == told).count();
        let (wrong, right) = (told(Told::Refused(Reason::Mismatch)), told(Told::Done));
        // The last one that it bears is refused as exhausted, unless it is the right one.
        let over = (wrong + right)
            .saturating_sub(self.most)
            .max((wrong + 1).saturating_sub(self.most));
        if over > 0 {
            found.over += over;
            found
                .faults
                .push(format!("{} answered {over} guesses too many", self.name()));
        }
    }

    /// Whether something that ends it so may have happened before.
    fn may_be(&self, state: State, moment: Duration) -> bool {
        self.ends
            .iter()
            .any(|(end, event)| *end == state && event.may_be_before(moment))
    }

    fn may_be_purged(&self, moment: Duration) -> bool {
        let ended = self
            .ends
            .iter()
            .any(|(_, event)| event.may_be_before(moment));
        let purged = self.purges.iter().any(|purge| purge.may_be_before(moment));
        purged && (ended || self.clocks_differ)
    }

    /// When it was acknowledged, if that was before.
    fn acknowledged(&self, moment: Duration) -> Option<Duration> {
        self.inserted?.done.filter(|done| *done <= moment)
    }

    /// The effect is there if it was redeemed, and once.
    fn check_effects(&self, count: usize, terms: &Terms, found: &mut Found) {
        let won = self.tries.iter().any(|entry| entry.told == Told::Done);
        let tried = self.may_be(State::Spent, Duration::MAX);
        if count > 1 || count == 1 && !tried {
            found.double_spends += count - usize::from(tried);
            found.undone(terms, || {
                format!("{} was applied {count} times", self.name())
            });
        }
        if won && count == 0 {
            found.losses += 1;
            found.undone(terms, || format!("lost: what {} applied", self.name()));
        }
        let spent =
            |(state, end): &(State, Event)| *state == State::Spent && end.began == Duration::MAX;
        let others = [State::Revoked, State::Superseded, State::Exhausted];
        let ended =
            |(state, end): &(State, Event)| others.contains(state) && end.began == Duration::MAX;
        if count == 0 && self.ends.iter().any(spent) || count == 1 && self.ends.iter().any(ended) {
            found.undone(terms, || {
                format!("half done: {} and what it applied", self.name())
            });
        }
    }
}

const fn final_state(reason: Reason) -> Option<State> {
    match reason {
        Reason::Denied => Some(State::Denied),
        Reason::Exhausted => Some(State::Exhausted),
        Reason::Revoked => Some(State::Revoked),
        Reason::Spent => Some(State::Spent),
        Reason::Superseded => Some(State::Superseded),
        _ => None,
    }
}

const fn is_final(state: State) -> bool {
    !matches!(state, State::Waiting | State::Ready)
}
