//! A purge over many live rows: every statement of it looks at a bounded number of them.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{CODE, now};
use pg::PgFixture;
use sqlx::{AssertSqlSafe, Row};
use testing::postgres::{PATIENCE, options, pool_options};
use token_store::{LimitStore, Revoke, StoreError, TokenStore, ott_core::chrono::TimeDelta};
use token_store_sqlx::{PostgresStore, sqlx};

/// What a statement may look at, and a little for its other nodes.
const MOST: u64 = 4_096 + 64;

async fn many_live_rows(fixture: &PgFixture) {
    fixture.run("SET statement_timeout = 0").await;
    // A microsecond apart from 1970 on, alive for ever; every second one idle in a thousand years.
    fixture
        .run(
            "INSERT INTO {tokens} (id, slot, policy, key, issued_at, idle_micros, generation, attempts, \
               state, digest, binding, tag, data, purpose, tenant, subject) \
             SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, n, \
               CASE WHEN n % 2 = 0 THEN 31536000000000000 END, 1, 0, 1, \
               '\\x00', '\\x00', '\\x00', '', 'sign-in', 't1', 'subject ' || n \
             FROM generate_series(1, 200000) AS n",
        )
        .await;
    fixture
        .run("INSERT INTO {slots} SELECT slot, 1 FROM {tokens}")
        .await;
    // Entries that came too early, as of records that were used since; and those of the rest.
    fixture
        .run(
            "INSERT INTO {ends} SELECT CASE WHEN issued_at <= 20000 THEN issued_at ELSE issued_at + idle_micros END, id \
             FROM {tokens} WHERE idle_micros IS NOT NULL",
        )
        .await;
    // A slot that was taken over very often: it has as many records and entries.
    fixture
        .run(
            "WITH one AS (SELECT slot FROM {tokens} WHERE issued_at = 200000), raised AS ( \
               UPDATE {slots} AS s SET generation = 9000 FROM one WHERE s.slot = one.slot), \
             old AS ( \
               UPDATE {tokens} AS t SET slot = one.slot, issued_at = 9e15 FROM one \
               WHERE t.issued_at > 195000 RETURNING one.slot) \
             INSERT INTO {ends} SELECT '-9223372036854775808'::bigint, slot FROM old",
        )
        .await;
    fixture
        .run("INSERT INTO {limits} SELECT gen_random_uuid(), 0, 1 FROM generate_series(1, 200000)")
        .await;
    for table in ["tokens", "slots", "ends", "limits"] {
        fixture.run(&format!("ANALYZE {{{table}}}")).await;
    }
}

/// The largest number of rows that a node of the plan gave on or threw away.
fn most_rows(plan: &[String]) -> u64 {
    let number = |text: &str| -> u64 {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let after = |line: &str, key: &str| line.rsplit_once(key).map(|(_, rest)| number(rest));
    let rows = plan.iter().filter_map(|line| {
        if let Some(removed) = after(line, "Rows Removed by Filter: ") {
            return Some(removed);
        }
        let (_, actual) = line.split_once("(actual ")?;
        let (rows, loops) = (after(actual, " rows="), after(actual, " loops="));
        Some(rows? * loops?)
    });
    rows.max().unwrap()
}

/// No statement of a purge looks at more than 4,096 rows of 200,000.
#[tokio::test(flavor = "multi_thread")]
async fn purge_reads_4096_rows_a_statement_at_most() {
    // One connection, whose prepared statements can be run again and looked at.
    let pool = pool_options()
        .max_connections(1)
        .connect_lazy_with(options());
    let builder = PostgresStore::builder().timeout(PATIENCE);
    let fixture = PgFixture::on_pool(builder, pool).await;
    many_live_rows(&fixture).await;
    // The dead are few: some expired, and some at the far end of all that is older.
    let later = now() + TimeDelta::hours(1);
    for _ in 0..10 {
        fixture.insert(&CODE).await;
        let revoked = fixture.insert(&CODE).await;
        let revoke = Revoke::Record(*revoked.record.id());
        fixture.store.revoke(&revoke).await.unwrap();
        let limit = "INSERT INTO {limits} VALUES (gen_random_uuid(), 0, 0)";
        fixture.run(limit).await;
    }
    let soon = now() + TimeDelta::minutes(1);
    assert_eq!(fixture.store.purge(soon, 1_000).await.unwrap(), 10);
    assert_eq!(fixture.store.purge(later, 1_000).await.unwrap(), 10);
    let early = format!(
        "SELECT count(*) FROM {{ends}} WHERE after < {}",
        later.timestamp_micros()
    );
    assert_eq!(
        fixture.number(&early).await,
        0,
        "the next purge looks at none that lives"
    );
    assert_eq!(fixture.store.purge_limits(later, 1_000).await.unwrap(), 10);
    assert_eq!(
        fixture.number("SELECT count(*) FROM {tokens}").await,
        200_000
    );
    assert_eq!(
        fixture.number("SELECT count(*) FROM {limits}").await,
        200_000
    );

    let mut connection = fixture.store.pool().acquire().await.unwrap();
    let found = sqlx::query(
        "SELECT name, statement FROM pg_prepared_statements WHERE statement LIKE '%AS place%' \
           AND statement NOT LIKE '%pg_prepared%'",
    );
    let found = found.fetch_all(&mut *connection).await.unwrap();
    assert_eq!(found.len(), 3, "what expired, what ended otherwise, limits");
    let hour = later.timestamp_micros();
    let nothing = "'00000000-0000-0000-0000-000000000000'";
    // From the start and from the middle on; live rows, and far more than are looked at.
    for place in [0, 100_000] {
        for row in &found {
            let (name, text): (String, String) = (row.get(0), row.get(1));
            let arguments = if text.contains("expires_at <=") {
                format!("{hour}, 0, 4096")
            } else if text.contains("$5") {
                format!("{hour}, {hour}, {place}, {nothing}, 1024, 4096")
            } else {
                format!("{hour}, {nothing}, 4096")
            };
            let explain = format!("EXPLAIN (ANALYZE) EXECUTE {name} ({arguments})");
            let plan = sqlx::raw_sql(AssertSqlSafe(explain))
                .fetch_all(&mut *connection)
                .await
                .unwrap();
            let plan: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
            let most = most_rows(&plan);
            assert!(most <= MOST, "{most} rows: {text}\n{plan:#?}");
        }
    }
}

/// A slot that was taken over very often is read in part: of its records a look tells 1,024, however many entries lead there.
#[tokio::test(flavor = "multi_thread")]
async fn slot_with_very_many_is_read_in_part() {
    let pool = pool_options()
        .max_connections(1)
        .connect_lazy_with(options());
    let builder = PostgresStore::builder().timeout(PATIENCE);
    let fixture = PgFixture::on_pool(builder, pool).await;
    // The statement is prepared on the one connection.
    let later = now() + TimeDelta::hours(1);
    assert_eq!(fixture.store.purge(later, 1).await.unwrap(), 0);
    fixture.insert(&CODE).await;
    for (table, rows) in [
        (
            "{tokens} (id, slot, policy, key, issued_at, generation, attempts, state, digest, binding, tag, data, \
               purpose, tenant)",
            "gen_random_uuid(), s.slot, gen_random_uuid(), 1, 7, 0, 0, 1, ''::bytea, ''::bytea, ''::bytea, ''::bytea, 'sign-in', 't1'",
        ),
        ("{ends}", "'-9223372036854775808'::bigint, s.slot"),
    ] {
        let many = format!(
            "INSERT INTO {table} SELECT {rows} FROM {{slots}} AS s, generate_series(1, 6000)"
        );
        fixture.run(&many).await;
    }
    for table in ["tokens", "slots", "ends"] {
        fixture.run(&format!("ANALYZE {{{table}}}")).await;
    }
    let mut connection = fixture.store.pool().acquire().await.unwrap();
    let name = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%AS place%' AND statement LIKE '%LATERAL%' \
        AND statement NOT LIKE '%pg_prepared%'";
    let name: String = sqlx::query_scalar(name)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    let hour = later.timestamp_micros();
    let nothing = "'00000000-0000-0000-0000-000000000000'";
    let first = "'-9223372036854775808'";
    let explain = format!(
        "EXPLAIN (ANALYZE) EXECUTE {name} ({hour}, {hour}, {first}, {nothing}, 1024, 4096)"
    );
    let plan = sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
    let most = most_rows(&plan);
    assert!((1_024..=MOST).contains(&most), "{most} rows\n{plan:#?}");
}

/// Many of one moment, as a batch has them, are gone on with where the last statement ended.
#[tokio::test(flavor = "multi_thread")]
async fn purge_meets_all_rows_of_one_moment() {
    let fixture = PgFixture::new().await;
    fixture
        .run(
            "INSERT INTO {tokens} (id, policy, key, issued_at, attempts, state, digest, binding, tag, \
               data, purpose, tenant) \
             SELECT gen_random_uuid(), gen_random_uuid(), 1, 7, 0, CASE WHEN n % 3 = 0 THEN 4 ELSE 1 END, \
               '\\x00', '\\x00', '\\x00', '', 'sign-in', 't1' \
             FROM generate_series(1, 15000) AS n",
        )
        .await;
    fixture
        .run("INSERT INTO {ends} SELECT issued_at, id FROM {tokens} WHERE state = 4")
        .await;
    for (limit, removed) in [(1, 1), (3_000, 3_000), (u32::MAX, 1_999), (u32::MAX, 0)] {
        let told = fixture.store.purge(now(), limit).await.unwrap();
        assert_eq!(told, removed, "limit {limit}");
    }
    assert_eq!(
        fixture.number("SELECT count(*) FROM {tokens}").await,
        10_000
    );
}

/// A purge that an outage stops says how many rows it removed before. The next purge is the outage.
#[tokio::test(flavor = "multi_thread")]
async fn purge_tells_what_it_removed_before_an_outage() {
    let fixture = PgFixture::new().await;
    fixture.insert(&CODE).await;
    let revoked = fixture.insert(&CODE).await;
    let revoke = Revoke::Record(*revoked.record.id());
    fixture.store.revoke(&revoke).await.unwrap();
    fixture
        .run("UPDATE {tokens} SET expires_at = NULL WHERE state = 4")
        .await;
    // The server refuses to remove the one that is revoked.
    let refuse = format!("{}.refuse", fixture.place.name);
    let function = format!(
        "CREATE FUNCTION {refuse}() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN IF OLD.state = 4 THEN RAISE EXCEPTION ''no''; END IF; RETURN OLD; END'"
    );
    fixture.run(&function).await;
    let trigger = "CREATE TRIGGER refuse BEFORE DELETE ON {tokens} FOR EACH ROW EXECUTE FUNCTION";
    fixture.run(&format!("{trigger} {refuse}()")).await;
    let later = now() + TimeDelta::hours(1);
    assert_eq!(fixture.store.purge(later, 10).await.unwrap(), 1);
    let told = fixture.store.purge(later, 10).await;
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
}
