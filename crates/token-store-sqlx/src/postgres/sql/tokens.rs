//! Tokens.

use super::open::subject_lock;

/// `Stored::is_live` at `$2`. What is compared is moved, not what is stored: a sum of a column
/// could leave the range of its type.
macro_rules! live {
    () => {
        "t.issued_at <= $2::bigint + 60000000 \
         AND (t.expires_at IS NULL \
              OR $2::bigint - CASE WHEN t.outcome = 1 THEN 60000000 ELSE 0 END < t.expires_at) \
         AND (t.idle_micros IS NULL \
              OR $2::bigint - coalesce(t.used_at, t.issued_at) < t.idle_micros)"
    };
}

/// Whether no newer batch took its place.
macro_rules! current {
    () => {
        "(t.slot IS NULL \
          OR coalesce(t.generation = (SELECT s.generation FROM {slots} AS s WHERE s.slot = t.slot), false))"
    };
}
pub(super) use current;

/// All of a record but its state.
macro_rules! columns {
    () => {
        "t.id, t.purpose, t.key, t.tenant, t.subject, t.slot, t.policy, t.binding, t.digest, t.data, \
         t.number, t.max_attempts, t.issued_at, t.expires_at, t.idle_micros, t.tag, t.attempts, \
         t.used_at, t.outcome, t.decider_tenant, t.decider, t.decision_data, t.decided_at, \
         t.decision_tag"
    };
}

/// `Stored::redeem`: what it does not return, it did not touch.
///
/// Whoever waited for the row looks at it again as it is then (READ COMMITTED), so of many at once one
/// succeeds. The comparison is of keyed digests, whose equality tells nothing to somebody who cannot
/// choose one.
macro_rules! redeem {
    ($and:literal) => {
        concat!(
            "UPDATE {tokens} AS t SET \
               attempts = least(t.attempts + 1, 4294967295), \
               state = CASE WHEN t.digest = ANY ($4::bytea[]) THEN 5 \
                            WHEN t.attempts + 1 >= t.max_attempts THEN 3 ELSE t.state END, \
               used_at = CASE WHEN t.digest = ANY ($4::bytea[]) THEN $2::bigint ELSE t.used_at END \
             WHERE t.id = $1::uuid AND t.state IN (0, 1) AND t.key = ANY ($3::bigint[]) \
               AND t.attempts BETWEEN 0 AND 4294967295 \
               AND NOT (t.state = 0 AND t.digest = ANY ($4::bytea[])) ",
            $and,
            "AND ",
            live!(),
            " AND ",
            current!(),
            "{fresh}{alone} RETURNING ",
            columns!(),
            ", t.state"
        )
    };
}

pub(in crate::postgres) const REDEEM: &str = redeem!("");
pub(in crate::postgres) const REDEEM_UNCOUNTED: &str = redeem!("AND t.max_attempts IS NULL ");

/// `Stored::decide`. A part of the system has no tenant.
pub(in crate::postgres) const DECIDE: &str = concat!(
    "UPDATE {tokens} AS t SET state = CASE WHEN $3::bigint = 1 THEN 1 ELSE 2 END, \
       outcome = $3::bigint, decider_tenant = $4::text, decider = $5::text, \
       decision_data = $6::bytea, decided_at = $7::bigint, decision_tag = $8::bytea \
     WHERE t.id = $1::uuid AND t.state = 0 \
       AND ($4::text IS NULL \
            OR t.tenant = $4::text AND (t.subject IS NULL OR t.subject = $5::text)) AND ",
    live!(),
    " AND ",
    current!(),
    "{fresh}{alone} RETURNING ",
    columns!(),
    ", t.state"
);

pub(in crate::postgres) const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", CASE WHEN t.state NOT IN (0, 1) OR ",
    current!(),
    " THEN t.state ELSE 6 END AS state FROM {tokens} AS t WHERE t.id = $1::uuid{fresh}"
);

pub(in crate::postgres) const TOUCH: &str = concat!(
    "UPDATE {tokens} AS t SET used_at = $2::bigint \
     WHERE t.id = $1::uuid AND t.state = 1 AND (t.used_at IS NULL OR t.used_at < $2::bigint) AND ",
    live!(),
    " AND ",
    current!(),
    "{fresh}{alone}"
);

pub(in crate::postgres) const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    ", t.state FROM {tokens} AS t \
     WHERE t.tenant = $1::text AND t.subject = $3::text \
       AND ($4::text IS NULL OR t.purpose = $4::text) AND t.state IN (0, 1) AND ",
    live!(),
    " AND ",
    current!(),
    "{fresh} ORDER BY t.issued_at, t.id"
);

pub(in crate::postgres) const REVOKE_RECORD: &str = concat!(
    "UPDATE {tokens} AS t SET state = 4 WHERE t.id = $1::uuid AND t.state IN (0, 1) AND ",
    current!(),
    "{fresh}{alone}"
);

pub(in crate::postgres) const REVOKE_OWN: &str = concat!(
    "UPDATE {tokens} AS t SET state = 4 \
     WHERE t.id = $1::uuid AND t.tenant = $2::text AND t.subject = $3::text \
       AND t.state IN (0, 1) AND ",
    current!(),
    "{fresh}{alone}"
);

/// Many rows, so behind the subject's lock on every connection; and in the order of their ids.
pub(in crate::postgres) const REVOKE_SUBJECT: &str = concat!(
    "WITH meant AS MATERIALIZED ( \
       SELECT t.id FROM {tokens} AS t \
       WHERE t.tenant = $1::text AND t.subject = $2::text \
         AND ($3::text IS NULL OR t.purpose = $3::text) AND t.id IS DISTINCT FROM $4::uuid \
         AND t.state IN (0, 1) AND ",
    current!(),
    "{fresh} AND (SELECT count(",
    subject_lock!("$1::text", "$2::text"),
    ")) >= 0 ORDER BY t.id FOR UPDATE OF t) \
     UPDATE {tokens} AS t SET state = 4 FROM meant WHERE t.id = meant.id"
);
