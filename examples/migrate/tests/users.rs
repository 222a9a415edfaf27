//! Ten thousand users come over by the program, and each signs in. A thousand, unless `NIGHTLY=1` is set.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::SystemTime,
};

use migrate::OldCodes;
use tempfile::TempDir;
use token_store_sqlx::{
    SqliteStore,
    sqlx::{self, AssertSqlSafe, SqlitePool},
};
use twofa_providers::{
    Attempt, Response, TotpProvider, TwoFactor,
    oath_otp::{Secret, Totp},
    token_store::{
        ManualClock, Tokens, key_file,
        ott_core::{
            Subject,
            chrono::{DateTime, TimeDelta},
        },
    },
};

/// The rows of each table.
type Tables = BTreeMap<String, BTreeSet<String>>;

/// The least that bcrypt has, so that every user's code can be tried.
const BCRYPT_COST: u32 = 4;

fn users() -> i64 {
    let nightly = env::var_os("NIGHTLY").is_some_and(|set| set == "1");
    if nightly { 10_000 } else { 1_000 }
}

fn secret(id: i64) -> Secret {
    let text = format!("{id:020}");
    Secret::from_bytes(text.as_bytes()).expect("20 bytes")
}

fn backup_code(id: i64) -> String {
    format!("{id:010x}")
}

fn subject(id: i64) -> Subject {
    Subject::new("", id.to_string()).expect("a subject")
}

/// The old database, the keys, and when people sign in.
struct World {
    folder: TempDir,
    old: SqlitePool,
    now: i64,
}

impl World {
    /// Everybody in the old tables, and beside them somebody whose secret nobody can read.
    async fn new() -> Self {
        // Where there is one, in memory: every commit is synced.
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() {
            memory.to_owned()
        } else {
            env::temp_dir()
        };
        let folder = tempfile::tempdir_in(root).expect("a folder");
        let old = SqliteStore::open(folder.path().join("app.db")).await;
        let old = old.expect("a database").pool().clone();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs();
        let world = Self {
            folder,
            old,
            // A day after the program, which reads the machine's clock.
            now: i64::try_from(now)
                .expect("not that late")
                .saturating_add(86_400),
        };
        for table in [
            "CREATE TABLE users (id INTEGER PRIMARY KEY, totp_secret TEXT, last_step INTEGER)",
            "CREATE TABLE backup_codes (user_id TEXT, hash TEXT UNIQUE)",
            "CREATE INDEX backup_codes_user ON backup_codes (user_id)",
        ] {
            sqlx::query(table)
                .execute(&world.old)
                .await
                .expect("a table");
        }
        world.enrol(1..=users()).await;
        let unreadable = "INSERT INTO users VALUES (0, 'not base32!', NULL)";
        let unreadable = sqlx::query(unreadable).execute(&world.old).await;
        unreadable.expect("a user");
        world
    }

    /// Whose app was last used in this very step, and whose never.
    fn last_step(&self, id: i64) -> Option<i64> {
        (id % 2 == 0).then_some(self.now / 30)
    }

    async fn enrol(&self, ids: impl Iterator<Item = i64>) {
        let mut transaction = self.old.begin().await.expect("a transaction");
        for id in ids {
            let base32 = secret(id).to_base32();
            sqlx::query("INSERT INTO users VALUES (?, ?, ?)")
                .bind(id)
                .bind(base32.expose_secret())
                .bind(self.last_step(id))
                .execute(&mut *transaction)
                .await
                .expect("a user");
            let hash = bcrypt::hash(backup_code(id), BCRYPT_COST).expect("a hash");
            sqlx::query("INSERT INTO backup_codes VALUES (?, ?)")
                .bind(id.to_string())
                .bind(hash)
                .execute(&mut *transaction)
                .await
                .expect("a code");
        }
        transaction.commit().await.expect("committed");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the program says; whom it cannot take over, it names.
    fn migrate(&self) -> String {
        let mut program = Command::new(env!("CARGO_BIN_EXE_migrate"));
        program.args([self.file("app.db"), self.file("keys")]);
        let output = program.output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        assert_eq!(told, "user 0: the secret is no base32\n");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The application's own, over the same tables.
    async fn engine(&self, clock: &Arc<ManualClock>) -> TwoFactor {
        let store = SqliteStore::new(self.old.clone()).await.expect("a store");
        let ring = key_file::read_or_create(self.file("keys")).expect("keys");
        let tokens = Tokens::builder(ring, store.clone()).clock(Arc::clone(clock) as _);
        let tokens = tokens.build().expect("settings").shared();
        TwoFactor::builder(tokens, Arc::new(store))
            .provider(TotpProvider::new("Example").expect("a name"))
            .provider(OldCodes::new(&self.old))
            .build()
            .expect("an engine")
    }

    /// Every row of every table, old and new, as SQL would write its values.
    async fn rows(&self) -> Tables {
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let tables: Vec<String> = sqlx::query_scalar(tables)
            .fetch_all(&self.old)
            .await
            .expect("tables");
        let mut all = BTreeMap::new();
        for table in tables {
            let columns = "SELECT group_concat('quote(\"' || name || '\")', ' || '','' || ') FROM pragma_table_info(?)";
            let columns: String = sqlx::query_scalar(columns)
                .bind(&table)
                .fetch_one(&self.old)
                .await
                .expect("columns");
            let select = format!("SELECT {columns} FROM \"{table}\" ORDER BY 1");
            let rows = sqlx::query_scalar(AssertSqlSafe(select))
                .fetch_all(&self.old)
                .await
                .expect("rows");
            all.insert(table, rows.into_iter().collect());
        }
        all
    }
}

/// Fails with the names of the tables that differ, and not with ten thousand rows.
fn assert_same(before: &Tables, after: &Tables, when: &str) {
    assert!(before.keys().eq(after.keys()), "tables, {when}");
    let changed = before
        .iter()
        .filter(|(name, rows)| after.get(*name) != Some(*rows));
    let changed: Vec<&String> = changed.map(|(name, _)| name).collect();
    assert!(changed.is_empty(), "{changed:?} changed, {when}");
}

/// Each user signs in by app and by backup code, with no code that was used before.
async fn everybody_signs_in(world: &World) {
    let now = DateTime::from_timestamp(world.now, 0).expect("a time");
    let clock = Arc::new(ManualClock::new(now));
    let engine = world.engine(&clock).await;
    let code = |id, now: i64| {
        let now = u64::try_from(now).expect("after 1970");
        let code = Totp::default().generate(&secret(id), now);
        code.expose_secret().to_owned()
    };
    let works = async |id, provider, typed: &str| {
        let alice = subject(id);
        let attempt = Attempt::new(&alice, provider);
        let proof = engine.verify(&attempt, &Response::typed(typed)).await;
        proof.is_ok_and(|proof| proof.subject() == &alice)
    };
    for id in 1..=users() {
        // Whose app was used in this step before the move, must not use it again.
        let used = works(id, "totp", &code(id, world.now)).await;
        assert_eq!(used, world.last_step(id).is_none(), "user {id}");
    }
    clock.advance(TimeDelta::seconds(30));
    for id in 1..=users() {
        let next = code(id, world.now.saturating_add(30));
        assert!(works(id, "totp", &next).await, "user {id}");
        let (own, other) = (backup_code(id), backup_code(id.saturating_add(1)));
        assert!(!works(id, "old-codes", &other).await, "another's, {id}");
        assert!(works(id, "old-codes", &own).await, "user {id}");
        assert!(!works(id, "old-codes", &own).await, "again, user {id}");
    }
}

/// Secrets in base32 and bcrypt backup codes come over once, each user signs in with both, and no later run
/// changes a row.
#[tokio::test(flavor = "multi_thread")]
async fn users_of_another_system_sign_in() {
    let world = World::new().await;
    let count = users();
    let tables = world.rows().await;
    assert!(tables["ott_factors"].is_empty());

    assert_eq!(
        world.migrate(),
        format!("{count} new, 0 there, 1 unreadable\n")
    );
    let first = world.rows().await;
    let factors = u64::try_from(first["ott_factors"].len());
    assert_eq!(factors, u64::try_from(count));
    let there = format!("0 new, {count} there, 1 unreadable\n");
    assert_eq!(world.migrate(), there);
    assert_same(&first, &world.rows().await, "run again at once");

    everybody_signs_in(&world).await;
    let used = world.rows().await;
    assert!(used["backup_codes"].is_empty());
    assert!(used["ott_factors"].is_disjoint(&first["ott_factors"]));
    assert_eq!(world.migrate(), there);
    assert_same(&used, &world.rows().await, "run again after the sign-ins");

    // Who enrolled in the meantime is all that a run after the switch adds.
    world.enrol(count + 1..=count + 1).await;
    assert_eq!(
        world.migrate(),
        format!("1 new, {count} there, 1 unreadable\n")
    );
    let last = world.rows().await;
    assert!(used["ott_factors"].is_subset(&last["ott_factors"]));
    assert_eq!(last["ott_factors"].len(), used["ott_factors"].len() + 1);
}
