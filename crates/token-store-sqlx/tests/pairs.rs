//! Two verbs at once, of which one is in a caller's transaction, have an order: over SQLite.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pairs.rs"]
mod pairs;

use core::time::Duration;
use std::{fs, io::ErrorKind};

use fixture::Fixture;
use pairs::{Answer, Ground, Verb, World};
use sqlx::{Sqlite, Transaction};
use token_store_sqlx::{SqliteStore, sqlx};

impl Ground for Fixture {
    type Store = SqliteStore;
    type Open = Transaction<'static, Sqlite>;

    fn store(&self) -> &SqliteStore {
        &self.store
    }

    async fn begin(&self) -> Self::Open {
        let begun = self.store.pool().begin_with("BEGIN IMMEDIATE").await;
        begun.expect("the lock in time")
    }

    async fn inside(&self, open: &mut Self::Open, world: &World, verb: Verb) -> Answer {
        world.run(&self.store.on(open), verb).await
    }

    async fn end(open: Self::Open, is_kept: bool) {
        let ended = if is_kept {
            open.commit().await
        } else {
            open.rollback().await
        };
        ended.expect("the file is there");
    }

    /// SQLite does not say who waits. Its way to wait is to sleep between two looks at the lock, and nothing else in a
    /// connection's thread sleeps.
    async fn until_one_waits(&self) {
        while !a_connection_sleeps() {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    }

    async fn clear(&self) {
        let delete = sqlx::query("DELETE FROM ott_tokens").execute(self.store.pool());
        delete.await.expect("nobody holds it");
    }
}

/// Whether a thread of the driver's is in the system call that sleeps.
fn a_connection_sleeps() -> bool {
    let threads = fs::read_dir("/proc/self/task").expect("Linux lists threads");
    threads.flatten().any(|thread| {
        let of_thread = |name| fs::read_to_string(thread.path().join(name));
        match (of_thread("comm"), of_thread("syscall")) {
            (Ok(name), Ok(call)) => name.starts_with("sqlx-sqlite") && sleeps(&call),
            (_, Err(error)) => {
                // One that ended just now cannot be read either.
                let denied = error.kind() == ErrorKind::PermissionDenied;
                assert!(!denied, "who waits cannot be seen: {error}");
                false
            }
            (Err(_), _) => false,
        }
    })
}

/// `nanosleep` or `clock_nanosleep`.
fn sleeps(call: &str) -> bool {
    let numbers = if cfg!(target_arch = "x86_64") {
        ["35", "230"]
    } else {
        ["101", "115"]
    };
    let number = call.split_whitespace().next();
    number.is_some_and(|number| numbers.contains(&number))
}

/// Whatever two verbs answer and leave, one of the two orders does too.
#[tokio::test(flavor = "multi_thread")]
async fn pairs_around_a_transaction_have_an_order() {
    pairs::every_pair_has_an_order(&Fixture::new().await).await;
}
