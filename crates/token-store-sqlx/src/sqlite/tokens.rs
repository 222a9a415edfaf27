//! Tokens: each verb a statement on a connection, shared by the pool and by a caller's transaction.

use sqlx::SqliteConnection;
use token_store::{
    Decided, Revoke, StoreError,
    ott_core::{
        Decision, Purpose, Reason, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{changed, ledger::Ledger, outage::outage, returned, verb::Verb};
use crate::{
    error::TRIES,
    rows::{self, micros},
};

/// `Stored::is_live` at `?2`, or at what the time is called.
macro_rules! live {
    () => {
        live!("?2")
    };
    ($now:literal) => {
        concat!(
            "issued_at - 60000000 <= ",
            $now,
            " AND (expires_at IS NULL OR ",
            $now,
            " < expires_at + CASE WHEN outcome = 1 THEN 60000000 ELSE 0 END) \
             AND (idle_micros IS NULL OR ",
            $now,
            " < coalesce(used_at, issued_at) + idle_micros)"
        )
    };
}
pub(super) use live;

/// A decision.
pub(super) struct Decide {
    pub(super) id: RecordId,
    pub(super) decision: Decision,
    pub(super) now: DateTime<Utc>,
}

impl Verb for Decide {
    type Answer = Decided;

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        _: &mut Ledger,
    ) -> Result<Decided, StoreError> {
        decide(connection, &self.id, &self.decision, self.now).await
    }
}

/// A use.
pub(super) struct Touch {
    pub(super) id: RecordId,
    pub(super) now: DateTime<Utc>,
}

impl Verb for Touch {
    type Answer = ();

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        _: &mut Ledger,
    ) -> Result<(), StoreError> {
        touch(connection, &self.id, self.now).await
    }
}

impl Verb for Revoke {
    type Answer = u64;

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        _: &mut Ledger,
    ) -> Result<u64, StoreError> {
        revoke(connection, self).await
    }
}

pub(super) async fn decide(
    connection: &mut SqliteConnection,
    id: &RecordId,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<Decided, StoreError> {
    if decision.record() != id {
        return Ok(Decided::Refused(Reason::Unknown));
    }
    let made = decision.stored();
    for _ in 0..TRIES {
        let update = sqlx::query(concat!(
            "UPDATE ott_tokens SET state = CASE WHEN ?3 = 1 THEN 1 ELSE 2 END, outcome = ?3, \
               decider_tenant = ?4, decider = ?5, decision_data = ?6, decided_at = ?7, \
               decision_tag = ?8 \
             WHERE id = ?1 AND state = 0 \
               AND (?4 IS NULL OR tenant = ?4 AND (subject IS NULL OR subject = ?5)) AND ",
            live!(),
            " RETURNING *"
        ))
        .bind(id.as_bytes().as_slice())
        .bind(micros(&now))
        .bind(made.outcome.number())
        .bind(rows::decider_tenant(made))
        .bind(rows::decider_name(made))
        .bind(&made.data)
        .bind(micros(&made.at))
        .bind(made.tag.as_slice());
        if let Some(row) = returned(connection, update).await? {
            return rows::stored(&row).map(Decided::Decided);
        }
        let Some(stored) = find(connection, id).await? else {
            return Ok(Decided::Refused(Reason::Unknown));
        };
        if let Some(reason) = stored.decision_refusal(decision, now) {
            return Ok(Decided::Refused(reason));
        }
    }
    Err(StoreError::unavailable("the record kept changing"))
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    id: &RecordId,
) -> Result<Option<Stored>, StoreError> {
    let select =
        sqlx::query("SELECT * FROM ott_tokens WHERE id = ?1").bind(id.as_bytes().as_slice());
    returned(connection, select)
        .await?
        .as_ref()
        .map(rows::stored)
        .transpose()
}

pub(super) async fn touch(
    connection: &mut SqliteConnection,
    id: &RecordId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let update = sqlx::query(concat!(
        "UPDATE ott_tokens SET used_at = ?2 \
         WHERE id = ?1 AND state = 1 AND (used_at IS NULL OR used_at < ?2) AND ",
        live!()
    ))
    .bind(id.as_bytes().as_slice())
    .bind(micros(&now));
    changed(connection, update).await?;
    Ok(())
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    subject: &Subject,
    purpose: Option<&Purpose>,
    now: DateTime<Utc>,
) -> Result<Vec<Stored>, StoreError> {
    let select = sqlx::query(concat!(
        "SELECT * FROM ott_tokens \
         WHERE tenant = ?1 AND subject = ?3 AND purpose = coalesce(?4, purpose) \
           AND state IN (0, 1) AND ",
        live!(),
        " ORDER BY issued_at, id"
    ))
    .bind(subject.tenant())
    .bind(micros(&now))
    .bind(subject.id())
    .bind(purpose.map(Purpose::as_str));
    let rows = select.fetch_all(connection).await.map_err(outage)?;
    rows.iter().map(rows::stored).collect()
}

pub(super) async fn revoke(
    connection: &mut SqliteConnection,
    what: &Revoke,
) -> Result<u64, StoreError> {
    let update = match what {
        Revoke::Own { subject, record } => sqlx::query(
            "UPDATE ott_tokens SET state = 4 \
             WHERE id = ?1 AND tenant = ?2 AND subject = ?3 AND state IN (0, 1)",
        )
        .bind(record.as_bytes().as_slice())
        .bind(subject.tenant())
        .bind(subject.id()),
        Revoke::Record(id) => {
            sqlx::query("UPDATE ott_tokens SET state = 4 WHERE id = ?1 AND state IN (0, 1)")
                .bind(id.as_bytes().as_slice())
        }
        Revoke::Subject {
            subject,
            purpose,
            except,
        } => sqlx::query(
            "UPDATE ott_tokens SET state = 4 \
             WHERE tenant = ?1 AND subject = ?2 AND purpose = coalesce(?3, purpose) \
               AND id IS NOT ?4 AND state IN (0, 1)",
        )
        .bind(subject.tenant())
        .bind(subject.id())
        .bind(purpose.as_ref().map(Purpose::as_str))
        .bind(except.as_ref().map(|id| id.as_bytes().as_slice())),
    };
    changed(connection, update).await
}
