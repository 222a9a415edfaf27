//! Finding what is dead, and removing it.
//!
//! What looks gives back rows of `id`, which is dead, or none; and of `at` and `place`, from where the next look goes on.

use super::{insert::idle_after, tokens::current};

/// That a newer batch took its place, and it did not end before.
macro_rules! superseded {
    () => {
        concat!("t.state IN (0, 1) AND NOT ", current!())
    };
}

/// `Stored::is_dead_before` at `$2`, beside an `expires_at` that was reached; `$1` is 60 s earlier.
macro_rules! dead_otherwise {
    () => {
        concat!(
            "($1::bigint - coalesce(t.used_at, t.issued_at) >= t.idle_micros \
              OR t.issued_at < $2::bigint AND (t.state NOT IN (0, 1) OR NOT ",
            current!(),
            "))"
        )
    };
}

/// Has the server write the pages that this statement changed, or makes room by, bit by bit. Otherwise the
/// kernel keeps them, writes very many at once, and the commits of others wait for the disk meanwhile.
/// Until its transaction ends, and only on a server that can.
macro_rules! bit_by_bit {
    () => {
        " AND (SELECT count(set_config(g.name, '32', true)) FROM pg_settings AS g \
               WHERE g.name = 'backend_flush_after' AND g.max_val <> '0') >= 0"
    };
}

/// What expired, the oldest first.
pub(in crate::postgres) const EXPIRED_TOKENS: &str = concat!(
    "SELECT t.id, t.expires_at AS at, t.id AS place FROM {tokens} AS t \
     WHERE t.expires_at <= $1::bigint AND t.expires_at >= $2::bigint{fresh}",
    bit_by_bit!(),
    " ORDER BY t.expires_at LIMIT $3::bigint"
);

/// What is listed as ended before `$2`, the next `$5`; and the dead whom each entry names, or nobody. An entry of a slot names what was
/// superseded there, of which so many are told at once: settled, the entry stays for the rest.
///
/// A slot that was taken over a thousand times has as many entries and records: each of both is told once.
pub(in crate::postgres) const ENDED_TOKENS: &str = concat!(
    "WITH seen AS MATERIALIZED ( \
       SELECT e.after, e.id FROM {ends} AS e \
       WHERE e.after < $2::bigint AND (e.after, e.id) > ($3::bigint, $4::uuid){fresh} \
       ORDER BY e.after, e.id LIMIT $5::bigint), \
     leads AS MATERIALIZED (SELECT DISTINCT s.after, s.id FROM seen AS s) \
     SELECT l.after AS at, l.id AS place, d.id FROM leads AS l LEFT JOIN LATERAL ( \
       SELECT t.id FROM {tokens} AS t WHERE t.id = l.id AND ",
    dead_otherwise!(),
    " UNION ALL \
       (SELECT t.id FROM {tokens} AS t WHERE t.slot = l.id AND t.issued_at < $2::bigint AND ",
    superseded!(),
    " LIMIT $5::bigint)) AS d ON true ORDER BY l.after, l.id LIMIT $6::bigint"
);

/// Takes entries `($1, $2)` off the list once nothing is left that they name, and lists anew what was used meanwhile, for when it will be
/// idle, and a slot, for when the first of what was superseded in it is dead.
pub(in crate::postgres) const SETTLE_ENDED: &str = concat!(
    "WITH seen AS MATERIALIZED ( \
       SELECT DISTINCT n.after, n.id FROM unnest($1::bigint[], $2::uuid[]) AS n (after, id)), \
     judged AS MATERIALIZED ( \
       SELECT s.after, s.id, least( \
         (SELECT CASE WHEN t.state NOT IN (0, 1) THEN s.after WHEN t.idle_micros IS NOT NULL THEN ",
    idle_after!("t"),
    " END FROM {tokens} AS t WHERE t.id = s.id), \
         (SELECT min(t.issued_at) FROM {tokens} AS t WHERE t.slot = s.id AND ",
    superseded!(),
    ")) AS next FROM seen AS s), \
     held AS MATERIALIZED ( \
       SELECT e.ctid AS row, j.next FROM {ends} AS e JOIN judged AS j ON j.after = e.after AND j.id = e.id \
       WHERE (j.next IS NULL OR j.next > j.after){fresh} FOR UPDATE OF e SKIP LOCKED), \
     gone AS (DELETE FROM {ends} AS e USING held AS h WHERE e.ctid = h.row RETURNING e.id, h.next), \
     moved AS ( \
       INSERT INTO {ends} (after, id) \
       SELECT DISTINCT g.next, g.id FROM gone AS g \
       WHERE g.next IS NOT NULL AND NOT EXISTS (SELECT FROM {ends} AS e WHERE e.after = g.next AND e.id = g.id)) \
     SELECT count(*) AS gone FROM gone"
);

/// The condition again, of each row as it is once it is locked; whoever holds one keeps it.
///
/// A slot goes with the last of its records, unless a newer batch raised its generation since this
/// statement began: the records of that one are not seen here.
pub(in crate::postgres) const DELETE_TOKENS: &str = concat!(
    "WITH dead AS MATERIALIZED ( \
       SELECT t.id, t.slot FROM {tokens} AS t \
       WHERE t.id = ANY ($3::uuid[]){fresh} AND (t.expires_at <= $1::bigint OR ",
    dead_otherwise!(),
    ")",
    bit_by_bit!(),
    " FOR UPDATE OF t SKIP LOCKED), \
     gone AS (DELETE FROM {tokens} AS t USING dead WHERE t.id = dead.id RETURNING 1), \
     touched AS (SELECT dead.slot, count(*) AS dead FROM dead GROUP BY dead.slot), \
     empty AS MATERIALIZED ( \
       SELECT s.slot, s.generation FROM touched JOIN {slots} AS s ON s.slot = touched.slot \
       WHERE touched.dead = (SELECT count(*) FROM {tokens} AS t WHERE t.slot = s.slot)), \
     held AS MATERIALIZED ( \
       SELECT s.slot FROM {slots} AS s \
       JOIN empty ON empty.slot = s.slot AND empty.generation = s.generation \
       FOR UPDATE OF s SKIP LOCKED), \
     freed AS (DELETE FROM {slots} AS s USING held WHERE s.slot = held.slot RETURNING 1) \
     SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM freed) AS freed"
);

/// The same of limits. No index but their key finds them: `spend` would rewrite it.
pub(in crate::postgres) const DEAD_LIMITS: &str = "\
WITH seen AS MATERIALIZED ( \
  SELECT l.key, l.full_at, l.count FROM {limits} AS l \
  WHERE l.key > $2::uuid ORDER BY l.key LIMIT $3::bigint), \
judged AS MATERIALIZED ( \
  SELECT s.key AS place, CASE WHEN s.count = 0 AND s.full_at <= $1::bigint THEN s.key END AS id FROM seen AS s) \
SELECT j.id, 0::bigint AS at, j.place FROM judged AS j \
WHERE j.id IS NOT NULL OR j.place = (SELECT l.place FROM judged AS l ORDER BY l.place DESC LIMIT 1) \
ORDER BY j.place";

pub(in crate::postgres) const DELETE_LIMITS: &str = "\
WITH dead AS MATERIALIZED ( \
  SELECT key FROM {limits} WHERE key = ANY ($2::uuid[]) AND count = 0 AND full_at <= $1::bigint \
  FOR UPDATE SKIP LOCKED), \
gone AS (DELETE FROM {limits} AS l USING dead WHERE l.key = dead.key RETURNING 1) \
SELECT count(*) AS gone FROM gone";

/// What was removed, and what waits for its confirmation, the oldest first.
pub(in crate::postgres) const DEAD_FACTORS: &str = "\
SELECT f.id, coalesce(f.removed_at, f.created_at) AS at, f.id AS place FROM {factors} AS f \
WHERE f.state IN (0, 3) AND coalesce(f.removed_at, f.created_at) < $1::bigint \
  AND coalesce(f.removed_at, f.created_at) >= $2::bigint \
ORDER BY coalesce(f.removed_at, f.created_at) LIMIT $3::bigint";

pub(in crate::postgres) const DELETE_FACTORS: &str = "\
WITH dead AS MATERIALIZED ( \
  SELECT id FROM {factors} WHERE id = ANY ($2::uuid[]) \
    AND state IN (0, 3) AND coalesce(removed_at, created_at) < $1::bigint \
  FOR UPDATE SKIP LOCKED), \
gone AS (DELETE FROM {factors} AS f USING dead WHERE f.id = dead.id RETURNING 1) \
SELECT count(*) AS gone FROM gone";
