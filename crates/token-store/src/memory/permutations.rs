//! [`MemoryStore`] under every order in which two threads can take its locks.
//!
//! The crate's own unit tests build `memory.rs` over the mutex of `loom`, which runs a closure once for
//! each order that differs, without a bound: `cargo test -p token-store --lib` does it in a second.
//! The store has two shards there, and one thread is the test's own.

mod guesses;
mod tokens;

use core::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
};
use std::sync::Arc;

use ott_core::{
    Binding, Handle, IssueOptions, Issuer, KeyRing, Policy, Presented, Purpose, Record, Subject,
    chrono::{DateTime, Utc},
    rand::rngs::SysRng,
};

use super::MemoryStore;
use crate::{Inserted, TokenStore};

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
