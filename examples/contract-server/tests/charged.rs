//! The store of the servers charges in the step of a verb, and its limits bear a clock that is set back.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

use core::time::Duration;
use std::{fs, path::Path};

use contract_server::Store;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tempfile::TempDir;
use token_store_sqlx::SqliteStore;
use twofa_providers::token_store::{
    LimitStore, Spent, Tokens, TokensError,
    ott_core::{Binding, KeyRing, Policy, Purpose, Subject, chrono::TimeDelta},
};

const CODE: Policy = Policy::code(Purpose::new("sign-in"));

/// Over a file whose log keeps every commit.
async fn tokens(folder: &TempDir) -> Tokens<Store> {
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("tokens.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0");
    let pool = SqlitePoolOptions::new().connect_with(options);
    let builder = SqliteStore::builder().timeout(Duration::from_secs(30));
    let store = builder.pool(pool.await.unwrap()).await.unwrap();
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), Store::Sqlite(store));
    tokens.policy(&CODE).build().unwrap()
}

/// How often was committed: a frame of the log that ends a commit names the size of the file.
fn commits(folder: &Path) -> usize {
    let log = fs::read(folder.join("tokens.db-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap());
    let frames = log[32..].chunks_exact(24 + usize::try_from(page).unwrap());
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

/// A code that is sent and typed is two commits: its limits are charged in them.
#[tokio::test(flavor = "multi_thread")]
async fn code_is_two_commits() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = tokens(&folder).await;
    let alice = Subject::new("t1", "alice").unwrap();
    let binding = Binding::subject(&alice);
    let before = commits(folder.path());
    let sent = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = sent.token.expose_secret();
    let redeemed = tokens.redeem(&CODE, &sent.handle, &binding, typed).await;
    redeemed.unwrap();
    assert_eq!(commits(folder.path()) - before, 2);
}

/// What was spent in what is the future by now is forgotten, in the step of a verb as in a spend.
#[tokio::test(flavor = "multi_thread")]
async fn limit_ahead_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = tokens(&folder).await;
    let alice = Subject::new("t1", "alice").unwrap();
    let binding = Binding::subject(&alice);
    let allowance = [tokens.allowance_of(&binding).unwrap()];
    let later = tokens.now() + TimeDelta::days(3_650);
    let sent = tokens.issue(&CODE, &binding).await.unwrap();
    let spend = async |at| tokens.store().spend(&allowance, at).await.unwrap();
    assert_eq!(spend(later).await, Spent::Allowed);
    let others = ["000000", "000001"];
    let right = sent.token.expose_secret();
    let wrong = others.into_iter().find(|other| *other != right).unwrap();
    let told = tokens.redeem(&CODE, &sent.handle, &binding, wrong).await;
    assert!(matches!(told, Err(TokensError::Rejected(_))), "{told:?}");
    assert_eq!(spend(later).await, Spent::Allowed);
    assert_eq!(spend(tokens.now()).await, Spent::Allowed);
}
