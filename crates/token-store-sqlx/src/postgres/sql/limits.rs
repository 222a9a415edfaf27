//! Limits.

/// What each key would be after one more, as it is once it is locked, and the first one that refuses: of keys, periods, the latest
/// times, bursts, and the present.
macro_rules! judged {
    ($keys:literal, $periods:literal, $latest:literal, $bursts:literal, $now:literal) => {
        judged!($keys, $periods, $latest, $bursts, $now, and "")
    };
    // `$more`, which begins with `||`: keys that are locked with them.
    ($keys:literal, $periods:literal, $latest:literal, $bursts:literal, $now:literal, and $more:literal) => {
        concat!(
            "asked AS ( \
               SELECT * FROM unnest(",
            $keys,
            "::uuid[], ",
            $periods,
            "::bigint[], ",
            $latest,
            "::bigint[], ",
            $bursts,
            "::bigint[]) WITH ORDINALITY AS a (key, period, latest, burst, place)), \
             held AS MATERIALIZED ( \
               SELECT l.key, l.full_at, l.count FROM {limits} AS l \
               WHERE l.key = ANY (",
            $keys,
            "::uuid[]",
            $more,
            ") ORDER BY l.key FOR UPDATE), \
             one_more AS ( \
               SELECT a.*, h.key IS NULL AS is_new, coalesce(h.full_at, 0) AS was_full_at, \
                 coalesce(h.count, 0) AS was_count, \
                 least(greatest(coalesce(h.full_at, 0), ",
            $now,
            "::bigint), 9223372036854775807 - a.period) + a.period AS next_full_at \
               FROM asked AS a LEFT JOIN held AS h ON h.key = a.key), \
             judged AS MATERIALIZED ( \
               SELECT n.*, n.was_count BETWEEN 0 AND 4294967295 \
                 AND CASE WHEN n.period = 0 THEN n.was_count < n.burst ELSE n.next_full_at <= n.latest END \
                 AS passes, \
                 CASE WHEN n.period = 0 THEN n.was_full_at ELSE n.next_full_at END AS spent_full_at, \
                 CASE WHEN n.period = 0 THEN least(n.was_count, 4294967295) + 1 ELSE n.was_count END AS spent_count \
               FROM one_more AS n), \
             refused AS MATERIALIZED ( \
               SELECT j.place, j.was_full_at, j.was_count FROM judged AS j \
               WHERE NOT j.passes ORDER BY j.place LIMIT 1)"
        )
    };
}
pub(super) use judged;

/// Writes what is `paid`.
macro_rules! kept {
    () => {
        "made AS ( \
           INSERT INTO {limits} (key, full_at, count) \
           SELECT p.key, p.full_at, p.count FROM paid AS p WHERE p.is_new ORDER BY p.key \
           RETURNING 1), \
         kept AS ( \
           UPDATE {limits} AS l SET full_at = p.full_at, count = p.count \
           FROM paid AS p WHERE l.key = p.key AND NOT p.is_new AND (SELECT count(*) FROM made) >= 0 \
           RETURNING 1) "
    };
}
pub(super) use kept;

/// `Limit::spend` of each key: locks what exists in the order of the keys, judges each key as it is then, pays for those before
/// the first refusal, and returns the key that refuses as it was. A period of 0 is a ceiling.
///
/// A key without a row is inserted without `ON CONFLICT`: if somebody else made it since this
/// statement began, it fails whole and is run again, since it judged what it did not see. New rows
/// come before changed ones, and both kinds of waiting in the order of the keys, so nobody waits in a
/// circle, in whatever order the keys are charged.
pub(in crate::postgres) const SPEND: &str = concat!(
    "WITH ",
    judged!("$1", "$2", "$3", "$4", "$5"),
    ", paid AS MATERIALIZED ( \
       SELECT j.key, j.is_new, j.spent_full_at AS full_at, j.spent_count AS count \
       FROM judged AS j WHERE NOT EXISTS (SELECT FROM refused AS r WHERE r.place <= j.place)), ",
    kept!(),
    "SELECT r.place, r.was_full_at AS full_at, r.was_count AS count \
     FROM refused AS r, (SELECT count(*) FROM kept) AS k"
);

/// `Limit::refund` of each key that is there, which are
/// returned as they were.
pub(in crate::postgres) const REFUND: &str = "\
WITH held AS MATERIALIZED ( \
  SELECT l.key, l.full_at, l.count FROM {limits} AS l \
  WHERE l.key = ANY ($1::uuid[]) ORDER BY l.key FOR UPDATE), \
kept AS ( \
  UPDATE {limits} AS l SET \
    full_at = greatest(h.full_at, -9223372036854775807 + a.back) - a.back, \
    count = greatest(h.count - a.times, 0) \
  FROM held AS h JOIN unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS a (key, back, times) \
    ON a.key = h.key \
  WHERE l.key = h.key AND h.count BETWEEN 0 AND 4294967295 \
  RETURNING 1) \
SELECT h.full_at, h.count FROM held AS h, (SELECT count(*) FROM kept) AS k";

pub(in crate::postgres) const CLEAR: &str = "DELETE FROM {limits} WHERE key = $1::uuid";
