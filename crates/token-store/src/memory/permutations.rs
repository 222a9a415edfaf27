//! [`MemoryStore`] under every order in which two threads can take its locks.
//!
//! The crate's own unit tests build `memory.rs` over the mutex of `loom`, which runs a closure once for
//! each order that differs, without a bound: `cargo test -p token-store --lib` does it in a second.
//! The store has two shards there, and one thread is the test's own.

use core::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
};
use std::sync::Arc;

use ott_core::{
    Binding, Handle, IssueOptions, Issuer, KeyRing, Limit, LimitKey, LimitScope, Policy, Presented,
    Purpose, Reason, Record, RecordId, State, Subject,
    chrono::{DateTime, TimeDelta, Utc},
    rand::rngs::SysRng,
};

use super::{MemoryStore, lock, pick, shard_of};
use crate::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, Cost, FactorId, FactorState,
    FactorStore, Guess, Inserted, LimitStore, Redeemed, RemoveIf, Revoke, Spent, StoredFactor,
    TokenStore,
};

const CODE: Policy = Policy::code(Purpose::new("permuted"));
const WRONG: [&str; 2] = ["000000", "000001"];

/// The answer of a verb, which takes its locks and waits for nobody else.
fn ask<T, E: core::fmt::Debug>(verb: impl Future<Output = Result<T, E>>) -> T {
    match pin!(verb).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.expect("memory does not fail"),
        Poll::Pending => panic!("a verb of the memory store waited"),
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000, 0).expect("a time")
}

/// Runs both in every order, and says how many there are.
fn every_order<A: Send + 'static, B>(
    begin: impl Fn(&MemoryStore) + Send + Sync + 'static,
    one: impl Fn(&MemoryStore) -> A + Send + Sync + 'static,
    other: impl Fn(&MemoryStore) -> B + Send + Sync + 'static,
    check: impl Fn(&MemoryStore, A, B) + Send + Sync + 'static,
) -> usize {
    let (one, orders) = (Arc::new(one), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&orders);
    loom::model(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let store = Arc::new(MemoryStore::new());
        begin(&store);
        let (its, does) = (Arc::clone(&store), Arc::clone(&one));
        let thread = loom::thread::spawn(move || does(&its));
        let told = other(&store);
        let first = thread.join().expect("the thread ends");
        check(&store, first, told);
    });
    orders.load(Ordering::Relaxed)
}

/// A code of one flow, and what is presented for it.
struct Code {
    record: Record,
    handle: Handle,
    right: Presented,
    wrong: Presented,
}

fn alice() -> Subject {
    Subject::new("t1", "alice").expect("a name")
}

fn code(resend: Option<&Handle>) -> Code {
    let key = format!("1 00{}\n", "a1".repeat(31));
    let issuer = Issuer::new(KeyRing::from_text(&key).expect("a key"));
    let owner = alice();
    let binding = Binding::subject(&owner);
    let options = IssueOptions {
        resend,
        ..IssueOptions::default()
    };
    let issued = issuer
        .issue_from_rng(&CODE, &binding, options, now(), &mut SysRng)
        .expect("the policy issues")
        .pop()
        .expect("one");
    let typed = issued.token.expose_secret();
    let other = if typed == WRONG[0] {
        WRONG[1]
    } else {
        WRONG[0]
    };
    let present = |typed| {
        issuer
            .present_by_handle(&CODE, &issued.handle, &binding, typed, now())
            .expect("a code")
    };
    Code {
        right: present(typed),
        wrong: present(other),
        record: issued.record,
        handle: issued.handle,
    }
}

fn insert(store: &MemoryStore, record: &Record) {
    let told = ask(store.insert(core::slice::from_ref(record)));
    assert_eq!(told, Inserted::Done);
}

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

const FACTOR: FactorId = FactorId::from_bytes([7; 16]);

fn factor() -> StoredFactor {
    StoredFactor {
        id: FACTOR,
        subject: alice(),
        provider: String::from("totp"),
        label: String::from("phone"),
        state: FactorState::Active,
        sealed: vec![1, 2, 3],
        last: None,
        created_at: now(),
        used_at: None,
        removal: None,
    }
}

/// A factor that is removed while its code is burnt stays removed.
#[test]
fn advance_beside_remove_brings_nothing_back() {
    let id = FACTOR;
    let orders = every_order(
        |store| assert!(ask(store.insert_factor(&factor()))),
        move |store| ask(store.advance(&id, 1, now())),
        move |store| ask(store.remove(&id, RemoveIf::Always, &[], now())),
        |store, advanced, removed| {
            let left = ask(store.factors(&alice())).pop().expect("the row stays");
            assert!(removed);
            assert_eq!(left.state, FactorState::Removed);
            let (told, last) = match left.last {
                None => (Advanced::Absent, None),
                last => (Advanced::Accepted, last),
            };
            assert_eq!((advanced, last.unwrap_or(1)), (told, 1));
        },
    );
    assert!(orders > 1, "{orders}");
}

/// Of two, one is spent, given back and spent again: one is left, in every order.
#[test]
fn spend_beside_refund_loses_nothing() {
    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "permuted", &Binding::tenant("t1")),
        limit: Limit::pace(2, TimeDelta::minutes(1)),
    };
    let spends = move |store: &MemoryStore| ask(store.spend(&[charge], now())) == Spent::Allowed;
    let orders = every_order(
        move |store| assert!(spends(store)),
        move |store| ask(store.refund(&[charge], 1)),
        spends,
        move |store, (), spent| {
            assert_eq!((spent, spends(store), spends(store)), (true, true, false));
        },
    );
    assert!(orders > 1, "{orders}");
}

/// A ceiling of so many in the first or the second shard.
fn ceiling(shard: usize, most: u32) -> Charge {
    let mut keys = (0_u8..).map(|number| {
        let name = format!("permuted {number}");
        LimitKey::new(LimitScope::Application, &name, &Binding::tenant("t1"))
    });
    Charge {
        key: keys
            .find(|key| shard_of(key.as_bytes()) == shard)
            .expect("one of two shards"),
        limit: Limit::ceiling(most),
    }
}

/// A guess that is wrong, or right with this counter. A success clears the last charge.
fn guess(store: &MemoryStore, right: Option<u64>, charges: &[Charge]) -> Charged<Option<Advanced>> {
    let cleared: Vec<_> = charges.last().iter().map(|charge| charge.key).collect();
    let guess = Guess {
        right: right.map(|counter| (FACTOR, counter)),
        charges,
        cleared: &cleared,
    };
    ask(store.advance_charged(guess, now()))
}

/// The last counter of the factor.
fn last(store: &MemoryStore) -> Option<u64> {
    ask(store.factors(&alice()))
        .pop()
        .expect("the row stays")
        .last
}

/// How many were counted.
fn count(store: &MemoryStore, charge: &Charge) -> u32 {
    let shard = lock(pick(&store.limits, charge.key.as_bytes()));
    shard.get(&charge.key).map_or(0, |state| state.count)
}

const WRONG_GUESS: Charged<Option<Advanced>> = Charged::Answered(None);
const ACCEPTED: Charged<Option<Advanced>> = Charged::Answered(Some(Advanced::Accepted));

/// A wrong guess beside a right one under ceilings that allow one more, whose keys they name in opposite orders: the right one comes
/// first and is accepted, or burns nothing. They wait in no circle.
fn wrong_beside_right(
    judge: impl Fn(&MemoryStore, &[Charge]) -> Charged<Option<Advanced>> + Send + Sync + 'static,
) {
    let [one, other] = [0, 1].map(|shard| ceiling(shard, 1));
    let orders = every_order(
        |store| assert!(ask(store.insert_factor(&factor()))),
        move |store| judge(store, &[other, one]),
        move |store| guess(store, Some(1), &[one, other]),
        move |store, wrong, right| {
            let counted = [one, other].map(|charge| count(store, &charge));
            let first = right == ACCEPTED;
            let refused = right == Charged::Refused(Spent::Locked(one.key));
            let ordered = wrong == WRONG_GUESS
                && (first || refused)
                && counted == [1, 1]
                && last(store) == first.then_some(1);
            assert!(ordered, "no order: {wrong:?}, {right:?}, {counted:?}");
        },
    );
    assert!(orders > 1, "{orders}");
}

/// A right guess overtakes no wrong one that used the limit up.
#[test]
fn guess_beside_guess_has_an_order() {
    wrong_beside_right(|store, charges| guess(store, None, charges));
}

/// A guess that asks the limits and then charges them is found out.
#[test]
#[should_panic(expected = "no order")]
fn a_planted_look_then_charge_is_found() {
    wrong_beside_right(|store, charges| {
        let refused = charges.iter().find(|charge| count(store, charge) > 0);
        if let Some(charge) = refused {
            return Charged::Refused(Spent::Locked(charge.key));
        }
        for charge in charges {
            let shard = pick(&store.limits, charge.key.as_bytes());
            lock(shard).entry(charge.key).or_default().count = 1;
        }
        WRONG_GUESS
    });
}

/// Of a spend and a guess under a ceiling of one, the second is refused; but a right guess that comes first charges nothing.
#[test]
fn guess_beside_spend_is_counted_once() {
    for right in [None, Some(1)] {
        let (charge, pace) = (ceiling(1, 1), ceiling(0, 9));
        let orders = every_order(
            |store| assert!(ask(store.insert_factor(&factor()))),
            move |store| ask(store.spend(&[charge], now())),
            move |store| guess(store, right, &[pace, charge]),
            move |store, spent, guessed| {
                let first = guessed != Charged::Refused(Spent::Locked(charge.key));
                let burnt = first && right.is_some();
                assert_eq!(guessed == ACCEPTED, burnt);
                assert_eq!(last(store), burnt.then_some(1));
                let allowed = !first || burnt;
                assert_eq!(
                    spent == Spent::Allowed,
                    allowed,
                    "{spent:?} beside {guessed:?}"
                );
                assert_eq!(count(store, &charge), 1);
                assert_eq!(count(store, &pace), u32::from(first && !burnt));
            },
        );
        assert!(orders > 1, "{orders}");
    }
}

/// What is cleared beside a wrong guess counts that guess or nothing, and allows it either way or refuses it whole.
#[test]
fn guess_beside_clear_counts_one_or_none() {
    let (charge, pace) = (ceiling(1, 1), ceiling(0, 9));
    let orders = every_order(
        move |store| assert_eq!(ask(store.spend(&[charge], now())), Spent::Allowed),
        move |store| ask(store.clear(&charge.key)),
        move |store| guess(store, None, &[pace, charge]),
        move |store, (), guessed| {
            let answered = guessed == WRONG_GUESS;
            assert!(answered || guessed == Charged::Refused(Spent::Locked(charge.key)));
            let counted = [pace, charge].map(|charge| count(store, &charge));
            assert_eq!(counted, [u32::from(answered); 2]);
        },
    );
    assert!(orders > 1, "{orders}");
}

/// A factor that is removed beside a right guess was burnt before and nothing is charged, or it is absent and that is charged.
#[test]
fn guess_beside_remove_burns_or_is_charged() {
    let (charge, pace) = (ceiling(1, 9), ceiling(0, 9));
    let orders = every_order(
        |store| assert!(ask(store.insert_factor(&factor()))),
        |store| ask(store.remove(&FACTOR, RemoveIf::Always, &[], now())),
        move |store| guess(store, Some(1), &[pace, charge]),
        move |store, removed, guessed| {
            assert!(removed);
            let left = ask(store.factors(&alice())).pop().expect("the row stays");
            assert_eq!(left.state, FactorState::Removed);
            let burnt = left.last.is_some();
            let told = if burnt {
                Advanced::Accepted
            } else {
                Advanced::Absent
            };
            assert_eq!(guessed, Charged::Answered(Some(told)));
            let counted = [pace, charge].map(|charge| count(store, &charge));
            assert_eq!(counted, [u32::from(!burnt); 2]);
        },
    );
    assert!(orders > 1, "{orders}");
}
