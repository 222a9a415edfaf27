//! Tokens: each verb a statement on a connection, shared by the pool and by a caller's transaction.

use sqlx::{PgConnection, postgres::PgRow};
use token_store::{
    Decided, Redeemed, Revoke, StoreError,
    ott_core::{
        Decision, Presented, Purpose, Reason, RecordId, State, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{changed, id::Id, outage::outage, returned, statements::Statements};
use crate::rows::{self, micros};

/// [`Stored::is_live`] at `$2`. What is compared is moved, not what is stored: a sum of a column
/// could leave the range of its type.
macro_rules! live {
    () => {
        "t.issued_at <= $2::bigint + 60000000 \
         AND (t.expires_at IS NULL \
              OR $2::bigint - CASE WHEN t.approved THEN 60000000 ELSE 0 END < t.expires_at) \
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

/// The number of a subject's lock.
macro_rules! subject_lock {
    ($tenant:literal, $subject:literal) => {
        concat!(
            "pg_advisory_xact_lock(hashtextextended(('{tokens} ' || ",
            $tenant,
            " || ' ' || ",
            $subject,
            ") COLLATE \"C\", 0))"
        )
    };
}
pub(super) use subject_lock;

/// What `{alone}` stands for on an open transaction: the lock of the record's subject, before any row
/// is looked at. On a connection of the pool it is nothing: a statement that waits with one row in its
/// hands holds nobody up in a circle.
///
/// Whoever keeps a record locked may want the next one of the same subject: a code's transaction
/// revokes the link beside it, while the link's revokes the code. With this lock one of them waits
/// before it has anything, and then finds its record revoked.
pub(super) const ALONE: &str = concat!(
    " AND (SELECT count(",
    subject_lock!("a.tenant", "a.subject"),
    ") FROM {tokens} AS a WHERE a.id = $1::uuid AND a.subject IS NOT NULL) >= 0"
);

/// All of a record but its state.
macro_rules! columns {
    () => {
        "t.id, t.purpose, t.key, t.tenant, t.subject, t.slot, t.policy, t.binding, t.digest, t.data, \
         t.number, t.max_attempts, t.issued_at, t.expires_at, t.idle_micros, t.tag, t.attempts, \
         t.used_at, t.approved, t.decider_tenant, t.decider, t.decision_data, t.decided_at, \
         t.decision_tag"
    };
}

/// [`Record::redeem`](token_store::ott_core::Record::redeem): what it does not return, it did not touch.
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

pub(super) const REDEEM: &str = redeem!("");
pub(super) const REDEEM_UNCOUNTED: &str = redeem!("AND t.max_attempts IS NULL ");

pub(super) const DECIDE: &str = concat!(
    "UPDATE {tokens} AS t SET state = CASE WHEN $3::boolean THEN 1 ELSE 2 END, \
       approved = $3::boolean, decider_tenant = $4::text, decider = $5::text, \
       decision_data = $6::bytea, decided_at = $7::bigint, decision_tag = $8::bytea \
     WHERE t.id = $1::uuid AND t.state = 0 AND t.tenant = $4::text \
       AND (t.subject IS NULL OR t.subject = $5::text) AND ",
    live!(),
    " AND ",
    current!(),
    "{fresh}{alone} RETURNING ",
    columns!(),
    ", t.state"
);

pub(super) const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", CASE WHEN t.state NOT IN (0, 1) OR ",
    current!(),
    " THEN t.state ELSE 6 END AS state FROM {tokens} AS t WHERE t.id = $1::uuid{fresh}"
);

pub(super) const TOUCH: &str = concat!(
    "UPDATE {tokens} AS t SET used_at = $2::bigint \
     WHERE t.id = $1::uuid AND t.state = 1 AND (t.used_at IS NULL OR t.used_at < $2::bigint) AND ",
    live!(),
    " AND ",
    current!(),
    "{fresh}{alone}"
);

pub(super) const LIST: &str = concat!(
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

pub(super) const REVOKE_RECORD: &str = concat!(
    "UPDATE {tokens} AS t SET state = 4 WHERE t.id = $1::uuid AND t.state IN (0, 1) AND ",
    current!(),
    "{fresh}{alone}"
);

/// Many rows, so behind the subject's lock on every connection; and in the order of their ids.
pub(super) const REVOKE_SUBJECT: &str = concat!(
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

/// How often a verb looks again because the record changed between its two statements.
pub(super) const TRIES: u32 = 8;

/// Whether records that count attempts may be redeemed.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Counts {
    /// They count, and that will be committed.
    Yes,
    /// They are refused: the caller might roll the count back.
    Refused,
}

pub(super) async fn redeem(
    connection: &mut PgConnection,
    statements: &Statements,
    presented: &Presented,
    now: DateTime<Utc>,
    counts: Counts,
) -> Result<Redeemed, StoreError> {
    let statement = match counts {
        Counts::Yes => &statements.redeem,
        Counts::Refused => &statements.redeem_uncounted,
    };
    let (keys, digests): (Vec<_>, Vec<_>) = presented
        .digests()
        .iter()
        .map(|(key, digest)| (i64::from(key.0), digest.as_bytes().as_slice()))
        .unzip();
    for _ in 0..TRIES {
        let update = statement
            .query()
            .bind(Id(*presented.id().as_bytes()))
            .bind(micros(&now))
            .bind(&keys)
            .bind(&digests);
        if let Some(row) = returned(connection, update).await? {
            return counted(&row);
        }
        // Nothing was counted. The second read only learns why.
        let found = find(connection, statements, presented.id()).await?;
        let counts_attempts = |stored: &Stored| stored.max_attempts.is_some();
        if counts == Counts::Refused && found.as_ref().is_some_and(counts_attempts) {
            return Err(StoreError::Misuse(
                "a record that counts attempts, redeemed in a transaction that may roll back",
            ));
        }
        if let Some(reason) = uncounted(found.as_ref(), presented, now) {
            return Ok(Redeemed::Refused(reason));
        }
    }
    Err(StoreError::unavailable("the record kept changing"))
}

/// The answer of a redeem that counted, by the row that it wrote.
fn counted(row: &PgRow) -> Result<Redeemed, StoreError> {
    let stored = rows::stored(row)?;
    Ok(match stored.state {
        State::Spent => Redeemed::Redeemed(stored),
        State::Exhausted => Redeemed::Refused(Reason::Exhausted),
        _ => Redeemed::Refused(Reason::Mismatch),
    })
}

/// Why a redeem counted nothing. `None`: it would count now, so the record changed since.
fn uncounted(found: Option<&Stored>, presented: &Presented, now: DateTime<Utc>) -> Option<Reason> {
    let Some(stored) = found else {
        return Some(Reason::Unknown);
    };
    match stored.refusal(presented, now)? {
        Reason::Mismatch => None,
        Reason::Exhausted if stored.state != State::Exhausted => None,
        reason => Some(reason),
    }
}

pub(super) async fn decide(
    connection: &mut PgConnection,
    statements: &Statements,
    id: &RecordId,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<Decided, StoreError> {
    for _ in 0..TRIES {
        let update = statements
            .decide
            .query()
            .bind(Id(*id.as_bytes()))
            .bind(micros(&now))
            .bind(decision.approved)
            .bind(decision.decider.tenant())
            .bind(decision.decider.id())
            .bind(decision.data.as_slice())
            .bind(micros(&decision.at))
            .bind(decision.tag.as_slice());
        if let Some(row) = returned(connection, update).await? {
            return rows::stored(&row).map(Decided::Decided);
        }
        let Some(stored) = find(connection, statements, id).await? else {
            return Ok(Decided::Refused(Reason::Unknown));
        };
        if let Some(reason) = stored.decision_refusal(decision, now) {
            return Ok(Decided::Refused(reason));
        }
    }
    Err(StoreError::unavailable("the record kept changing"))
}

pub(super) async fn find(
    connection: &mut PgConnection,
    statements: &Statements,
    id: &RecordId,
) -> Result<Option<Stored>, StoreError> {
    let select = statements.find.query().bind(Id(*id.as_bytes()));
    returned(connection, select)
        .await?
        .as_ref()
        .map(rows::stored)
        .transpose()
}

pub(super) async fn touch(
    connection: &mut PgConnection,
    statements: &Statements,
    id: &RecordId,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let update = statements
        .touch
        .query()
        .bind(Id(*id.as_bytes()))
        .bind(micros(&now));
    changed(connection, update).await
}

pub(super) async fn list(
    connection: &mut PgConnection,
    statements: &Statements,
    subject: &Subject,
    purpose: Option<&Purpose>,
    now: DateTime<Utc>,
) -> Result<Vec<Stored>, StoreError> {
    let select = statements
        .list
        .query()
        .bind(subject.tenant())
        .bind(micros(&now))
        .bind(subject.id())
        .bind(purpose.map(Purpose::as_str));
    let rows = select.fetch_all(connection).await.map_err(outage)?;
    rows.iter().map(rows::stored).collect()
}

pub(super) async fn revoke(
    connection: &mut PgConnection,
    statements: &Statements,
    what: &Revoke,
) -> Result<u64, StoreError> {
    let update = match what {
        Revoke::Record(id) => statements.revoke_record.query().bind(Id(*id.as_bytes())),
        Revoke::Subject {
            subject,
            purpose,
            except,
        } => statements
            .revoke_subject
            .query()
            .bind(subject.tenant())
            .bind(subject.id())
            .bind(purpose.as_ref().map(Purpose::as_str))
            .bind(except.as_ref().map(|id| Id(*id.as_bytes()))),
    };
    changed(connection, update).await
}
