//! As many statements as the store has over PostgreSQL, over the same rows, in a plain pool of as many connections.

use token_store_sqlx::sqlx::{self, PgPool, Row, postgres::PgPoolOptions};

use super::{Token, hex};

const ISSUE: &str = "WITH held AS MATERIALIZED ( \
      SELECT key, full_at FROM ott_limits WHERE key = $9::text::uuid FOR UPDATE), \
    made AS ( \
      INSERT INTO ott_limits (key, full_at, count) \
      SELECT $9::text::uuid, $10::bigint, 0 WHERE NOT EXISTS (SELECT FROM held) RETURNING 1), \
    kept AS ( \
      UPDATE ott_limits AS l SET full_at = greatest(h.full_at, $10::bigint) \
      FROM held AS h WHERE l.key = h.key RETURNING 1), \
    next AS ( \
      INSERT INTO ott_slots AS s (slot, generation) VALUES ($4::text::uuid, 1) \
      ON CONFLICT (slot) DO UPDATE SET generation = s.generation + 1 RETURNING slot, generation), \
    listed AS ( \
      INSERT INTO ott_ends (after, id) SELECT -9223372036854775808, slot FROM next WHERE generation > 1) \
    INSERT INTO ott_tokens (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, \
      max_attempts, issued_at, expires_at, tag, state, attempts, generation) \
    SELECT $1::text::uuid, $2, 1, '', $3, $4::text::uuid, $1::text::uuid, $5, $5, ''::bytea, \
      $6::bigint::integer, $7, $8, $5, 1, 0, next.generation FROM next";
const REDEEM: &str = "WITH held AS MATERIALIZED ( \
      SELECT key FROM ott_limits WHERE key = ANY ($12::text[]::uuid[]) ORDER BY key FOR UPDATE), \
    alive AS MATERIALIZED ( \
      SELECT s.generation FROM ott_slots AS s JOIN ott_tokens AS t ON t.slot = s.slot \
      WHERE t.id = $9::text::uuid FOR NO KEY UPDATE OF s), \
    redeemed AS ( \
      UPDATE ott_tokens AS t SET attempts = attempts + 1, state = 5, used_at = $11 \
      WHERE t.id = $9::text::uuid AND t.state IN (0, 1) AND t.digest = $10 AND $11 < t.expires_at \
        AND t.generation IN (SELECT generation FROM alive) RETURNING *), \
    ended AS (INSERT INTO ott_ends (after, id) SELECT issued_at, id FROM redeemed), \
    earned AS ( \
      INSERT INTO ott_tokens (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, \
        max_attempts, issued_at, expires_at, tag, state, attempts, used_at) \
      SELECT $1::text::uuid, $2, 1, '', $3, $4::text::uuid, $1::text::uuid, $5, $5, ''::bytea, \
        $6::bigint::integer, $7, $8, $5, 1, 0, $7 FROM redeemed RETURNING 1), \
    made AS ( \
      INSERT INTO ott_limits (key, full_at, count) \
      SELECT a.key, 0, 0 FROM unnest($12::text[]::uuid[]) AS a (key) \
      WHERE a.key NOT IN (SELECT key FROM held) ORDER BY a.key RETURNING 1) \
    SELECT r.* FROM redeemed AS r, (SELECT count(*) FROM made) AS m, (SELECT count(*) FROM earned) AS e";
const FIND: &str = "SELECT t.*, s.generation AS alive FROM ott_tokens AS t \
    LEFT JOIN ott_slots AS s ON s.slot = t.slot WHERE t.id = $1::text::uuid";

pub(super) struct Rows {
    pub(super) pool: PgPool,
}

impl Rows {
    pub(super) fn open(database: &str) -> Self {
        let options = PgPoolOptions::new()
            .max_connections(16)
            .test_before_acquire(false);
        Self {
            pool: options.connect_lazy(database).unwrap(),
        }
    }

    pub(super) async fn issue(&self, token: &Token, limit: [u8; 16]) {
        let issue = bound(ISSUE, token).bind(hex(limit));
        let issue = issue.bind(token.now + 60_000_000);
        issue.execute(&self.pool).await.unwrap();
    }

    /// The session comes to be if the code is right.
    pub(super) async fn redeem(
        &self,
        id: [u8; 16],
        digest: [u8; 32],
        limits: [[u8; 16]; 2],
        session: &Token,
    ) -> bool {
        let redeem = bound(REDEEM, session)
            .bind(hex(id))
            .bind(digest.as_slice())
            .bind(session.now)
            .bind(limits.map(hex).to_vec());
        let rows = redeem.fetch_all(&self.pool).await.unwrap();
        let state = rows.first().map(|row| row.get::<i16, _>("state"));
        state == Some(5)
    }

    /// Its first minute notes no use: it was in use when it was inserted.
    pub(super) async fn session(&self, id: [u8; 16]) -> Option<String> {
        let find = sqlx::query(FIND).bind(hex(id));
        let row = find.fetch_all(&self.pool).await.unwrap().pop()?;
        row.get("subject")
    }
}

fn bound<'q>(
    text: &'static str,
    token: &'q Token,
) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(text)
        .bind(hex(token.id))
        .bind(token.purpose)
        .bind(&token.subject)
        .bind(token.slot.map(hex))
        .bind(token.digest.as_slice())
        .bind(token.max_attempts)
        .bind(token.now)
        .bind(token.now + token.lives)
}
