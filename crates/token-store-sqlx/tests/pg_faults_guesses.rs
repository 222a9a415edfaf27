//! A server that is killed, hangs, or ends connections while many guess at factors: a code is burnt and clears what it clears, or it is
//! charged, or nothing was done. The servers are the test's own.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/running.rs"]
mod running;

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use fixture::now;
use running::Running;
use testing::{guesses::Guesses, postgres::Server};
use token_store_sqlx::PostgresStore;

/// How many guesses at each factor were answered, once somebody began with it.
#[derive(Clone, Default)]
struct Told {
    next: Arc<AtomicU64>,
    answered: Arc<Mutex<BTreeMap<u64, usize>>>,
}

impl Told {
    fn answered(&self, number: u64, done: usize) {
        self.answered.lock().unwrap().insert(number, done);
    }

    /// Tasks that guess at one factor after another, after an outage too or not.
    async fn start(&self, server: &Server, timeout: Duration, goes_on: bool) -> Running {
        let store = connect(server, timeout).await;
        let own = self.clone();
        Running::start(move |answered| {
            let (store, own) = (store.clone(), own.clone());
            async move {
                let number = own.next.fetch_add(1, Ordering::SeqCst);
                own.answered(number, 0);
                let told = |done| {
                    own.answered(number, done);
                    answered.fetch_add(1, Ordering::SeqCst);
                };
                let told = Guesses::new(number, now()).all(&store, told).await;
                if goes_on { Ok(()) } else { told }
            }
        })
    }

    /// What stands is whole, and what was answered is there; the rest is done now.
    async fn is_whole(&self, server: &Server, what: &str) {
        let store = connect(server, Duration::from_secs(30)).await;
        let answered = core::mem::take(&mut *self.answered.lock().unwrap());
        assert!(!answered.is_empty(), "{what}");
        for (number, told) in answered {
            let guesses = Guesses::new(number, now());
            let done = guesses.done(&store).await;
            assert!(
                done.unwrap_or(0) >= told,
                "{what}: {number}: {done:?} of {told}"
            );
            guesses.end(&store).await;
        }
        store.pool().close().await;
    }
}

async fn connect(server: &Server, timeout: Duration) -> PostgresStore {
    let builder = PostgresStore::builder().timeout(timeout);
    builder.connect(server.options()).await.unwrap()
}

/// After the server was killed, each guess is done whole or not at all, and each answered guess is done.
#[tokio::test(flavor = "multi_thread")]
async fn killed_server_leaves_no_half_of_a_guess() {
    let mut server = Server::start();
    let told = Told::default();
    for round in 0..4 {
        let running = told.start(&server, Duration::from_secs(30), false).await;
        running.answered(20 + 40 * round).await;
        server.kill();
        running.ends.store(true, Ordering::SeqCst);
        server.restart();
        running.end().await;
        told.is_whole(&server, &format!("round {round}")).await;
    }
}

/// After the server hung, each guess is done whole or not at all, and each answered guess is done.
#[tokio::test(flavor = "multi_thread")]
async fn hung_server_leaves_no_half_of_a_guess() {
    let server = Server::start();
    let told = Told::default();
    let running = told.start(&server, Duration::from_secs(5), false).await;
    running.answered(20).await;
    server.stop();
    running.ends.store(true, Ordering::SeqCst);
    running.end().await;
    server.go_on();
    // What was under way ends as a whole, one way or the other.
    let busy = "SELECT count(*) FROM pg_stat_activity \
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'";
    while server.number(busy).await > 0 {
        tokio::task::yield_now().await;
    }
    told.is_whole(&server, "after it hung").await;
}

/// Connections that are ended in the middle of their statements.
#[tokio::test(flavor = "multi_thread")]
async fn ended_connections_leave_no_half_of_a_guess() {
    let server = Server::start();
    let told = Told::default();
    let running = told.start(&server, Duration::from_secs(30), true).await;
    for round in 1..=20 {
        running.answered(20 * round).await;
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state = 'active'";
        server.number(end).await;
    }
    running.end().await;
    told.is_whole(&server, "after ended connections").await;
}
