//! What a store refuses to start on, and what it leaves alone.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture};
use sqlx::{
    Row, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use token_store::TokenStore;
use token_store_sqlx::{SqliteStore, StartError, sqlx};

async fn pool(
    path: &std::path::Path,
    journal: SqliteJournalMode,
    synchronous: SqliteSynchronous,
) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(journal)
        .synchronous(synchronous);
    SqlitePoolOptions::new()
        .connect_with(options)
        .await
        .unwrap()
}

/// Weaker durability is refused unless accepted by name.
#[tokio::test]
async fn weaker_durability_must_be_accepted_by_name() {
    use {SqliteJournalMode as J, SqliteSynchronous as S};
    let cases = [
        (J::Wal, S::Full, true),
        (J::Wal, S::Extra, true),
        (J::Wal, S::Normal, false),
        (J::Wal, S::Off, false),
        (J::Delete, S::Full, false),
        (J::Memory, S::Full, false),
    ];
    for (journal, synchronous, strong) in cases {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder.path().join("t.db"), journal, synchronous).await;
        let strict = SqliteStore::new(pool.clone()).await;
        match (strict, strong) {
            (Ok(_), true) | (Err(StartError::WeakDurability { .. }), false) => {}
            (other, _) => panic!("{journal:?} {synchronous:?}: {other:?}"),
        }
        let tables = sqlx::query("SELECT name FROM sqlite_schema")
            .fetch_all(&pool)
            .await;
        assert_eq!(
            tables.unwrap().is_empty(),
            !strong,
            "a refused start makes no tables"
        );
        let builder = SqliteStore::builder().accepting_weaker_durability();
        assert!(builder.pool(pool).await.is_ok());
    }
}

/// A store does not start on a database in memory: its durability is too weak.
#[tokio::test]
async fn database_in_memory_is_weak() {
    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    let told = SqliteStore::new(pool).await;
    assert!(matches!(told, Err(StartError::WeakDurability { .. })));
}

/// Every connection of `open` has `synchronous=FULL` and a write-ahead log.
#[tokio::test]
async fn open_is_full_and_wal_on_every_connection() {
    let fixture = Fixture::new().await;
    let mut held = Vec::new();
    for _ in 0..fixture.store.pool().options().get_max_connections() {
        let mut connection = fixture.store.pool().acquire().await.unwrap();
        for (pragma, value) in [("PRAGMA synchronous", "2"), ("PRAGMA journal_mode", "wal")] {
            let row = sqlx::query(pragma)
                .fetch_one(&mut *connection)
                .await
                .unwrap();
            let found = row.try_get::<i64, _>(0).map(|number| number.to_string());
            assert_eq!(found.or_else(|_| row.try_get(0)).unwrap(), value);
        }
        held.push(connection);
    }
}

/// Each of them keeps few pages: eight of SQLite's own size are 16 MB.
#[tokio::test]
async fn open_keeps_few_pages_on_every_connection() {
    let fixture = Fixture::new().await;
    let pool = fixture.store.pool();
    let mut held = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        let mut connection = pool.acquire().await.unwrap();
        let size = sqlx::query_scalar::<_, i64>("PRAGMA cache_size");
        assert_eq!(size.fetch_one(&mut *connection).await.unwrap(), -100);
        held.push(connection);
    }
}

/// A second store on the file finds what the first wrote.
#[tokio::test]
async fn second_store_on_the_file_finds_the_rows() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&CODE).await;
    for _ in 0..3 {
        let other = SqliteStore::open(fixture.path()).await.unwrap();
        let found = other.find(issued.record.id()).await.unwrap();
        assert_eq!(found.as_ref(), Some(issued.record.stored()));
    }
}

/// Sixteen stores that open one new file at once all start.
#[tokio::test(flavor = "multi_thread")]
async fn sixteen_first_starts_at_once_all_succeed() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let starts = (0..16).map(|_| {
            let path = path.clone();
            async move { SqliteStore::open(path).await.map(|_| ()) }
        });
        for start in fixture::at_once(starts).await {
            start.unwrap();
        }
    }
}

/// The application's migrations and the store's stand beside each other, also when both run again.
#[tokio::test]
async fn applications_own_migrations_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    let pool = pool(&path, SqliteJournalMode::Wal, SqliteSynchronous::Full).await;
    let own = || {
        let sql = sqlx::SqlSafeStr::into_sql_str("CREATE TABLE users (id INTEGER PRIMARY KEY)");
        let first = Migration::new(1, "users".into(), MigrationType::Simple, sql, false);
        Migrator::with_migrations(vec![first])
    };
    for _ in 0..2 {
        own().run(&pool).await.unwrap();
        SqliteStore::new(pool.clone()).await.unwrap();
    }
    let select = "SELECT group_concat(name, ' ') FROM \
        (SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name)";
    let tables: String = sqlx::query_scalar(select).fetch_one(&pool).await.unwrap();
    assert_eq!(
        tables,
        "_ott_migrations _sqlx_migrations ott_factors ott_limits ott_lines ott_queue ott_tokens users"
    );
}

/// A store does not open tables of a newer version.
#[tokio::test]
async fn tables_of_a_newer_version_are_refused() {
    let fixture = Fixture::new().await;
    let newer = "INSERT INTO _ott_migrations VALUES (1000, 'newer', 0, 1, x'00', 0)";
    sqlx::query(newer)
        .execute(fixture.store.pool())
        .await
        .unwrap();
    let told = SqliteStore::open(fixture.path()).await;
    assert!(matches!(told, Err(StartError::Migration(_))), "{told:?}");
}

/// The database file and the files of its log have mode 0600.
#[cfg(unix)]
#[tokio::test]
async fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new().await;
    fixture.insert(&CODE).await;
    for end in ["", "-wal", "-shm"] {
        let mut path = fixture.path().into_os_string();
        path.push(end);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path:?}");
    }
}
