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

use super::MemoryStore;
use crate::{
    Advanced, Charge, Charged, ChargedStore, Cost, FactorId, FactorState, FactorStore, Inserted,
    LimitStore, Redeemed, RemoveIf, Revoke, Spent, StoredFactor, TokenStore,
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

/// A factor that is removed while its code is burnt stays removed.
#[test]
fn advance_beside_remove_brings_nothing_back() {
    let id = FactorId::from_bytes([7; 16]);
    let factor = StoredFactor {
        id,
        subject: alice(),
        provider: String::from("totp"),
        label: String::from("phone"),
        state: FactorState::Active,
        sealed: vec![1, 2, 3],
        last: None,
        created_at: now(),
        used_at: None,
        removal: None,
    };
    let orders = every_order(
        move |store| assert!(ask(store.insert_factor(&factor))),
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
