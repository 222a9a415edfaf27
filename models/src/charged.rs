//! A model of the PostgreSQL store's verbs with charges: a guess at a factor (`advance_charged`) and at a token (`redeem_charged`), each
//! with two limits, beside clearing a limit and removing or using the factor.
//!
//! The statement takes its snapshot; locks the limits that it sees, by key; judges each as it is then; locks the row, and looks at it
//! again; makes the limits that it did not see; and commits. Where somebody made such a limit meanwhile, all of it fails and is run
//! again. A token that is not compared charges nothing in the statement, and is charged by steps that begin with the limits' locks.
//! Limits here are ceilings; paces, times and the order in which refusals are told are not in it.

use stateright::Property;

/// How many each limit allows.
pub const MOST: u8 = 2;
/// How many wrong guesses a token allows: more than the limits.
const ATTEMPTS: u8 = 3;

/// What is guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A factor: its row is written by a right guess alone.
    Factor,
    /// A token: its row is written by a wrong guess too.
    Token,
}

/// What a client does, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Guesses right, with the code of this counter; the second limit is cleared.
    Right(u8),
    /// Guesses wrong, and names the limits in this order.
    Wrong([usize; 2]),
    /// Burns the code of this counter without charges.
    Plain(u8),
    /// Removes the row.
    Remove,
    /// Clears the second limit.
    Clear,
}

/// Which rule is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The limits are judged as the snapshot shows them.
    LimitsUnlocked,
    /// The row is written as the snapshot showed it.
    NoSecondLook,
    /// A right guess makes no limit that it did not see.
    SuccessMakesNothing,
    /// A limit that somebody made meanwhile is written over.
    NewIsWrittenOver,
    /// Limits are locked as the caller names them.
    LockedAsNamed,
    /// A right guess locks the row before the limits.
    RowFirst,
    /// A right guess is charged in a commit of its own, and given back with the code.
    ChargedApart,
}

/// The factor's row, or the token's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    open: bool,
    last: u8,
    attempts: u8,
}

/// What a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Its code is burnt.
    Accepted,
    /// It was wrong, replayed, or not compared, and is charged.
    Charged,
    /// A limit refused it.
    Refused,
    /// It cleared or removed, or had nothing to do.
    Done,
    /// Nothing: its process was killed, or it lost the connection.
    Lost,
}

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    /// So many limits are locked.
    Locking(u8),
    /// No limit refuses.
    Judged,
    /// It compared. So many limits are made, and the guess is charged or burnt.
    Making(u8, Answer),
    /// All is written, for nobody else to see yet.
    Written(Answer),
    /// Charged and committed; not compared yet. Only where [`Broken::ChargedApart`].
    Paid,
    Over(Answer),
}

/// A client and what its statement knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client {
    phase: Phase,
    /// As the snapshot shows them.
    limits: [Option<u8>; 2],
    row: Row,
    /// As they are under the locks. `None`: to be made.
    held: [Option<u8>; 2],
    /// What it writes to the row.
    writes: Option<Row>,
    /// It was not compared by the statement, and is charged by steps.
    in_steps: bool,
    paid: bool,
}

/// The database and its clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    limits: [Option<u8>; 2],
    limit_locks: [Option<usize>; 2],
    /// Who made a limit's row that nobody else sees yet.
    makes: [Option<usize>; 2],
    row: Row,
    row_lock: Option<usize>,
    clients: Vec<Client>,
    /// How many guesses failed and were charged, whether anybody heard of it.
    failed: u8,
    /// A guess was accepted where a limit allowed none.
    overtook: bool,
    burnt: Vec<u8>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client's statement goes one step on.
    Go(usize),
    /// It commits, and its answer arrives or is lost.
    Commit(usize, bool),
    /// It is killed before its commit.
    Kill(usize),
}

/// Two limits, what is guessed at, and who does so.
#[derive(Clone, Debug)]
pub struct Guesses {
    /// What is guessed at.
    pub at: At,
    /// What the clients do.
    pub clients: Vec<Verb>,
    /// What was counted before. `None`: the limit has no row.
    pub counted: [Option<u8>; 2],
    /// The rule that is not kept.
    pub broken: Option<Broken>,
}

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

    fn go(&self, state: &State, number: usize) -> Option<State> {
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

    fn commit(&self, state: &State, number: usize, heard: bool) -> Option<State> {
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
fn released(state: &State, client: usize, phase: Phase) -> State {
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

impl State {
    fn over(&self) -> impl Iterator<Item = Answer> {
        self.clients.iter().filter_map(|client| match client.phase {
            Phase::Over(answer) => Some(answer),
            _ => None,
        })
    }

    fn count(&self, wanted: Answer) -> usize {
        self.over().filter(|answer| *answer == wanted).count()
    }

    fn is_over(&self) -> bool {
        self.over().count() == self.clients.len()
    }

    /// How many failures the first limit, which nobody clears, has counted.
    fn counted(&self) -> u8 {
        let [first, _] = self.limits;
        first.unwrap_or(0)
    }
}

impl stateright::Model for Guesses {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let row = Row {
            open: true,
            last: 0,
            attempts: 0,
        };
        let client = Client {
            phase: Phase::Idle,
            limits: [None; 2],
            row,
            held: [None; 2],
            writes: None,
            in_steps: false,
            paid: false,
        };
        vec![State {
            limits: self.counted,
            limit_locks: [None; 2],
            makes: [None; 2],
            row,
            row_lock: None,
            clients: vec![client; self.clients.len()],
            failed: self.counted.first().copied().flatten().unwrap_or(0),
            overtook: false,
            burnt: Vec::new(),
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (number, client) in state.clients.iter().enumerate() {
            match client.phase {
                Phase::Over(_) => {}
                Phase::Written(_) => steps.extend([
                    Step::Commit(number, true),
                    Step::Commit(number, false),
                    Step::Kill(number),
                ]),
                Phase::Idle => steps.push(Step::Go(number)),
                _ => steps.extend([Step::Go(number), Step::Kill(number)]),
            }
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        match step {
            Step::Go(client) => self.go(state, client),
            Step::Commit(client, heard) => self.commit(state, client, heard),
            Step::Kill(client) => Some(released(state, client, Phase::Over(Answer::Lost))),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("no failure beyond the limit", |_: &Self, state: &State| {
                state.failed <= MOST && state.count(Answer::Charged) <= usize::from(MOST)
            }),
            Property::always("no right guess overtakes the limit", |_, state: &State| {
                !state.overtook
            }),
            Property::always("a code is burnt once", |model: &Self, state: &State| {
                let mut burnt = state.burnt.clone();
                burnt.sort_unstable();
                burnt.dedup();
                let codes = if model.at == At::Token {
                    1
                } else {
                    burnt.len()
                };
                state.burnt.len() <= codes
            }),
            Property::always("what is charged has failed", |_, state: &State| {
                !state.is_over() || state.counted() == state.failed
            }),
            Property::always("nobody waits in a circle", |model: &Self, state: &State| {
                let goes = |(number, client): (usize, &Client)| match client.phase {
                    Phase::Written(_) => true,
                    _ => model.go(state, number).is_some(),
                };
                state.is_over() || state.clients.iter().enumerate().any(goes)
            }),
            Property::sometimes("all end", |_, state: &State| {
                state.is_over() && state.count(Answer::Lost) == 0
            }),
        ];
        let is_right = |verb: &Verb| matches!(verb, Verb::Right(_));
        if self.clients.iter().any(is_right) {
            properties.push(Property::sometimes(
                "a right guess is accepted",
                |_, state: &State| state.count(Answer::Accepted) == 1,
            ));
        }
        let guesses = self.clients.iter();
        let guesses = guesses.filter(|verb| matches!(verb, Verb::Right(_) | Verb::Wrong(_)));
        let counted = self.counted.into_iter().flatten().max().unwrap_or(0);
        if guesses.count().saturating_add(counted.into()) > usize::from(MOST) {
            properties.push(Property::sometimes(
                "a limit refuses",
                |_, state: &State| state.count(Answer::Refused) > 0,
            ));
        }
        properties
    }
}
