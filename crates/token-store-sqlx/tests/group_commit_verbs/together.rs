//! Calls that wait together for one commit.

use core::task::{Context, Poll, Waker};

use token_store::TokenStore as _;

use crate::{
    every_verb::{Told, Verb, verb},
    fixture::{Fixture, LINK},
};

/// Begins it, and it waits.
pub(crate) fn begin(verb: &mut Verb<'_>) {
    let polled = verb.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
}

/// Polls each once while somebody else has the turn: all of them wait together.
pub(crate) async fn wait_together(fixture: &Fixture, verbs: &mut [Verb<'_>]) {
    let mut held = Vec::new();
    for _ in 0..fixture.store.pool().options().get_max_connections() {
        held.push(fixture.store.pool().acquire().await.unwrap());
    }
    let other = fixture.issue(&LINK).record;
    let batch = [other];
    let mut first = verb(fixture.store.insert(&batch));
    begin(&mut first);
    verbs.iter_mut().for_each(begin);
    drop(held);
    assert_eq!(first.await.unwrap(), "Done");
}

pub(crate) async fn end(verbs: Vec<Verb<'_>>) -> Vec<Told> {
    let mut told = Vec::new();
    for verb in verbs {
        told.push(verb.await);
    }
    told
}

/// The commit frames of the write-ahead log; as in `group_commit.rs`.
pub(crate) fn commits(fixture: &Fixture) -> usize {
    let log = std::fs::read(fixture.path().with_extension("db-wal")).unwrap();
    let (_, frames) = log.split_at(32);
    let commit = |frame: &&[u8]| frame.get(4..8) != Some(&[0; 4]);
    frames.chunks_exact(24 + 4_096).filter(commit).count()
}

/// As [`wait_together`]; one of them is dropped before anybody's turn comes.
pub(crate) async fn wait_together_but(fixture: &Fixture, verbs: &mut Vec<Verb<'_>>, gone: usize) {
    let own = fixture.outsider().await;
    let lock = own.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let batch = [fixture.issue(&LINK).record];
    let mut first = verb(fixture.store.insert(&batch));
    begin(&mut first);
    verbs.iter_mut().for_each(begin);
    drop(verbs.remove(gone));
    lock.rollback().await.unwrap();
    assert_eq!(first.await.unwrap(), "Done");
}
