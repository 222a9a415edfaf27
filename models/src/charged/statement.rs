//! The statement, step by step: what it locks, judges, compares, makes and commits.

use super::{ATTEMPTS, Answer, At, Broken, Client, Guesses, MOST, Phase, Row, State, Verb};

impl Guesses {
    fn breaks(&self, rule: Broken) -> bool {
        self.broken == Some(rule)
    }

    /// Whether the statement's condition holds for this version of the row.
    fn applies(&self, verb: Verb, row: Row) -> bool {
        match (verb, self.at) {
            (Verb::Right(counter) | Verb::Plain(counter), At::Factor) => {
                row.open && row.last < counter
            }
            (Verb::Right(_) | Verb::Plain(_) | Verb::Wrong(_), _) => row.open,
            (Verb::Remove | Verb::Clear, _) => true,
        }
    }

    fn written(&self, verb: Verb, row: Row) -> Row {
        match (verb, self.at) {
            (Verb::Right(last) | Verb::Plain(last), At::Factor) => Row { last, ..row },
            (Verb::Wrong(_), _) => {
                let attempts = row.attempts.saturating_add(1);
                let open = attempts < ATTEMPTS;
                Row {
                    attempts,
                    open,
                    ..row
                }
            }
            _ => Row { open: false, ..row },
        }
    }

    /// Which limit is locked after so many.
    fn lock_order(&self, verb: Verb) -> [usize; 2] {
        match verb {
            Verb::Wrong(named) if self.breaks(Broken::LockedAsNamed) => named,
            _ => [0, 1],
        }
    }

    pub(super) fn go(&self, state: &State, number: usize) -> Option<State> {
        let (verb, client) = (*self.clients.get(number)?, *state.clients.get(number)?);
        let guesses = matches!(verb, Verb::Right(_) | Verb::Wrong(_));
        match client.phase {
            Phase::Idle => {
                let mut next = state.clone();
                let own = next.clients.get_mut(number)?;
                *own = Client {
                    limits: state.limits,
                    row: state.row,
                    held: [None; 2],
                    writes: None,
                    ..client
                };
                let row_first = self.breaks(Broken::RowFirst) && matches!(verb, Verb::Right(_));
                own.phase = match verb {
                    Verb::Clear => Phase::Locking(1),
                    Verb::Remove | Verb::Plain(_) => Phase::Judged,
                    _ => Phase::Locking(0),
                };
                if row_first && self.applies(verb, state.row) {
                    if state.row_lock.is_some() {
                        return None;
                    }
                    next.row_lock = Some(number);
                }
                Some(next)
            }
            Phase::Locking(locked) if locked < 2 => self.lock(state, number, verb, locked),
            Phase::Locking(_) if verb == Verb::Clear => {
                Some(with(state, number, Phase::Written(Answer::Done)))
            }
            Phase::Locking(_) => {
                let refuses = |count: Option<u8>| count.unwrap_or(0) >= MOST;
                if client.held.into_iter().any(refuses) {
                    return Some(released(state, number, Phase::Over(Answer::Refused)));
                }
                let apart = self.breaks(Broken::ChargedApart) && matches!(verb, Verb::Right(_));
                let phase = if apart {
                    Phase::Making(0, Answer::Charged)
                } else {
                    Phase::Judged
                };
                Some(with(state, number, phase))
            }
            Phase::Judged | Phase::Paid => self.compare(state, number, verb, guesses),
            Phase::Making(made, answer) if made < 2 => self.make(state, number, verb, made, answer),
            Phase::Making(_, answer) => Some(with(state, number, Phase::Written(answer))),
            Phase::Written(_) | Phase::Over(_) => None,
        }
    }

    /// Waits for a limit's lock, and sees what the limit has become.
    fn lock(&self, state: &State, number: usize, verb: Verb, locked: u8) -> Option<State> {
        let client = *state.clients.get(number)?;
        let key = *self.lock_order(verb).get(usize::from(locked))?;
        let after = Phase::Locking(locked.saturating_add(1));
        let seen = *client.limits.get(key)?;
        let mut next = with(state, number, after);
        let own = next.clients.get_mut(number)?.held.get_mut(key)?;
        if self.breaks(Broken::LimitsUnlocked) {
            *own = seen;
            return Some(next);
        }
        if seen.is_none() {
            return Some(next);
        }
        if state.limit_locks.get(key)?.is_some() {
            return None;
        }
        // One that is gone is to be made.
        *own = *state.limits.get(key)?;
        if own.is_some() {
            *next.limit_locks.get_mut(key)? = Some(number);
        }
        Some(next)
    }

    /// Waits for the row's lock where the snapshot's row is to be written, and looks again.
    fn compare(&self, state: &State, number: usize, verb: Verb, guesses: bool) -> Option<State> {
        let client = *state.clients.get(number)?;
        let mut row = client.row;
        let touches = !(self.at == At::Factor && matches!(verb, Verb::Wrong(_)));
        // The steps read the row once they hold the limits.
        if client.in_steps || client.phase == Phase::Paid {
            row = state.row;
        }
        let mut applies = touches && self.applies(verb, row);
        if applies {
            if state.row_lock.is_some_and(|other| other != number) {
                return None;
            }
            if !self.breaks(Broken::NoSecondLook) {
                row = state.row;
                applies = self.applies(verb, row);
            }
        }
        if !applies && self.at == At::Token && guesses && !client.in_steps && !client.paid {
            // Nothing is charged yet. It is done again.
            let mut next = released(state, number, Phase::Idle);
            next.clients.get_mut(number)?.in_steps = true;
            return Some(next);
        }
        let answer = match verb {
            Verb::Right(_) if applies => Answer::Accepted,
            Verb::Right(_) | Verb::Wrong(_) => Answer::Charged,
            _ => Answer::Done,
        };
        let phase = if guesses && !client.paid {
            Phase::Making(0, answer)
        } else {
            Phase::Written(answer)
        };
        let mut next = with(state, number, phase);
        if applies {
            next.row_lock = Some(number);
            next.clients.get_mut(number)?.writes = Some(self.written(verb, row));
        }
        Some(next)
    }

    /// Makes a limit that the statement did not see: behind whoever makes it too, and all fails if it is there by now.
    fn make(
        &self,
        state: &State,
        number: usize,
        verb: Verb,
        key: u8,
        answer: Answer,
    ) -> Option<State> {
        let client = *state.clients.get(number)?;
        let (at, after) = (
            usize::from(key),
            Phase::Making(key.saturating_add(1), answer),
        );
        let is_new = client.held.get(at)?.is_none();
        let makes_none = self.breaks(Broken::SuccessMakesNothing) && matches!(verb, Verb::Right(_));
        if !is_new || (makes_none && answer == Answer::Accepted) {
            return Some(with(state, number, after));
        }
        if state.makes.get(at)?.is_some() {
            return None;
        }
        if state.limits.get(at)?.is_some() && !self.breaks(Broken::NewIsWrittenOver) {
            return Some(released(state, number, Phase::Idle));
        }
        let mut next = with(state, number, after);
        *next.makes.get_mut(at)? = Some(number);
        Some(next)
    }

    pub(super) fn commit(&self, state: &State, number: usize, heard: bool) -> Option<State> {
        let (verb, client) = (*self.clients.get(number)?, *state.clients.get(number)?);
        let Phase::Written(answer) = client.phase else {
            return None;
        };
        let told = if heard { answer } else { Answer::Lost };
        let pays =
            self.breaks(Broken::ChargedApart) && matches!(verb, Verb::Right(_)) && !client.paid;
        let phase = if pays { Phase::Paid } else { Phase::Over(told) };
        let mut next = released(state, number, phase);
        match (answer, verb) {
            (Answer::Accepted, Verb::Right(counter)) => {
                let full = |count: &Option<u8>| count.unwrap_or(0) >= MOST;
                next.overtook |= !client.paid && state.limits.iter().any(full);
                next.burnt.push(counter);
                for (held, limit) in client.held.iter().zip(&mut next.limits) {
                    let makes = !self.breaks(Broken::SuccessMakesNothing);
                    if held.is_none() && makes && !client.paid {
                        *limit = Some(0);
                    }
                    if client.paid {
                        *limit = limit.map(|count| count.saturating_sub(1));
                    }
                }
                let [_, cleared] = &mut next.limits;
                *cleared = cleared.map(|_| 0);
            }
            (Answer::Charged, _) => {
                if !client.paid {
                    for (held, limit) in client.held.iter().zip(&mut next.limits) {
                        *limit = Some(held.unwrap_or(0).saturating_add(1));
                    }
                }
                next.failed = next.failed.saturating_add(u8::from(!pays));
            }
            (_, Verb::Clear) => next.limits = [next.limits.first().copied().flatten(), None],
            (_, Verb::Plain(counter)) if client.writes.is_some() => next.burnt.push(counter),
            _ => {}
        }
        if let Some(row) = client.writes {
            next.row = row;
        }
        next.clients.get_mut(number)?.paid |= pays;
        Some(next)
    }
}

fn with(state: &State, client: usize, phase: Phase) -> State {
    let mut next = state.clone();
    if let Some(own) = next.clients.get_mut(client) {
        own.phase = phase;
    }
    next
}

/// Its locks are free, and what it made is gone or everybody's.
pub(super) fn released(state: &State, client: usize, phase: Phase) -> State {
    let mut next = with(state, client, phase);
    for held in next
        .limit_locks
        .iter_mut()
        .chain(&mut next.makes)
        .chain([&mut next.row_lock])
    {
        if *held == Some(client) {
            *held = None;
        }
    }
    next
}
