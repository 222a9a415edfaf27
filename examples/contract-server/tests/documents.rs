//! A document that is not there is looked for by the same work as one that is.

#![expect(
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::Arc;

use clap::Parser;
use contract_server::{Engine, Ground, Options, Store, Transaction, spread};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use twofa_providers::{token_delivery::Templates, token_store::ott_core::Limit};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

const KIND: &str = "account";

struct Place {
    folder: TempDir,
    engine: Engine,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let outbox = folder.path().join("outbox");
        let arguments = [
            "documents".as_ref(),
            "--data".as_ref(),
            data.as_os_str(),
            "--outbox".as_ref(),
            outbox.as_os_str(),
        ];
        let Arguments { options } = Arguments::parse_from(arguments);
        let words = Templates::new("Documents", []).unwrap();
        let ground = Ground::open("documents", &options, words).await.unwrap();
        let engine = ground.engine(&[], Limit::ALLOWANCE, None).await.unwrap();
        Self { folder, engine }
    }

    /// With accounts `a0` to before `a{count}`, whose documents are as long as each other.
    async fn with(count: usize) -> Self {
        let place = Self::new().await;
        for at in 0..count {
            let id = spread(&format!("a{at}"));
            let added = place.engine.documents.add(KIND, &id, &at).await;
            assert!(added.unwrap());
        }
        place
    }

    async fn or_next(&self, name: &str) -> Option<usize> {
        let mut documents = self.engine.documents.anywhere();
        let found = documents.get_or_next::<usize>(KIND, &spread(name)).await;
        found.unwrap().map(|found| found.value)
    }

    /// What is found, and the steps of SQLite's machine until then.
    async fn steps(&self, name: &str) -> (Option<usize>, u32) {
        let Store::Sqlite(store) = &**self.engine.opening.store() else {
            panic!("another database");
        };
        let mut open = Transaction::Sqlite(store.pool().begin().await.unwrap());
        let id = spread(name);
        // Once before: a connection reads the schema at its first statement.
        let mut documents = self.engine.documents.within(&mut open);
        let first = documents.get_or_next::<usize>(KIND, &id).await;
        assert!(first.is_ok());
        let Transaction::Sqlite(mut open) = open else {
            panic!("another database");
        };
        let steps = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&steps);
        let mut handle = open.lock_handle().await.unwrap();
        handle.set_progress_handler(1, move || {
            counted.fetch_add(1, Relaxed);
            true
        });
        drop(handle);
        let mut open = Transaction::Sqlite(open);
        let mut documents = self.engine.documents.within(&mut open);
        let found = documents.get_or_next::<usize>(KIND, &id).await;
        let Transaction::Sqlite(mut open) = open else {
            panic!("another database");
        };
        open.lock_handle().await.unwrap().remove_progress_handler();
        (found.unwrap().map(|found| found.value), steps.load(Relaxed))
    }

    /// Whether no id comes after this name's.
    fn is_last(name: &str, count: usize) -> bool {
        (0..count).all(|at| spread(&format!("a{at}")) < spread(name))
    }
}

/// Of a name that is not there no other's document is given, wherever it stands among them.
#[tokio::test]
async fn next_document_is_not_given() {
    for count in [0, 1, 3] {
        let place = Place::with(count).await;
        for at in 0..count {
            assert_eq!(place.or_next(&format!("a{at}")).await, Some(at));
        }
        let unknown: Vec<_> = (0..20).map(|at| format!("x{at}")).collect();
        for name in &unknown {
            assert_eq!(place.or_next(name).await, None);
        }
        let last = unknown.iter().filter(|name| Place::is_last(name, count));
        assert!(last.count() > 0, "none was after the last");
    }
}

/// SQLite does the same for a name that is there and one that is not: not a step of its machine more or less. After the last
/// id, where the first one is read, it looks twice for an id: a few steps more.
#[tokio::test]
async fn document_and_nobody_take_as_many_steps() {
    let count = 40;
    let place = Place::with(count).await;
    let (found, known) = place.steps("a0").await;
    assert_eq!(found, Some(0));
    assert!(known > 5, "{known}: nothing was counted");
    let mut last = 0;
    for at in 0..count {
        assert_eq!(place.steps(&format!("a{at}")).await, (Some(at), known));
    }
    for at in 0..400 {
        let name = format!("x{at}");
        let (found, steps) = place.steps(&name).await;
        assert_eq!(found, None);
        if Place::is_last(&name, count) {
            last += 1;
            assert!((known..=known + 20).contains(&steps), "{steps} of {known}");
        } else {
            assert_eq!(steps, known, "{name}");
        }
    }
    assert!(last > 0, "none was after the last");
}

/// Where the next document cannot be opened, it is its owner's trouble and not that of a name that is not there.
#[tokio::test]
async fn broken_document_is_told_to_its_owner() {
    let place = Place::with(1).await;
    let file = place.folder.path().join("data/data.db");
    let options = SqliteConnectOptions::new().filename(file);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let broken = sqlx::query("UPDATE contract_documents SET sealed = 'no seal' WHERE kind = $1");
    let broken = broken.bind(KIND).execute(&pool).await.unwrap();
    assert_eq!(broken.rows_affected(), 1);
    let mut documents = place.engine.documents.anywhere();
    let own = documents.get_or_next::<usize>(KIND, &spread("a0")).await;
    assert!(own.is_err());
    assert_eq!(place.or_next("x0").await, None);
}

/// Names that are alike are spread over all ids.
#[test]
fn ids_are_spread_evenly() {
    let first = |at: usize| spread(&format!("u{at:07}")).remove(0);
    let mut counts = std::collections::BTreeMap::<char, usize>::new();
    for at in 0..1_600 {
        *counts.entry(first(at)).or_default() += 1;
    }
    assert_eq!(counts.len(), 16);
    assert!(
        counts.values().all(|count| (50..=160).contains(count)),
        "{counts:?}"
    );
}
