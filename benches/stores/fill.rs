//! Many rows in little time: each is what the store wrote for a code that was really issued, with
//! another id, subject, slot and digest of the same length.

use token_store_redis::redis;
use token_store_sqlx::{
    sqlx::{self, AssertSqlSafe, PgConnection, Row, Sqlite, pool::PoolConnection},
    token_store::TokenStore,
};

use crate::{
    issued::{DEVICE, Maker, insert},
    places::{PgPlace, RedisPlace, SqlitePlace},
};

#[derive(Clone, Copy)]
pub(crate) enum Age {
    Live,
    /// For an hour.
    Expired,
}

impl Age {
    const fn micros(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Expired => 3_600_000_000,
        }
    }
}

/// How many rows go in one statement.
const AT_ONCE: usize = 100_000;

pub(crate) async fn number(place: &PgPlace, connection: &mut PgConnection, text: &str) -> i64 {
    let query = AssertSqlSafe(place.fill(text));
    sqlx::query_scalar(query)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// So many live records of a kind that has no slot, each of a subject of its own.
pub(crate) async fn memory(store: &impl TokenStore, maker: &Maker, rows: usize) {
    for first in (0..rows).step_by(AT_ONCE) {
        let count = AT_ONCE.min(rows - first);
        insert(store, &maker.records(&DEVICE, count, 1)).await;
    }
}

/// What `postgres_rows` copies. The connection keeps it.
pub(crate) async fn postgres_template(
    place: &PgPlace,
    connection: &mut PgConnection,
    maker: &Maker,
) {
    maker.codes(&place.store, 1).await;
    place
        .run(
            connection,
            "CREATE TABLE {tokens}_template AS SELECT * FROM {tokens} WHERE state = 1 LIMIT 1",
        )
        .await;
}

pub(crate) async fn postgres_rows(
    place: &PgPlace,
    connection: &mut PgConnection,
    first: usize,
    last: usize,
    age: Age,
) {
    let age = age.micros();
    let text = format!(
        "INSERT INTO {{tokens}} (id, slot, policy, key, issued_at, expires_at, generation, attempts, \
           max_attempts, state, digest, binding, tag, data, purpose, tenant, subject) \
         SELECT md5(n::text)::uuid, md5('slot' || n)::uuid, r.policy, r.key, \
           r.issued_at - {age} - n % 60000000, r.expires_at - {age} - n % 60000000, 1, 0, \
           r.max_attempts, r.state, sha256(convert_to(n::text, 'UTF8')), r.binding, r.tag, r.data, \
           r.purpose, r.tenant, 'filler' || lpad(n::text, 8, '0') \
         FROM generate_series({first}, {last}) AS n, {{tokens}}_template AS r; \
         INSERT INTO {{slots}} SELECT md5('slot' || n)::uuid, 1 \
         FROM generate_series({first}, {last}) AS n"
    );
    place.run(connection, &text).await;
}

/// So many live rows, and those that are there already spread evenly among them. Indexes are made anew
/// afterwards, which is faster than keeping them, and leaves them denser than time would.
pub(crate) async fn postgres(place: &PgPlace, maker: &Maker, rows: usize) {
    let mut connection = PgPlace::outsider().await;
    let connection = &mut connection;
    postgres_template(place, connection, maker).await;
    place
        .run(
            connection,
            "SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; \
             CREATE TEMP TABLE aside AS SELECT * FROM {tokens}; TRUNCATE {tokens}",
        )
        .await;
    let select = "SELECT indexname, indexdef, tablename FROM pg_indexes \
        WHERE schemaname = $1 AND tablename IN ('ott_tokens', 'ott_slots')";
    let indexes = sqlx::query(select).bind(&place.schema);
    let indexes = indexes.fetch_all(&mut *connection).await.unwrap();
    let mut again = Vec::new();
    for index in indexes {
        let (name, text, table): (String, String, String) =
            (index.get(0), index.get(1), index.get(2));
        let table = format!("{}.{table}", place.schema);
        if name.ends_with("_pkey") {
            let (_, columns) = text.split_once('(').unwrap();
            again.push(format!("ALTER TABLE {table} ADD PRIMARY KEY ({columns}"));
            let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {name}");
            place.run(connection, &drop).await;
        } else {
            again.push(text);
            let drop = format!("DROP INDEX {}.{name}", place.schema);
            place.run(connection, &drop).await;
        }
    }
    let parts = rows.div_ceil(AT_ONCE);
    for part in 0..parts {
        let (first, last) = (part * AT_ONCE + 1, rows.min((part + 1) * AT_ONCE));
        postgres_rows(place, connection, first, last, Age::Live).await;
        let some = format!(
            "INSERT INTO {{tokens}} SELECT * FROM aside WHERE abs(hashtext(id::text)) % {parts} = {part}"
        );
        place.run(connection, &some).await;
    }
    for text in again {
        place.run(connection, &text).await;
    }
    settle(place, connection).await;
}

/// As a server is that had its time: statistics, no unwritten pages.
pub(crate) async fn settle(place: &PgPlace, connection: &mut PgConnection) {
    for text in [
        "VACUUM (ANALYZE) {tokens}",
        "VACUUM (ANALYZE) {slots}",
        "CHECKPOINT",
    ] {
        place.run(connection, text).await;
    }
}

/// So many live rows, and those that are there already among them in the order of their ids: the file
/// is then filled from its beginning to its end.
pub(crate) async fn sqlite(place: &SqlitePlace, maker: &Maker, rows: usize) {
    maker.codes(&place.store, 1).await;
    let mut connection = place.store.pool().acquire().await.unwrap();
    for text in [
        "CREATE TEMP TABLE template AS SELECT * FROM ott_tokens LIMIT 1",
        "CREATE TEMP TABLE aside AS SELECT * FROM ott_tokens",
        "DELETE FROM ott_tokens",
    ] {
        sqlx::query(text).execute(&mut *connection).await.unwrap();
    }
    for first in (0..rows).step_by(AT_ONCE) {
        let last = rows.min(first + AT_ONCE);
        sqlite_rows(&mut connection, [first, last, rows], Age::Live).await;
        let some = sqlx::query(
            "INSERT INTO ott_tokens SELECT * FROM aside \
             WHERE id >= unhex(printf('%08x', ?1)) AND (?2 OR id < unhex(printf('%08x', ?3)))",
        );
        let done = some
            .bind(scaled(first, rows))
            .bind(last == rows)
            .bind(scaled(last, rows))
            .execute(&mut *connection)
            .await;
        done.unwrap();
    }
    for text in ["DROP TABLE template", "DROP TABLE aside", "ANALYZE"] {
        sqlx::query(text).execute(&mut *connection).await.unwrap();
    }
    drop(connection);
    place.checkpoint().await;
}

/// Expired rows, beside those that are there.
pub(crate) async fn sqlite_expired(place: &SqlitePlace, maker: &Maker, rows: usize) {
    maker.codes(&place.store, 1).await;
    let mut connection = place.store.pool().acquire().await.unwrap();
    let template = "CREATE TEMP TABLE template AS SELECT * FROM ott_tokens LIMIT 1";
    sqlx::query(template)
        .execute(&mut *connection)
        .await
        .unwrap();
    for first in (0..rows).step_by(AT_ONCE) {
        let last = rows.min(first + AT_ONCE);
        sqlite_rows(&mut connection, [first, last, rows], Age::Expired).await;
    }
    let drop_it = sqlx::query("DROP TABLE template");
    drop_it.execute(&mut *connection).await.unwrap();
    drop(connection);
    place.checkpoint().await;
}

/// The first 32 bits of the ids from this row on.
fn scaled(row: usize, rows: usize) -> i64 {
    i64::try_from(row * (u32::MAX as usize / rows)).unwrap()
}

async fn sqlite_rows(
    connection: &mut PoolConnection<Sqlite>,
    [first, last, rows]: [usize; 3],
    age: Age,
) {
    let insert = sqlx::query(
        "WITH RECURSIVE c(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < ?2) \
         INSERT INTO ott_tokens (id, purpose, key, tenant, subject, slot, policy, binding, digest, \
           data, max_attempts, issued_at, expires_at, tag, state, attempts) \
         SELECT unhex(printf('%08x', n * ?3) || hex(randomblob(12))), r.purpose, r.key, r.tenant, \
           printf('filler%08d', n), unhex(printf('%08x', n * ?3) || hex(randomblob(12))), r.policy, \
           r.binding, randomblob(32), r.data, r.max_attempts, r.issued_at - ?4 - n % 60000000, \
           r.expires_at - ?4 - n % 60000000, r.tag, r.state, r.attempts \
         FROM c, template AS r",
    );
    let done = insert
        .bind(i64::try_from(first).unwrap())
        .bind(i64::try_from(last).unwrap())
        .bind(scaled(1, rows))
        .bind(age.micros())
        .execute(&mut **connection)
        .await;
    assert_eq!(
        done.unwrap().rows_affected(),
        u64::try_from(last - first).unwrap()
    );
}

const REDIS: &str = r"
local prefix, age, is_owned = ARGV[1], tonumber(ARGV[5]), ARGV[6] == 'owned'
local template = prefix .. 'token:' .. ARGV[2]
local f, at = redis.call('HGETALL', template), {}
for i = 1, #f, 2 do at[f[i]] = i + 1 end
local ttl = redis.call('PTTL', template)
local function earlier(time) return string.format('%.0f', tonumber(time) - age) end
local dead = earlier(redis.call('ZSCORE', prefix .. 'ends', ARGV[2]))
f[at.issued_at], f[at.expires_at] = earlier(f[at.issued_at]), earlier(f[at.expires_at])
if not is_owned then
  for _, name in ipairs({'subject', 'slot'}) do
    for i = 1, #f, 2 do
      if f[i] == name then
        table.remove(f, i)
        table.remove(f, i)
        break
      end
    end
  end
  at = {}
  for i = 1, #f, 2 do at[f[i]] = i + 1 end
end
for n = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local hash = redis.sha1hex(n)
  local id, slot = string.sub(hash, 1, 32), string.sub(redis.sha1hex(hash), 1, 32)
  local subject = string.format('filler%08d', n)
  f[at.digest] = string.sub(hash, 9, 40)
  if is_owned then
    f[at.subject] = subject
    f[at.slot] = string.gsub(slot, '%x%x', function(byte) return string.char(tonumber(byte, 16)) end)
  end
  redis.call('HSET', prefix .. 'token:' .. id, unpack(f))
  redis.call('PEXPIRE', prefix .. 'token:' .. id, ttl)
  redis.call('ZADD', prefix .. 'ends', dead, id)
  if is_owned then
    for _, set in ipairs({prefix .. 'slot:' .. slot, prefix .. 'tokens-of:0::' .. subject}) do
      redis.call('SADD', set, id)
      redis.call('PEXPIRE', set, ttl)
    end
  end
end";

/// Whether the records are in the sets of a subject and a slot, which a redeem never looks into, and
/// which take half of the memory.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Owned {
    Yes,
    No,
}

/// So many more records, as the store's own scripts leave them.
pub(crate) async fn redis(place: &RedisPlace, maker: &Maker, rows: usize, age: Age, owned: Owned) {
    let owned = if owned == Owned::Yes { "owned" } else { "" };
    let mut connection = place.outsider().await;
    let template = maker.codes(&place.store, 1).await.remove(0);
    let script = redis::Script::new(REDIS);
    for first in (1..=rows).step_by(1_000) {
        let call = &mut script.prepare_invoke();
        call.arg(format!("{{{}}}:", place.prefix));
        call.arg(template.id().to_string());
        call.arg(first).arg(rows.min(first + 999));
        call.arg(age.micros()).arg(owned);
        let () = call.invoke_async(&mut connection).await.unwrap();
    }
}
