//! Enrols accounts before anything is measured, and in another process than the server's, whose memory is measured.

use std::{path::Path, sync::Arc};

use token_store_sqlx::{
    PostgresStore, SqliteStore,
    sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    token_store::{FactorStore, MemoryStore, Tokens, key_file, ott_core::Subject},
};
use tokio::task::JoinSet;
use twofa_providers::{
    Existing, Import,
    oath_otp::{Secret, Totp},
};

use crate::{serve, world::secret};

/// As many at once as share a commit well.
const TASKS: usize = 32;

/// Enrols an app for each of the first `most` accounts. What is sealed opens with the keys of this file.
///
/// These commits need not last, so nothing waits for the disk.
pub(crate) async fn enrol(database: &str, keys: &Path, most: usize) {
    if database.starts_with("postgres") {
        let options: token_store_sqlx::sqlx::postgres::PgConnectOptions = database.parse().unwrap();
        let options = options.options([("synchronous_commit", "off")]);
        let builder = PostgresStore::builder().accepting_weak_commits();
        let store = builder.connect(options).await.unwrap();
        let pool = store.pool().clone();
        all(store, keys, most).await;
        pool.close().await;
    } else {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off);
        let pool = SqlitePoolOptions::new().connect_lazy_with(options);
        let builder = SqliteStore::builder().accepting_weaker_durability();
        all(builder.pool(pool.clone()).await.unwrap(), keys, most).await;
        pool.close().await;
    }
}

async fn all(store: impl FactorStore + 'static, keys: &Path, most: usize) {
    let keys = key_file::read_or_create(keys).unwrap();
    let tokens = Tokens::builder(keys, MemoryStore::new()).build();
    let engine = serve::totp::engine(tokens.unwrap().shared(), Arc::new(store));
    let engine = Arc::new(engine);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let engine = Arc::clone(&engine);
        tasks.spawn(async move {
            for number in (task..most).step_by(TASKS) {
                let subject = Subject::new("", format!("id{number}")).unwrap();
                let (totp, secret) = app(number);
                let app = Existing::Totp(&totp, &secret);
                let import = Import::new(&subject, "app", "phone", app);
                engine.import("totp", &import).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// The app of an account.
pub(crate) fn app(number: usize) -> (Totp, Secret) {
    let secret = Secret::from_bytes(secret(number).as_bytes());
    (Totp::default(), secret.unwrap())
}
