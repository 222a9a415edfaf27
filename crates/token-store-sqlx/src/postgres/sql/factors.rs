//! Factors.

pub(in crate::postgres) const INSERT: &str = "\
INSERT INTO {factors} \
  (id, tenant, subject, provider, label, state, sealed, last, created_at, used_at, \
   removed_at, removed_from, removed_by) \
VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::bytea, $8::bigint, \
        $9::bigint, $10::bigint, $11::bigint, $12::bigint, $13::bytea) ON CONFLICT (id) DO NOTHING";

/// As `StoredFactor::listed`, which sorts what is found.
pub(in crate::postgres) const FACTORS: &str = "\
SELECT id, tenant, subject, provider, label, state, sealed, last, created_at, used_at, \
       removed_at, removed_from, removed_by \
FROM {factors} WHERE tenant = $1::text AND subject = $2::text \
ORDER BY CASE state WHEN 0 THEN 1 WHEN 3 THEN 2 ELSE 0 END, created_at, id LIMIT $3::bigint";

/// The rows of `$1` and of the one beside it, locked in the order of their ids: two that need each other's
/// neither deadlock nor both see the other's as it was.
macro_rules! pair {
    ($other:literal) => {
        concat!(
            "WITH pair AS MATERIALIZED ( \
               SELECT id, state, tenant, subject FROM {factors} \
               WHERE id IN ($1::uuid, ",
            $other,
            ") ORDER BY id FOR UPDATE) "
        )
    };
}

/// That the one beside `$1` is active, and another one of the same subject; that it is spare, where `$1` is.
macro_rules! beside {
    ($other:literal) => {
        concat!(
            "EXISTS (SELECT FROM pair AS other JOIN pair AS this \
               ON other.tenant = this.tenant AND other.subject = this.subject \
               WHERE other.id = ",
            $other,
            " AND this.id = $1::uuid AND other.id <> this.id \
                 AND other.state = CASE this.state WHEN 4 THEN 4 ELSE 1 END)"
        )
    };
}

/// Makes a factor active and its counter the last one, if it is in this state and the counter goes
/// forward.
macro_rules! burn {
    () => {
        "UPDATE {factors} AS own SET state = 1, last = coalesce($3::bigint, own.last), \
           used_at = $4::bigint \
         WHERE own.id = $1::uuid AND own.state = $2::bigint \
           AND ($3::bigint IS NULL OR own.last IS NULL OR own.last < $3::bigint)"
    };
}

pub(in crate::postgres) const BURN: &str = burn!();

pub(in crate::postgres) const BURN_BESIDE: &str =
    concat!(pair!("$5::uuid"), burn!(), " AND ", beside!("$5::uuid"));

/// Every row of the subject of `$1`, in the order of their ids. Of two first factors that are confirmed at
/// once, the statement that began later sees both rows: one of the two waits here for the other.
pub(in crate::postgres) const LOCK_SUBJECT: &str = "\
SELECT all_of.id FROM {factors} AS own JOIN {factors} AS all_of \
  ON all_of.tenant = own.tenant AND all_of.subject = own.subject \
WHERE own.id = $1::uuid ORDER BY all_of.id FOR UPDATE OF all_of";

/// After [`LOCK_SUBJECT`], in the same transaction: a statement sees what was committed before it began.
pub(in crate::postgres) const BURN_FIRST: &str = concat!(
    burn!(),
    " AND NOT EXISTS (SELECT FROM {factors} AS other \
       WHERE other.tenant = own.tenant AND other.subject = own.subject \
         AND other.id <> own.id AND other.state IN (1, 2))"
);

pub(in crate::postgres) const STATE: &str = "SELECT state, last FROM {factors} WHERE id = $1::uuid";

pub(in crate::postgres) const DISABLE: &str =
    "UPDATE {factors} SET state = 2 WHERE id = $1::uuid AND state = 1";

pub(in crate::postgres) const LABEL: &str =
    "UPDATE {factors} SET label = $2::text WHERE id = $1::uuid AND state <> 3";

pub(in crate::postgres) const SEAL: &str =
    "UPDATE {factors} SET sealed = $3::bytea WHERE id = $1::uuid AND sealed = $2::bytea";

/// Of a factor that waits for its confirmation.
pub(in crate::postgres) const DELETE_PENDING: &str = concat!(
    pair!("$2::uuid"),
    "DELETE FROM {factors} AS own WHERE own.id = $1::uuid AND own.state = 0 AND ($2::uuid IS NULL OR ",
    beside!("$2::uuid"),
    ")"
);

/// Of one that was confirmed, or is spare.
pub(in crate::postgres) const MARK_REMOVED: &str = concat!(
    pair!("$2::uuid"),
    "UPDATE {factors} AS own SET state = 3, removed_at = $3::bigint, removed_from = own.state, \
       removed_by = $4::bytea \
     WHERE own.id = $1::uuid AND own.state IN (1, 2, 4) AND ($2::uuid IS NULL OR ",
    beside!("$2::uuid"),
    ")"
);

pub(in crate::postgres) const RESTORE: &str = "\
UPDATE {factors} SET state = removed_from, removed_at = NULL, removed_from = NULL, removed_by = NULL \
WHERE id = $1::uuid AND state = 3";
