//! Tokens: a redeem beside another one, an insert, a revoke.

use ott_core::{Binding, Limit, LimitKey, LimitScope, Presented, Reason, Record, RecordId, State};

use super::{super::MemoryStore, Code, alice, ask, code, every_order, insert, now};
use crate::{Charge, Charged, ChargedStore, Cost, Inserted, Redeemed, Revoke, TokenStore};

fn state(store: &MemoryStore, id: &RecordId) -> State {
    ask(store.find(id)).expect("it is there").state
}

fn redeems(told: &Redeemed) -> bool {
    matches!(told, Redeemed::Redeemed(_))
}

/// Redeems as the store does, or by reading the record and writing it back.
fn two_redeems(redeem: impl Fn(&MemoryStore, &Presented) -> bool + Clone + Send + Sync + 'static) {
    let Code { record, right, .. } = code(None);
    let (again, redeems_too) = (right.clone(), redeem.clone());
    let orders = every_order(
        move |store| insert(store, &record),
        move |store| redeem(store, &right),
        move |store| redeems_too(store, &again),
        |_, one, other| assert!(one ^ other, "of two redeems {one} and {other} succeeded"),
    );
    assert!(orders > 1, "{orders}");
}

/// Of two redeems of one token one succeeds, in every order.
#[test]
fn redeem_beside_redeem_has_one_winner() {
    two_redeems(|store, right| redeems(&ask(store.redeem(right, now()))));
}

/// A redeem that reads the record and then writes it is found out.
#[test]
#[should_panic(expected = "of two redeems true and true succeeded")]
fn planted_read_then_write_is_found() {
    two_redeems(|store, right| {
        let read = store.shard(right.id()).get(right.id()).cloned();
        let mut record = read.expect("it is there");
        let told = record.redeem(right, now()).is_ok();
        store.shard(right.id()).insert(*right.id(), record);
        told
    });
}

/// Beside the last guess that a code allows, the right one is redeemed before it or never.
#[test]
fn redeem_beside_the_last_guess_wins_or_loses() {
    let Code {
        record,
        right,
        wrong,
        ..
    } = code(None);
    let (id, guesses) = (*record.id(), wrong.clone());
    let most = record.stored().max_attempts.expect("a code counts");
    let orders = every_order(
        move |store| {
            insert(store, &record);
            for _ in 1..most {
                ask(store.redeem(&guesses, now()));
            }
        },
        move |store| ask(store.redeem(&wrong, now())),
        move |store| redeems(&ask(store.redeem(&right, now()))),
        move |store, wrong, right| {
            let (reason, left) = if right {
                (Reason::Spent, State::Spent)
            } else {
                (Reason::Exhausted, State::Exhausted)
            };
            assert_eq!(wrong, Redeemed::Refused(reason));
            assert_eq!(state(store, &id), left);
        },
    );
    assert!(orders > 1, "{orders}");
}

/// Of two redeems of one code that earn a record each, the one that wins has its record, in every order, and the other has none. Beside
/// limits and the plain verbs nobody waits for a lock for ever.
#[test]
fn redeem_that_earns_beside_another_earns_once() {
    let Code { record, right, .. } = code(None);
    let earned = [code(None).record, code(None).record];
    let ids = [0, 1].map(|at: usize| *earned[at].id());
    let [one, other] = earned.map(|record| [record]);
    let again = right.clone();
    let charges = [Charge {
        key: LimitKey::new(LimitScope::Application, "a", &Binding::subject(&alice())),
        limit: Limit::ceiling(9),
    }];
    let earn = move |store: &MemoryStore, right: &Presented, earned: &[Record]| {
        let cost = Cost {
            charges: &charges,
            unknown_is_free: true,
        };
        let told = ask(store.redeem_charged(right, cost, earned, now()));
        matches!(told, Charged::Answered(Redeemed::Redeemed(_)))
    };
    let orders = every_order(
        move |store| insert(store, &record),
        move |store| earn(store, &right, &one),
        move |store| earn(store, &again, &other),
        move |store, one, other| {
            assert!(one ^ other, "of two redeems {one} and {other} succeeded");
            let there = ids.map(|id| ask(store.find(&id)).is_some());
            assert_eq!(there, [one, other]);
        },
    );
    assert!(orders > 1, "{orders}");
}

/// A code that a newer one supersedes is redeemed before that or never.
#[test]
fn insert_beside_redeem_supersedes_or_comes_late() {
    let old = code(None);
    let new = code(Some(&old.handle));
    let (older, newer) = (*old.record.id(), *new.record.id());
    let orders = every_order(
        move |store| insert(store, &old.record),
        move |store| insert(store, &new.record),
        move |store| redeems(&ask(store.redeem(&old.right, now()))),
        move |store, (), redeemed| {
            let left = [State::Superseded, State::Spent];
            assert_eq!(state(store, &older), left[usize::from(redeemed)]);
            assert_eq!(state(store, &newer), State::Ready);
        },
    );
    assert!(orders > 1, "{orders}");
}

/// A list beside a revoking of the subject shows all of its records or none.
#[test]
fn revoke_beside_list_is_seen_whole() {
    // In both shards, but once in a billion runs.
    let codes = [(); 32].map(|()| code(None).record);
    let list = |store: &MemoryStore| ask(store.list(&alice(), None, now())).len();
    let orders = every_order(
        move |store| assert_eq!(ask(store.insert(&codes)), Inserted::Done),
        |store| ask(store.revoke(&Revoke::subject(&alice()))),
        list,
        move |store, revoked, listed| {
            assert_eq!((revoked, list(store)), (32, 0));
            assert!([0, 32].contains(&listed), "{listed} of 32 were listed");
        },
    );
    assert!(orders > 1, "{orders}");
}
