//! Walks through every order of the steps, with the rules kept and with each taken away.

use models::slot::{Broken, Model, Verb};
use stateright::{Checker, Model as _};

/// Those who meet at one token, and whether it waits for a decision.
const MEETINGS: [(&[Verb], bool); 8] = [
    (&[Verb::Right, Verb::Right, Verb::Right, Verb::Right], false),
    (
        &[
            Verb::Right,
            Verb::Right,
            Verb::Wrong,
            Verb::Wrong,
            Verb::Wrong,
        ],
        false,
    ),
    (
        &[Verb::Right, Verb::Right, Verb::Revoke, Verb::Purge],
        false,
    ),
    (
        &[Verb::Right, Verb::Wrong, Verb::Supersede, Verb::Supersede],
        false,
    ),
    (
        &[Verb::Right, Verb::Right, Verb::Supersede, Verb::Purge],
        false,
    ),
    (
        &[
            Verb::Supersede,
            Verb::Supersede,
            Verb::Supersede,
            Verb::Purge,
        ],
        false,
    ),
    (&[Verb::Right, Verb::Right, Verb::Approve, Verb::Deny], true),
    (
        &[Verb::Right, Verb::Approve, Verb::Revoke, Verb::Purge],
        true,
    ),
];

fn model((clients, waiting): (&[Verb], bool), broken: Option<Broken>) -> Model {
    Model {
        clients: clients.to_vec(),
        waiting,
        broken,
    }
}

/// No order of the steps spends twice or guesses once too often.
#[test]
fn steps_in_any_order_spend_once() {
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
    let finds = |meeting: &(&[Verb], bool)| {
        let checker = model(*meeting, Some(broken)).checker().spawn_bfs().join();
        checker.discovery(property).is_some()
    };
    assert!(MEETINGS.iter().any(finds), "{broken:?} breaks nothing");
}

/// A read and then a write redeem a token twice.
#[test]
fn read_and_then_a_write_spends_twice() {
    found(Broken::NoSecondLook, "one redeems at most");
}

/// A guess that is told before its commit, and then rolled back, allows a guess beyond the last.
#[test]
fn guess_told_before_its_commit_is_one_too_many() {
    found(Broken::ToldBeforeCommit, "no guess beyond the last");
}

/// Two inserts that do not see each other leave two live tokens.
#[test]
fn inserts_that_miss_each_other_leave_two_live() {
    found(Broken::NoSlotRow, "a slot has one live token");
}

/// A slots row that goes from under a newer token brings that one back later.
#[test]
fn slot_row_that_goes_brings_a_token_back() {
    found(Broken::FreesWithoutGeneration, "a slot has one live token");
}
