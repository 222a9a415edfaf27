//! What waits to be sent.
//!
//! Whoever changes a line's numbers locks the line first, then entries. To take entries locks entries alone, and waits for
//! none. So nobody waits in a circle.

pub(in crate::postgres) const INSERT_LINE: &str = "\
INSERT INTO {lines} (tenant, waiting, dead, queued, sent, replaced) VALUES ($1, 0, 0, 0, 0, 0) \
ON CONFLICT (tenant) DO NOTHING";

pub(in crate::postgres) const LOCK_LINES: &str = "\
SELECT tenant, waiting FROM {lines} WHERE tenant = ANY ($1::text[]) ORDER BY tenant FOR UPDATE";

/// What is added to the numbers of lines that are locked.
pub(in crate::postgres) const MOVE_LINE: &str = "\
UPDATE {lines} SET waiting = waiting + $2, dead = dead + $3, queued = queued + $4, sent = sent + $5, \
  replaced = replaced + $6 WHERE tenant = $1";

pub(in crate::postgres) const REPLACE: &str =
    "DELETE FROM {queue} WHERE slot = $1::uuid AND reason IS NULL";

pub(in crate::postgres) const ENQUEUE: &str = "\
INSERT INTO {queue} (id, tenant, slot, sealed, queued_at, due_at, tries) \
VALUES ($1::uuid, $2, $3::uuid, $4, $5, $5, 0)";

/// Each tenant's share of those that are due and that nobody else takes at this moment.
pub(in crate::postgres) const TAKE: &str = "\
WITH due AS MATERIALIZED ( \
  SELECT l.tenant FROM {lines} AS l WHERE l.waiting > 0 \
    AND EXISTS (SELECT FROM {queue} AS q \
      WHERE q.tenant = l.tenant AND q.reason IS NULL AND q.due_at <= $2) \
  ORDER BY random() LIMIT $1), \
share AS MATERIALIZED ( \
  SELECT greatest(1, ($1::bigint + count(*) - 1) / greatest(count(*), 1)) AS most FROM due), \
picked AS MATERIALIZED ( \
  SELECT e.id FROM due AS t CROSS JOIN LATERAL ( \
    SELECT q.id FROM {queue} AS q \
    WHERE q.tenant = t.tenant AND q.reason IS NULL AND q.due_at <= $2 \
    ORDER BY q.due_at, q.id LIMIT (SELECT most FROM share) \
    FOR UPDATE SKIP LOCKED) AS e \
  LIMIT $1) \
UPDATE {queue} AS q SET due_at = $3, tries = q.tries + 1 FROM picked AS p \
WHERE q.id = p.id \
RETURNING q.id, q.tenant, q.slot, q.sealed, q.queued_at, q.tries";

pub(in crate::postgres) const TENANTS_OF: &str =
    "SELECT DISTINCT tenant FROM {queue} WHERE id = ANY ($1::uuid[])";

pub(in crate::postgres) const SETTLE_SENT: &str = "\
DELETE FROM {queue} AS q USING unnest($1::uuid[], $2::integer[]) AS s (id, tries) \
WHERE q.id = s.id AND q.tries = s.tries AND q.reason IS NULL RETURNING q.tenant";

pub(in crate::postgres) const SETTLE_LATER: &str = "\
UPDATE {queue} AS q SET due_at = s.at \
FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS s (id, tries, at) \
WHERE q.id = s.id AND q.tries = s.tries AND q.reason IS NULL RETURNING q.tenant";

pub(in crate::postgres) const SETTLE_DEAD: &str = "\
UPDATE {queue} AS q SET due_at = $4, reason = s.reason \
FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS s (id, tries, reason) \
WHERE q.id = s.id AND q.tries = s.tries AND q.reason IS NULL RETURNING q.tenant";

pub(in crate::postgres) const LINES: &str = "\
SELECT l.*, (SELECT min(q.queued_at) FROM {queue} AS q \
  WHERE q.tenant = l.tenant AND q.reason IS NULL) AS oldest \
FROM {lines} AS l ORDER BY l.tenant";

pub(in crate::postgres) const DEAD_LETTERS: &str = "\
SELECT id, tenant, queued_at, due_at, tries, reason FROM {queue} \
WHERE reason IS NOT NULL AND tenant = coalesce($1, tenant) ORDER BY due_at, id LIMIT $2";

pub(in crate::postgres) const DEAD_LETTER: &str =
    "SELECT tenant, slot FROM {queue} WHERE id = $1::uuid AND reason IS NOT NULL";

pub(in crate::postgres) const IN_SLOT: &str =
    "SELECT id FROM {queue} WHERE slot = $1::uuid AND reason IS NULL";

pub(in crate::postgres) const REQUEUE: &str = "\
UPDATE {queue} SET due_at = $2, reason = NULL WHERE id = $1::uuid AND reason IS NOT NULL";

pub(in crate::postgres) const DELETE_DEAD: &str =
    "DELETE FROM {queue} WHERE id = $1::uuid AND reason IS NOT NULL";
