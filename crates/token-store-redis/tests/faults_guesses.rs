//! A server that is killed or hangs while many guess at factors: a code is burnt and clears what it clears, or it is charged, or
//! nothing was done. Each test starts its own.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/outages.rs"]
mod outages;

use core::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use fixture::{Fixture, now};
use outages::{lost, until_it_answers};
use testing::{
    guesses::Guesses,
    redis::{DURABLE, Install, Server, everything},
};
use token_store::FactorState;
use token_store_redis::RedisStore;
use tokio::task::JoinSet;

/// So many tasks at once.
const TASKS: usize = 8;

/// Tasks that guess at one factor after another until the server fails, and what they were told.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    ends: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    answers: Arc<AtomicUsize>,
    /// How many guesses at each factor were answered.
    told: Arc<Mutex<BTreeMap<u64, usize>>>,
}

impl Running {
    fn start(store: &RedisStore) -> Self {
        let mut running = Self::default();
        for _ in 0..TASKS {
            let store = store.clone();
            let (ends, next) = (Arc::clone(&running.ends), Arc::clone(&running.next));
            let (answers, told) = (Arc::clone(&running.answers), Arc::clone(&running.told));
            running.tasks.spawn(async move {
                while !ends.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    told.lock().unwrap().insert(number, 0);
                    let answered = |done| {
                        told.lock().unwrap().insert(number, done);
                        answers.fetch_add(1, Ordering::SeqCst);
                    };
                    let all = Guesses::new(number, now()).all(&store, answered).await;
                    if all.is_err() {
                        return;
                    }
                }
            });
        }
        running
    }

    async fn answered(&self, guesses: usize) {
        while self.answers.load(Ordering::SeqCst) < guesses {
            assert!(!self.tasks.is_empty());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn end(mut self) -> BTreeMap<u64, usize> {
        self.ends.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        core::mem::take(&mut *self.told.lock().unwrap())
    }
}

/// What stands is whole, what was answered is there, and no code counts twice.
async fn is_whole(store: &RedisStore, told: &BTreeMap<u64, usize>) {
    assert!(!told.is_empty());
    for (number, told) in told {
        let guesses = Guesses::new(*number, now());
        let done = guesses.done(store).await.unwrap_or(0);
        assert!(done >= *told, "{number}: {done} of {told}");
        guesses.counts_no_code_twice(store, done).await;
    }
}

/// It writes each command to its disk before it answers, and comes back with what stands there.
#[tokio::test(flavor = "multi_thread")]
async fn killed_server_leaves_no_half_of_a_guess() {
    for round in 0..4 {
        let mut server = Server::start(DURABLE).await;
        let store = everything().install(server.url()).await;
        let running = Running::start(&store);
        running.answered(20 + 40 * round).await;
        server.kill();
        let told = running.end().await;
        server.restart().await;
        until_it_answers(&store).await;
        let factor = Fixture::new(store.clone()).factor(1, FactorState::Active);
        let number = lost(&store, &factor.id).await;
        store.accept_lost_writes(number).await.unwrap();
        is_whole(&store, &told).await;
    }
}

/// After the server hung, each guess is done whole or not at all, each answered guess is done, and no code counts twice.
#[tokio::test(flavor = "multi_thread")]
async fn hung_server_leaves_no_half_of_a_guess() {
    let server = Server::start(&[]).await;
    let store = everything().timeout(Duration::from_secs(2));
    let store = store.install(server.url()).await;
    let running = Running::start(&store);
    running.answered(100).await;
    server.signal("-STOP");
    let told = running.end().await;
    server.signal("-CONT");
    until_it_answers(&store).await;
    is_whole(&store, &told).await;
    for number in told.keys() {
        Guesses::new(*number, now()).end(&store).await;
    }
}
