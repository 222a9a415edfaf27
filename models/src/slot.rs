//! A model of the statements on the tokens of one slot: redeem, decide, revoke, insert of a newer token, purge.
//! `touch`, `list`, several slots, times and the Rust code around a statement are not in it.
//!
//! Each rule can be taken away ([`Model::broken`]): a double spend, a sixth guess or a second live token must follow.

mod statement;

use statement::set;
use stateright::Property;

/// How many guesses the token allows.
pub const ATTEMPTS: u8 = 2;

/// What a client does, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Redeems with the right token.
    Right,
    /// Redeems with a wrong one.
    Wrong,
    /// Decides: yes.
    Approve,
    /// Decides: no.
    Deny,
    /// Revokes.
    Revoke,
    /// Inserts a newer token into the slot.
    Supersede,
    /// Removes the token if it is dead, and the slot's row with the last token of it.
    Purge,
}

/// Which rule is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The row is written as the snapshot showed it: a read, then a write.
    NoSecondLook,
    /// A guess is told before it is committed, and then rolled back: the caller's transaction.
    ToldBeforeCommit,
    /// The older tokens are retired as far as the snapshot shows them: no row for the slot.
    NoSlotRow,
    /// The slot's row goes with the last token that the snapshot shows, whatever its generation is by now.
    FreesWithoutGeneration,
}

/// Where the token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Needs a decision.
    Waiting,
    /// May be redeemed.
    Ready,
    /// Somebody said no.
    Denied,
    /// Too many wrong guesses.
    Exhausted,
    /// Revoked.
    Revoked,
    /// Redeemed.
    Spent,
}

/// The token's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    standing: Standing,
    attempts: u8,
}

/// What a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It redeemed.
    Redeemed,
    /// It was compared, and wrong.
    Mismatch,
    /// Nobody has decided yet.
    Pending,
    /// It was not compared, or there was nothing to do.
    Refused,
    /// It decided, revoked, superseded or removed.
    Done,
    /// Nothing: its process was killed, or it lost the connection.
    Lost,
}

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Has not begun.
    Idle,
    /// Its statement has its snapshot.
    Begun(Seen),
    /// It holds the row's lock, and has written this, for nobody else to see yet.
    Written(Seen, Option<Row>, Answer),
    /// It holds the lock of the slot's row.
    HoldsSlot(Seen),
    /// It is over.
    Over(Seen, Answer),
}

/// What a statement saw when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    row: Option<Row>,
    generation: Option<u8>,
    /// By the caller's clock.
    expired: bool,
    /// Somebody had been told already that this token is revoked, denied or superseded.
    after_the_end: bool,
    /// How many newer tokens were in the slot.
    newer: u8,
}

/// The database and its clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    row: Option<Row>,
    row_lock: Option<usize>,
    /// The slot's row; the token is of generation 0. Once the row is gone, generations begin again.
    generation: Option<u8>,
    slot_lock: Option<usize>,
    /// The newer tokens of the slot: the generation of each, and whether its row was retired.
    newer: Vec<(u8, bool)>,
    expired: bool,
    ended: bool,
    approved: bool,
    took_a_living_one: bool,
    clients: Vec<Phase>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The statement of this client takes its snapshot.
    Begin(usize),
    /// It gets the lock it needs, looks again, and writes; or finds nothing to write.
    Write(usize),
    /// It commits, and its answer arrives.
    Commit(usize),
    /// It commits, and its answer is lost.
    CommitUnheard(usize),
    /// It is rolled back: killed, disconnected, or by its caller.
    Roll(usize),
    /// The token expires.
    Expire,
}

/// One token, and who uses it.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the clients do.
    pub clients: Vec<Verb>,
    /// Whether the token starts by waiting for a decision.
    pub waiting: bool,
    /// The rule that is not kept.
    pub broken: Option<Broken>,
}

impl State {
    fn answers(&self) -> impl Iterator<Item = (Seen, Answer)> {
        self.clients.iter().filter_map(|phase| match *phase {
            Phase::Over(seen, answer) => Some((seen, answer)),
            _ => None,
        })
    }

    fn count(&self, wanted: Answer) -> usize {
        self.answers()
            .filter(|(_, answer)| *answer == wanted)
            .count()
    }

    /// How many of the slot's tokens may be redeemed.
    fn live_in_slot(&self) -> usize {
        let live = |newer: &&(u8, bool)| Some(newer.0) == self.generation && !newer.1;
        let open = |row: Row| matches!(row.standing, Standing::Waiting | Standing::Ready);
        let first = self.row.is_some_and(open) && !self.expired && self.generation == Some(0);
        self.newer
            .iter()
            .filter(live)
            .count()
            .saturating_add(usize::from(first))
    }
}

impl stateright::Model for Model {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let standing = if self.waiting {
            Standing::Waiting
        } else {
            Standing::Ready
        };
        vec![State {
            row: Some(Row {
                standing,
                attempts: 0,
            }),
            row_lock: None,
            generation: Some(0),
            slot_lock: None,
            newer: Vec::new(),
            expired: false,
            ended: false,
            approved: !self.waiting,
            took_a_living_one: false,
            clients: vec![Phase::Idle; self.clients.len()],
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (client, phase) in state.clients.iter().enumerate() {
            match phase {
                Phase::Idle => steps.push(Step::Begin(client)),
                Phase::Begun(_) => steps.extend([Step::Write(client), Step::Roll(client)]),
                Phase::Written(..) | Phase::HoldsSlot(_) => steps.extend([
                    Step::Commit(client),
                    Step::CommitUnheard(client),
                    Step::Roll(client),
                ]),
                Phase::Over(..) => {}
            }
        }
        if !state.expired {
            steps.push(Step::Expire);
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        match step {
            Step::Begin(client) => {
                let mut next = state.clone();
                set(&mut next, client, Phase::Begun(Self::begin(state)));
                Some(next)
            }
            Step::Write(client) => {
                let Phase::Begun(seen) = *state.clients.get(client)? else {
                    return None;
                };
                self.write(state, client, self.verb(client)?, seen)
            }
            Step::Commit(client) => self.commit(state, client, true),
            Step::CommitUnheard(client) => self.commit(state, client, false),
            Step::Roll(client) => self.roll_back(state, client),
            Step::Expire => {
                let mut next = state.clone();
                next.expired = true;
                Some(next)
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("one redeems at most", |_: &Self, state: &State| {
                state.count(Answer::Redeemed) <= 1
            }),
            Property::always("no guess beyond the last", |_, state: &State| {
                state.count(Answer::Mismatch) <= usize::from(ATTEMPTS)
            }),
            Property::always(
                "nothing redeems after its end was told",
                |_, state: &State| {
                    !state
                        .answers()
                        .any(|(seen, answer)| seen.after_the_end && answer == Answer::Redeemed)
                },
            ),
            Property::always("nothing undecided redeems", |_, state: &State| {
                state.approved || state.count(Answer::Redeemed) == 0
            }),
            Property::always("a slot has one live token", |_, state: &State| {
                state.live_in_slot() <= 1
            }),
            Property::always("a purge takes nothing living", |_, state: &State| {
                !state.took_a_living_one
            }),
        ];
        // A model in which nothing ever happens keeps every rule.
        if self.clients.contains(&Verb::Right) {
            properties.push(Property::sometimes(
                "a right token redeems",
                |_, state: &State| state.count(Answer::Redeemed) == 1,
            ));
        }
        if self.clients.contains(&Verb::Purge) {
            properties.push(Property::sometimes(
                "a purge takes the dead",
                |_, state: &State| state.row.is_none(),
            ));
        }
        properties
    }
}
