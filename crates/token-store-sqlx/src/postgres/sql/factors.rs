//! Factors.

pub(in crate::postgres) const INSERT: &str = "\
INSERT INTO {factors} \
  (id, tenant, subject, provider, label, state, sealed, last, created_at, used_at) \
VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::bytea, $8::bigint, \
        $9::bigint, $10::bigint) ON CONFLICT (id) DO NOTHING";

pub(in crate::postgres) const FACTORS: &str = "\
SELECT id, tenant, subject, provider, label, state, sealed, last, created_at, used_at \
FROM {factors} WHERE tenant = $1::text AND subject = $2::text ORDER BY created_at, id";

/// Makes a factor active and its counter the last one, if it is in this state and the counter goes
/// forward.
pub(in crate::postgres) const BURN: &str = "\
UPDATE {factors} SET state = 1, last = coalesce($3::bigint, last), used_at = $4::bigint \
WHERE id = $1::uuid AND state = $2::bigint \
  AND ($3::bigint IS NULL OR last IS NULL OR last < $3::bigint)";

pub(in crate::postgres) const STATE: &str = "SELECT state FROM {factors} WHERE id = $1::uuid";

pub(in crate::postgres) const DISABLE: &str =
    "UPDATE {factors} SET state = 2 WHERE id = $1::uuid AND state = 1";

pub(in crate::postgres) const LABEL: &str =
    "UPDATE {factors} SET label = $2::text WHERE id = $1::uuid AND state <> 3";

pub(in crate::postgres) const SEAL: &str = "\
UPDATE {factors} SET sealed = $3::bytea \
WHERE id = $1::uuid AND state <> 3 AND sealed = $2::bytea";

/// Beside another factor, both rows are locked first, in the order of their ids: two that remove each
/// other's neither deadlock nor both see the other's as it was.
pub(in crate::postgres) const REMOVE: &str = "\
WITH pair AS MATERIALIZED ( \
  SELECT id, state FROM {factors} WHERE id IN ($1::uuid, $3::uuid) ORDER BY id FOR UPDATE) \
UPDATE {factors} AS own SET state = 3, sealed = '', used_at = $2::bigint \
WHERE own.id = $1::uuid AND own.state <> 3 AND ($3::uuid IS NULL OR EXISTS ( \
  SELECT FROM pair WHERE pair.id = $3::uuid AND pair.id <> $1::uuid AND pair.state = 1))";
