//! The statements of the store over SQLite, on one connection that its callers take in turn.

use token_store_sqlx::sqlx::{
    self, Connection, Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{Token, hex};

const READ: &str = "SELECT key, full_at, count FROM ott_limits \
    WHERE key IN (SELECT unhex(value) FROM json_each(?1))";
const WRITE: &str = "INSERT INTO ott_limits (key, full_at, count) \
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each(?1) WHERE true \
    ON CONFLICT (key) DO UPDATE SET full_at = excluded.full_at, count = excluded.count";
const INSERT: &str = "INSERT INTO ott_tokens \
       (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, number, \
        max_attempts, issued_at, expires_at, idle_micros, tag, state, attempts, used_at, \
        outcome, decider_tenant, decider, decision_data, decided_at, decision_tag) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
             ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25) \
     ON CONFLICT (id) DO NOTHING";
const SUPERSEDE: &str = "UPDATE ott_tokens SET state = 6 WHERE slot = ?1 AND state IN (0, 1) \
    AND id NOT IN (SELECT unhex(value) FROM json_each(?2))";

macro_rules! live {
    () => {
        "issued_at - 60000000 <= ?2 \
         AND (expires_at IS NULL OR ?2 < expires_at + CASE WHEN outcome = 1 THEN 60000000 ELSE 0 END) \
         AND (idle_micros IS NULL OR ?2 < coalesce(used_at, issued_at) + idle_micros)"
    };
}

const REDEEM: &str = concat!(
    "UPDATE ott_tokens SET \
       attempts = min(attempts + 1, 4294967295), \
       state = CASE WHEN digest IN (?4) THEN 5 \
                    WHEN attempts + 1 >= max_attempts THEN 3 ELSE state END, \
       used_at = CASE WHEN digest IN (?4) THEN ?2 ELSE used_at END \
     WHERE id = ?1 AND state IN (0, 1) AND key IN (?3) \
       AND attempts BETWEEN 0 AND 4294967295 \
       AND NOT (state = 0 AND digest IN (?4)) AND ",
    live!(),
    " RETURNING *"
);
const FIND: &str = "SELECT * FROM ott_tokens WHERE id = ?1";

pub(super) struct Rows {
    writer: Mutex<SqliteConnection>,
    pub(super) readers: SqlitePool,
}

impl Rows {
    /// If it counts, the log keeps every commit.
    pub(super) async fn open(database: &str, counts: bool) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .synchronous(SqliteSynchronous::Full);
        let options = match counts {
            true => options.pragma("wal_autocheckpoint", "0"),
            false => options,
        };
        let writer = SqliteConnection::connect_with(&options).await.unwrap();
        let readers = SqlitePoolOptions::new()
            .max_connections(7)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Self {
            writer: Mutex::new(writer),
            readers,
        }
    }

    pub(super) async fn issue(&self, token: &Token, limit: [u8; 16]) {
        let mut writer = self.writer.lock().await;
        let mut writer = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let limit = hex(limit);
        let read = sqlx::query(READ).bind(format!("[\"{limit}\"]"));
        read.fetch_all(&mut *writer).await.unwrap();
        insert(&mut writer, token).await;
        let supersede = sqlx::query(SUPERSEDE)
            .bind(token.slot.as_ref().map(<[u8; 16]>::as_slice))
            .bind(format!("[\"{}\"]", hex(token.id)));
        supersede.execute(&mut *writer).await.unwrap();
        let full_at = token.now + 60_000_000;
        let write = sqlx::query(WRITE).bind(format!("[[\"{limit}\",{full_at},0]]"));
        write.execute(&mut *writer).await.unwrap();
        writer.commit().await.unwrap();
    }

    /// The session comes to be if the code is right.
    pub(super) async fn redeem(
        &self,
        id: [u8; 16],
        digest: [u8; 32],
        limits: [[u8; 16]; 2],
        session: &Token,
    ) -> bool {
        let mut writer = self.writer.lock().await;
        let mut writer = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let [pace, allowance] = limits.map(hex);
        let read = sqlx::query(READ).bind(format!("[\"{pace}\",\"{allowance}\"]"));
        read.fetch_all(&mut *writer).await.unwrap();
        let redeem = sqlx::query(REDEEM)
            .bind(id.as_slice())
            .bind(session.now)
            .bind(1)
            .bind(digest.as_slice());
        let rows = redeem.fetch_all(&mut *writer).await.unwrap();
        let state = rows.first().map(|row| row.get::<i64, _>("state"));
        if state == Some(5) {
            insert(&mut writer, session).await;
        }
        writer.commit().await.unwrap();
        state == Some(5)
    }

    /// Its first minute notes no use: it was in use when it was inserted.
    pub(super) async fn session(&self, id: [u8; 16]) -> Option<String> {
        let find = sqlx::query(FIND).bind(id.as_slice());
        let row = find.fetch_all(&self.readers).await.unwrap().pop()?;
        row.get("subject")
    }
}

async fn insert(writer: &mut SqliteConnection, token: &Token) {
    let insert = sqlx::query(INSERT)
        .bind(token.id.as_slice())
        .bind(token.purpose)
        .bind(1)
        .bind("")
        .bind(&token.subject)
        .bind(token.slot.as_ref().map(<[u8; 16]>::as_slice))
        .bind([2; 16].as_slice())
        .bind([3; 32].as_slice())
        .bind(token.digest.as_slice())
        .bind([].as_slice())
        .bind(None::<i64>)
        .bind(token.max_attempts)
        .bind(token.now)
        .bind(token.now + token.lives)
        .bind(None::<i64>)
        .bind([4; 32].as_slice())
        .bind(1)
        .bind(0)
        .bind(token.used_at)
        .bind(None::<i64>)
        .bind(None::<&str>)
        .bind(None::<&str>)
        .bind(None::<&[u8]>)
        .bind(None::<i64>)
        .bind(None::<&[u8]>);
    let done = insert.execute(writer).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
}
