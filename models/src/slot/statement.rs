//! The statement of each verb, step by step: its snapshot, its lock, what it writes, its end.

use super::{ATTEMPTS, Answer, Broken, Model, Phase, Row, Seen, Standing, State, Verb};

impl Model {
    fn breaks(&self, rule: Broken) -> bool {
        self.broken == Some(rule)
    }

    pub(super) fn verb(&self, client: usize) -> Option<Verb> {
        self.clients.get(client).copied()
    }

    /// Whether the statement's `WHERE` holds for this version of the row.
    fn applies(verb: Verb, row: Row, seen: Seen) -> bool {
        let open = matches!(row.standing, Standing::Waiting | Standing::Ready);
        let live = open && !seen.expired;
        match verb {
            Verb::Right | Verb::Wrong => live && seen.generation == Some(0),
            Verb::Approve | Verb::Deny => live && row.standing == Standing::Waiting,
            Verb::Revoke => open,
            Verb::Purge => !live,
            Verb::Supersede => true,
        }
    }

    /// The row that the statement writes, and what it answers.
    fn written(verb: Verb, row: Row) -> (Option<Row>, Answer) {
        let to = |standing| Some(Row { standing, ..row });
        match verb {
            Verb::Right if row.standing == Standing::Waiting => (Some(row), Answer::Pending),
            Verb::Right => (to(Standing::Spent), Answer::Redeemed),
            Verb::Wrong => {
                let attempts = row.attempts.saturating_add(1);
                let standing = if attempts >= ATTEMPTS {
                    Standing::Exhausted
                } else {
                    row.standing
                };
                (Some(Row { standing, attempts }), Answer::Mismatch)
            }
            Verb::Approve => (to(Standing::Ready), Answer::Done),
            Verb::Deny => (to(Standing::Denied), Answer::Done),
            Verb::Revoke => (to(Standing::Revoked), Answer::Done),
            Verb::Purge | Verb::Supersede => (None, Answer::Done),
        }
    }

    pub(super) fn begin(state: &State) -> Seen {
        Seen {
            row: state.row,
            generation: state.generation,
            expired: state.expired,
            after_the_end: state.ended,
            newer: u8::try_from(state.newer.len()).unwrap_or(u8::MAX),
        }
    }

    /// What a statement does when its turn at the lock has come; `None` while somebody holds it.
    pub(super) fn write(
        &self,
        state: &State,
        client: usize,
        verb: Verb,
        seen: Seen,
    ) -> Option<State> {
        let mut next = state.clone();
        let over = |mut next: State, answer| {
            set(&mut next, client, Phase::Over(seen, answer));
            Some(next)
        };
        if verb == Verb::Supersede {
            if state.slot_lock.is_some() {
                return None;
            }
            next.slot_lock = Some(client);
            set(&mut next, client, Phase::HoldsSlot(seen));
            return Some(next);
        }
        let Some(snapshot) = seen.row.filter(|row| Self::applies(verb, *row, seen)) else {
            return over(next, Answer::Refused);
        };
        if state.row_lock.is_some() {
            // A purge skips what is locked; everybody else waits.
            return (verb == Verb::Purge)
                .then(|| over(next, Answer::Refused))
                .flatten();
        }
        let Some(row) = state.row else {
            return over(next, Answer::Refused);
        };
        let row = if self.breaks(Broken::NoSecondLook) {
            snapshot
        } else if Self::applies(verb, row, seen) {
            row
        } else {
            return over(next, Answer::Refused);
        };
        let (written, answer) = Self::written(verb, row);
        next.row_lock = Some(client);
        // The last of the slot that the snapshot shows. Whoever holds the slot's row keeps it.
        let is_last = seen.newer == 0 && seen.generation.is_some() && state.slot_lock.is_none();
        let is_same =
            state.generation == seen.generation || self.breaks(Broken::FreesWithoutGeneration);
        if verb == Verb::Purge && is_last && is_same {
            next.slot_lock = Some(client);
        }
        set(&mut next, client, Phase::Written(seen, written, answer));
        Some(next)
    }

    pub(super) fn commit(&self, state: &State, client: usize, heard: bool) -> Option<State> {
        let mut next = state.clone();
        let verb = self.verb(client)?;
        let (seen, answer) = match *state.clients.get(client)? {
            Phase::Written(seen, written, answer) => {
                if verb == Verb::Purge {
                    let living = |row: Row| {
                        matches!(row.standing, Standing::Waiting | Standing::Ready)
                            && !state.expired
                    };
                    next.took_a_living_one |= state.row.is_some_and(living);
                }
                next.row = written;
                next.row_lock = None;
                if state.slot_lock == Some(client) {
                    next.slot_lock = None;
                    next.generation = None;
                }
                next.approved |= verb == Verb::Approve;
                next.ended |= matches!(verb, Verb::Deny | Verb::Revoke);
                (seen, answer)
            }
            Phase::HoldsSlot(seen) => {
                if self.breaks(Broken::NoSlotRow) {
                    let visible = usize::from(seen.newer);
                    next.newer
                        .iter_mut()
                        .take(visible)
                        .for_each(|newer| newer.1 = true);
                    next.newer.push((0, false));
                } else {
                    // `ON CONFLICT DO UPDATE` adds to what the row is by now.
                    let generation = state.generation.map_or(0, |last| last.saturating_add(1));
                    next.generation = Some(generation);
                    next.newer.push((generation, false));
                }
                next.slot_lock = None;
                next.ended |= !self.breaks(Broken::NoSlotRow);
                (seen, Answer::Done)
            }
            _ => return None,
        };
        let told = if heard { answer } else { Answer::Lost };
        set(&mut next, client, Phase::Over(seen, told));
        Some(next)
    }

    pub(super) fn roll_back(&self, state: &State, client: usize) -> Option<State> {
        let mut next = state.clone();
        let (seen, told) = match *state.clients.get(client)? {
            Phase::Written(seen, _, answer) => {
                next.row_lock = None;
                if state.slot_lock == Some(client) {
                    next.slot_lock = None;
                }
                (seen, answer)
            }
            Phase::HoldsSlot(seen) => {
                next.slot_lock = None;
                (seen, Answer::Lost)
            }
            Phase::Begun(seen) => (seen, Answer::Lost),
            _ => return None,
        };
        // An open redeem that succeeded and is rolled back did nothing: its caller knows.
        let told = if self.breaks(Broken::ToldBeforeCommit) && told == Answer::Mismatch {
            told
        } else {
            Answer::Lost
        };
        set(&mut next, client, Phase::Over(seen, told));
        Some(next)
    }
}

pub(super) fn set(state: &mut State, client: usize, phase: Phase) {
    if let Some(place) = state.clients.get_mut(client) {
        *place = phase;
    }
}
