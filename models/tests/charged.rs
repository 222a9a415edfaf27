//! Walks through every order of the steps of verbs with charges, with the rules kept and with each taken away.

use models::charged::{At, Broken, Guesses, Verb};
use stateright::{Checker, Model as _};

const WRONG: Verb = Verb::Wrong([0, 1]);
/// It names its limits the other way round.
const TURNED: Verb = Verb::Wrong([1, 0]);

type Meeting = (At, &'static [Verb], [Option<u8>; 2]);

/// Those who meet, and what their limits have counted.
const MEETINGS: [Meeting; 10] = [
    (
        At::Factor,
        &[WRONG, TURNED, WRONG, Verb::Right(1)],
        [Some(0), Some(0)],
    ),
    (At::Factor, &[WRONG, TURNED, Verb::Right(1)], [None, None]),
    (At::Factor, &[WRONG, TURNED, WRONG], [None, None]),
    (At::Factor, &[WRONG, WRONG, Verb::Right(1)], [Some(1), None]),
    (
        At::Factor,
        &[Verb::Right(1), Verb::Right(1), Verb::Right(2), WRONG],
        [Some(0), Some(1)],
    ),
    (
        At::Factor,
        &[Verb::Right(2), Verb::Plain(2), Verb::Remove],
        [Some(1), Some(1)],
    ),
    (
        At::Factor,
        &[Verb::Right(1), WRONG, Verb::Clear, TURNED],
        [Some(0), Some(1)],
    ),
    (At::Token, &[WRONG, TURNED, WRONG], [Some(0), Some(0)]),
    (
        At::Token,
        &[WRONG, TURNED, Verb::Right(1), Verb::Right(1)],
        [Some(0), Some(0)],
    ),
    (
        At::Token,
        &[WRONG, Verb::Right(1), Verb::Remove],
        [None, None],
    ),
];

fn model((at, clients, counted): Meeting, broken: Option<Broken>) -> Guesses {
    Guesses {
        at,
        clients: clients.to_vec(),
        counted,
        broken,
    }
}

/// In no order of the steps a limit is passed, a code burnt twice, a charge left behind, or a circle waited in.
#[test]
fn guesses_in_any_order_keep_their_limits() {
    let mut states = 0_usize;
    for meeting in MEETINGS {
        let checker = model(meeting, None).checker().spawn_bfs().join();
        checker.assert_properties();
        assert!(checker.is_done(), "every state was seen");
        states = states.saturating_add(checker.unique_state_count());
    }
    assert!(
        states > 10_000,
        "only {states} states: the model does too little"
    );
}

/// The property that the broken rule must break, in some meeting.
fn found(broken: Broken, property: &'static str) {
    let finds = |meeting: &Meeting| {
        let checker = model(*meeting, Some(broken)).checker().spawn_bfs().join();
        checker.discovery(property).is_some()
    };
    assert!(MEETINGS.iter().any(finds), "{broken:?} breaks nothing");
}

/// Where limits are judged as the snapshot shows them, failures pass the limit.
#[test]
fn limits_that_are_not_locked_are_passed() {
    found(Broken::LimitsUnlocked, "no failure beyond the limit");
}

/// Only the key's uniqueness tells of a limit that the statement did not see.
#[test]
fn success_that_makes_no_limit_overtakes() {
    found(
        Broken::SuccessMakesNothing,
        "no right guess overtakes the limit",
    );
}

/// Where a limit that somebody made meanwhile is written over, failures pass the limit.
#[test]
fn new_limit_written_over_is_passed() {
    found(Broken::NewIsWrittenOver, "no failure beyond the limit");
}

/// Where the row is written as the snapshot showed it, a code is burnt twice.
#[test]
fn row_that_is_not_looked_at_again_burns_twice() {
    found(Broken::NoSecondLook, "a code is burnt once");
}

/// Where limits are locked in the order of their names in the call, callers wait in a circle.
#[test]
fn limits_locked_as_named_are_a_circle() {
    found(Broken::LockedAsNamed, "nobody waits in a circle");
}

/// Where a right guess locks the row before the limits, callers wait in a circle.
#[test]
fn row_locked_before_the_limits_is_a_circle() {
    found(Broken::RowFirst, "nobody waits in a circle");
}

/// A process that is killed between the charge and the code leaves the charge.
#[test]
fn charge_in_a_commit_of_its_own_stays() {
    found(Broken::ChargedApart, "what is charged has failed");
}
