//! Every answer, held against all the others.
//!
//! A call that was answered happened at some moment between its two times. One that was not, happened at some moment
//! after it began, or never. What is said of a store follows from that alone, whatever the order was.

mod factors;
mod guesses;
mod limits;
mod tokens;

use core::time::Duration;

use super::{
    entry::{Asked, Entry, Outage, Told},
    pulse::Pulse,
    stock::Stock,
    terms::{Found, Terms},
};

/// Holds the entries against each other and against the terms. Service was due from `mended` on.
pub(super) fn check(
    entries: &[Entry],
    stock: &Stock,
    terms: &Terms,
    pulse: &Pulse,
    mended: Duration,
) -> Found {
    let mut found = Found::default();
    for entry in entries {
        match &entry.told {
            Told::Strange(what) => found.faults.push(format!("{:?}: {what}", entry.asked)),
            Told::Ahead if terms.clocks_apart.is_zero() => {
                found
                    .faults
                    .push(format!("{:?} is ahead of the clock", entry.asked));
            }
            _ => {}
        }
    }
    tokens::check(entries, stock, terms, &mut found);
    let purges = factors::purges(entries);
    let factors = factors::read(entries, stock, &purges, terms);
    factors::check(&factors, entries, stock, terms, &mut found);
    let guesses = guesses::read(entries, &factors);
    guesses::check(&guesses, stock, terms, &mut found);
    limits::check(entries, &guesses, stock, terms, &mut found);
    times(entries, terms, pulse, &mut found);
    service(entries, terms, pulse, mended, &mut found);
    found
}

/// No verb takes longer than its time-out by a fifth, and by what the machine itself was late. A purge has a time-out for
/// each of its steps.
fn times(entries: &[Entry], terms: &Terms, pulse: &Pulse, found: &mut Found) {
    let most = terms.timeout.mul_f32(1.2);
    for entry in entries.iter().filter(|entry| is_bounded(entry.asked)) {
        if entry.took > most && entry.took > most + pulse.late(entry.began, entry.ended) {
            found
                .faults
                .push(format!("{:?} took {:?}", entry.asked, entry.took));
        }
    }
}

/// How many verbs of a hundred may time out while all is well: where other programs want the same disk and cores.
const HASTY: usize = 2;

/// Service is there in time. From then on no verb is an outage, but for a few that a busy machine did not answer in time.
fn service(entries: &[Entry], terms: &Terms, pulse: &Pulse, mended: Duration, found: &mut Found) {
    let due = mended + terms.recovers_in + pulse.late(mended, mended + terms.recovers_in);
    let (mut asked, mut late) = (0, Vec::new());
    for entry in entries.iter().filter(|entry| is_due(entry)) {
        asked += usize::from(entry.began > due);
        match entry.told {
            Told::Outage(Outage::Timeout, _) if entry.began > due => late.push(entry),
            Told::Outage(..) if entry.ended > due => {
                found.recovery = found.recovery.max(entry.ended.saturating_sub(mended));
                found.faults.push(format!(
                    "{:?} is an outage {:?} after the end of the fault",
                    entry.asked,
                    entry.ended.saturating_sub(mended)
                ));
            }
            Told::Outage(..) => {
                found.recovery = found.recovery.max(entry.ended.saturating_sub(mended));
            }
            _ => {}
        }
    }
    if let [.., last] = *late
        && late.len() * 100 > asked * HASTY
    {
        found.recovery = last.ended.saturating_sub(mended);
        found.faults.push(format!(
            "{} of {asked} verbs time out more than {:?} after the end of the fault, {:?} the last",
            late.len(),
            terms.recovers_in,
            last.asked
        ));
    }
}

/// Whether it must be answered once the fault has ended. What waits for an operator is not; nor is the application's own.
fn is_due(entry: &Entry) -> bool {
    entry.asked != Asked::Effects && !matches!(entry.told, Told::Outage(Outage::Lost, _))
}

pub(super) const fn is_bounded(asked: Asked) -> bool {
    !matches!(
        asked,
        Asked::Purge | Asked::PurgeFactors | Asked::PurgeLimits | Asked::Effects
    )
}

/// What may have happened, and from when on it surely had.
#[derive(Clone, Copy)]
struct Event {
    began: Duration,
    done: Option<Duration>,
}

impl Event {
    fn of(entry: &Entry) -> Self {
        Self {
            began: entry.began,
            done: (entry.told == Told::Done).then_some(entry.ended),
        }
    }

    /// Whether it may have happened before this moment.
    fn may_be_before(&self, moment: Duration) -> bool {
        self.began < moment
    }

    /// Whether it surely had.
    fn is_before(&self, moment: Duration) -> bool {
        self.done.is_some_and(|done| done <= moment)
    }
}

impl Found {
    /// Something acknowledged at `acknowledged` is gone.
    fn lost(&mut self, terms: &Terms, acknowledged: Duration, what: impl FnOnce() -> String) {
        self.losses += 1;
        if terms.undoes
            || terms
                .lets_go_before
                .is_some_and(|until| acknowledged <= until)
        {
            self.let_go += 1;
        } else {
            self.faults.push(format!("lost: {}", what()));
        }
    }

    /// Something that was acknowledged is undone: no fault lets that pass but a replica that missed it.
    fn undone(&mut self, terms: &Terms, what: impl FnOnce() -> String) {
        if !terms.undoes {
            self.faults.push(what());
        }
    }
}
