//! A model of the PostgreSQL store's verbs with charges: a guess at a factor (`advance_charged`) and at a token (`redeem_charged`), each
//! with two limits, beside clearing a limit and removing or using the factor.
//!
//! The statement takes its snapshot; locks the limits that it sees, by key; judges each as it is then; locks the row, and looks at it
//! again; makes the limits that it did not see; and commits. Where somebody made such a limit meanwhile, all of it fails and is run
//! again. A token that is not compared charges nothing in the statement, and is charged by steps that begin with the limits' locks.
//! Limits here are ceilings; paces, times and the order in which refusals are told are not in it.

mod statement;

use statement::released;
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
