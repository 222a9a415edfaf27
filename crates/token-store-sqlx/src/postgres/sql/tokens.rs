//! Tokens.

use super::open::subject_lock;

/// `Stored::is_live` at `$2`, or at what the time is called. What is compared is moved, not what is stored: a sum of a column
/// could leave the range of its type.
macro_rules! live {
    () => {
        live!("$2")
    };
    ($now:literal) => {
        concat!(
            "t.issued_at <= ",
            $now,
            "::bigint + 60000000 AND (t.expires_at IS NULL OR ",
            $now,
            "::bigint - CASE WHEN t.outcome = 1 THEN 60000000 ELSE 0 END < t.expires_at) \
             AND (t.idle_micros IS NULL OR ",
            $now,
            "::bigint - coalesce(t.used_at, t.issued_at) < t.idle_micros)"
        )
    };
}
pub(super) use live;

/// Whether no newer batch took its place.
macro_rules! current {
    () => {
        "(t.slot IS NULL \
          OR coalesce(t.generation = (SELECT s.generation FROM {slots} AS s WHERE s.slot = t.slot), false))"
    };
}
pub(super) use current;

/// The record, locked, and its slot's generation as it is then: for a statement that judges both.
///
/// A statement reads what was there when it began, and looks again only at rows that it locks. So whoever waited
/// for the record, or for the subject's lock, must lock the slot too, and after the record: then a
/// newer batch that was committed meanwhile is seen, and one that is under way is waited for. Nobody holds a
/// slot and waits for a record of it: behind a newer batch there is none that anybody would write.
///
/// If the statement raises the slots of `$earned` after that, the locks are of the kind that it needs, and in the order of all who take
/// several: two that share a slot and both raise it would wait for each other.
macro_rules! mine {
    (@ $theirs:expr, $($condition:expr),+) => {
        concat!(
            "mine AS MATERIALIZED ( \
               SELECT t.id, t.slot, t.generation FROM {tokens} AS t WHERE ",
            $($condition,)+
            " AND ",
            current!(),
            "{fresh}{alone} FOR UPDATE OF t), \
             theirs AS MATERIALIZED (SELECT s.slot, s.generation FROM {slots} AS s WHERE s.slot = ",
            $theirs,
            " OF s) "
        )
    };
    (raising $earned:literal, $($condition:expr),+) => {
        mine!(
            @ concat!(
                "ANY (ARRAY (SELECT unnest(",
                $earned,
                " || m.slot) FROM mine AS m)) ORDER BY s.slot FOR UPDATE"
            ),
            $($condition),+
        )
    };
    ($($condition:expr),+) => {
        mine!(@ "(SELECT m.slot FROM mine AS m) FOR SHARE", $($condition),+)
    };
}
pub(super) use mine;

/// The record that is [`mine!`], unless a newer batch took its place.
macro_rules! still_current {
    () => {
        "FROM mine AS m LEFT JOIN theirs AS s ON s.slot = m.slot \
         WHERE t.id = m.id AND (m.slot IS NULL OR s.generation = m.generation)"
    };
}
pub(super) use still_current;

/// All of a record but its state.
macro_rules! columns {
    () => {
        "t.id, t.purpose, t.key, t.tenant, t.subject, t.slot, t.policy, t.binding, t.digest, t.data, \
         t.number, t.max_attempts, t.issued_at, t.expires_at, t.idle_micros, t.tag, t.attempts, \
         t.used_at, t.outcome, t.decider_tenant, t.decider, t.decision_data, t.decided_at, \
         t.decision_tag"
    };
}
pub(super) use columns;

/// That a redeem of `$1` at `$2` counts, by the keys of `$3` and the digests of `$4`, or of what these are called.
macro_rules! counts {
    () => {
        counts!("$1", "$2", "$3", "$4")
    };
    ($id:literal, $now:literal, $keys:literal, $digests:literal) => {
        concat!(
            "t.id = ",
            $id,
            "::uuid AND t.state IN (0, 1) AND t.key = ANY (",
            $keys,
            "::bigint[]) AND t.attempts BETWEEN 0 AND 4294967295 \
             AND NOT (t.state = 0 AND t.digest = ANY (",
            $digests,
            "::bytea[])) AND ",
            live!($now)
        )
    };
}
pub(super) use counts;

/// A statement that may bring records to an end, and gives back what it changed. What ended is listed apart for a purge: an index that
/// tells it would be rewritten by each redeem, and all others with it.
macro_rules! ending {
    ($($update:expr),+) => {
        concat!(
            "changed AS (",
            $($update,)+
            "), ",
            ended!("changed"),
            " SELECT c.* FROM changed AS c"
        )
    };
}

/// Lists those records of `$changed` that ended, from when on each is dead.
macro_rules! ended {
    ($changed:literal) => {
        concat!(
            "ended AS ( \
               INSERT INTO {ends} (after, id) \
               SELECT c.issued_at, c.id FROM ",
            $changed,
            " AS c WHERE c.state NOT IN (0, 1))"
        )
    };
}
pub(super) use ended;

/// `Stored::redeem` of what is [`mine!`]: what it does not return, it did not touch.
///
/// Whoever waited for the row looks at it again as it is then (READ COMMITTED), so of many at once one
/// succeeds. The comparison is of keyed digests, whose equality tells nothing to somebody who cannot
/// choose one.
macro_rules! redeem_mine {
    () => {
        redeem_mine!("$2", "$4")
    };
    ($now:literal, $digests:literal) => {
        concat!(
            "UPDATE {tokens} AS t SET \
               attempts = least(t.attempts + 1, 4294967295), \
               state = CASE WHEN t.digest = ANY (",
            $digests,
            "::bytea[]) THEN 5 \
                            WHEN t.attempts + 1 >= t.max_attempts THEN 3 ELSE t.state END, \
               used_at = CASE WHEN t.digest = ANY (",
            $digests,
            "::bytea[]) THEN ",
            $now,
            "::bigint ELSE t.used_at END ",
            still_current!(),
            " RETURNING ",
            columns!(),
            ", t.state"
        )
    };
}
pub(super) use redeem_mine;

pub(in crate::postgres) const REDEEM: &str =
    concat!("WITH ", mine!(counts!()), ", ", ending!(redeem_mine!()));
pub(in crate::postgres) const REDEEM_UNCOUNTED: &str = concat!(
    "WITH ",
    mine!(counts!(), " AND t.max_attempts IS NULL"),
    ", ",
    ending!(redeem_mine!())
);

/// `Stored::decide`. A part of the system has no tenant.
pub(in crate::postgres) const DECIDE: &str = concat!(
    "WITH ",
    mine!(
        "t.id = $1::uuid AND t.state = 0 \
         AND ($4::text IS NULL \
              OR t.tenant = $4::text AND (t.subject IS NULL OR t.subject = $5::text)) AND ",
        live!()
    ),
    ", ",
    ending!(
        "UPDATE {tokens} AS t SET state = CASE WHEN $3::bigint = 1 THEN 1 ELSE 2 END, \
           outcome = $3::bigint, decider_tenant = $4::text, decider = $5::text, \
           decision_data = $6::bytea, decided_at = $7::bigint, decision_tag = $8::bytea ",
        still_current!(),
        " RETURNING ",
        columns!(),
        ", t.state"
    )
);

pub(in crate::postgres) const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", CASE WHEN t.state NOT IN (0, 1) OR ",
    current!(),
    " THEN t.state ELSE 6 END AS state FROM {tokens} AS t WHERE t.id = $1::uuid{fresh}"
);

pub(in crate::postgres) const TOUCH: &str = concat!(
    "WITH ",
    mine!(
        "t.id = $1::uuid AND t.state = 1 AND (t.used_at IS NULL OR t.used_at < $2::bigint) AND ",
        live!()
    ),
    "UPDATE {tokens} AS t SET used_at = $2::bigint ",
    still_current!()
);

pub(in crate::postgres) const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    ", t.state FROM {tokens} AS t \
     WHERE t.tenant = $1::text AND t.subject = $3::text AND t.listed \
       AND ($4::text IS NULL OR t.purpose = $4::text) AND t.state IN (0, 1) AND ",
    live!(),
    " AND ",
    current!(),
    "{fresh} ORDER BY t.issued_at, t.id"
);

/// What is revoked leaves its subject's list. What is redeemed does not: a redeem writes into no index.
macro_rules! revoked {
    () => {
        "UPDATE {tokens} AS t SET state = 4, listed = false "
    };
}

/// Revokes what is [`mine!`]: as many rows as were revoked.
macro_rules! revoke_mine {
    () => {
        ending!(
            revoked!(),
            still_current!(),
            " RETURNING t.id, t.issued_at, t.state"
        )
    };
}

pub(in crate::postgres) const REVOKE_RECORD: &str = concat!(
    "WITH ",
    mine!("t.id = $1::uuid AND t.state IN (0, 1)"),
    ", ",
    revoke_mine!()
);

pub(in crate::postgres) const REVOKE_OWN: &str = concat!(
    "WITH ",
    mine!("t.id = $1::uuid AND t.tenant = $2::text AND t.subject = $3::text AND t.state IN (0, 1)"),
    ", ",
    revoke_mine!()
);

/// Many rows, so behind the subject's lock on every connection; and in the order of their ids.
///
/// Whoever had to wait for that lock would look at what was there before. So this one does not wait: where
/// somebody else has the lock, it says so and does nothing.
pub(in crate::postgres) const REVOKE_SUBJECT: &str = concat!(
    "WITH lock AS MATERIALIZED (SELECT ",
    subject_lock!("pg_try_advisory_xact_lock", "$1::text", "$2::text"),
    " AS is_mine), \
     meant AS MATERIALIZED ( \
       SELECT t.id FROM {tokens} AS t \
       WHERE t.tenant = $1::text AND t.subject = $2::text AND t.listed \
         AND ($3::text IS NULL OR t.purpose = $3::text) AND t.id IS DISTINCT FROM $4::uuid \
         AND t.state IN (0, 1) AND ",
    current!(),
    "{fresh} AND (SELECT is_mine FROM lock) ORDER BY t.id FOR UPDATE OF t), \
     revoked AS ( \
       ",
    revoked!(),
    "FROM meant WHERE t.id = meant.id RETURNING t.id, t.issued_at, t.state), ",
    ended!("revoked"),
    " SELECT lock.is_mine, (SELECT count(*) FROM revoked) AS revoked FROM lock"
);

/// Waits for the subject's lock: for its own end on a connection of the pool, and to keep it in a transaction.
pub(in crate::postgres) const WAIT_FOR_SUBJECT: &str = concat!(
    "SELECT count(",
    subject_lock!("pg_advisory_xact_lock", "$1::text", "$2::text"),
    ") AS waited"
);
