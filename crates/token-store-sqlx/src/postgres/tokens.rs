//! Tokens: each verb a statement on a connection, shared by the pool and by a caller's transaction.

use sqlx::PgConnection;
use token_store::{
    Decided, Redeemed, Revoke, StoreError,
    ott_core::{
        Decision, Presented, Purpose, Reason, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    connection::{changed, done, returned},
    id::Id,
    row::is_true,
    statements::{Query, Statements},
};
use crate::{
    error::TRIES,
    redeem::{Counts, counted, uncounted},
    rows::{self, micros},
};

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
    for _ in 0..TRIES {
        let update = compared(statement.query(), presented, now);
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

/// Binds what a record is compared with.
pub(super) fn compared<'q>(
    query: Query<'q>,
    presented: &Presented,
    now: DateTime<Utc>,
) -> Query<'q> {
    let (keys, digests): (Vec<_>, Vec<_>) = presented
        .digests()
        .iter()
        .map(|(key, digest)| (i64::from(key.0), digest.as_bytes().as_slice()))
        .unzip();
    query
        .bind(Id(*presented.id().as_bytes()))
        .bind(micros(&now))
        .bind(keys)
        .bind(digests)
}

pub(super) async fn decide(
    connection: &mut PgConnection,
    statements: &Statements,
    id: &RecordId,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<Decided, StoreError> {
    if decision.record() != id {
        return Ok(Decided::Refused(Reason::Unknown));
    }
    let made = decision.stored();
    for _ in 0..TRIES {
        let update = statements
            .decide
            .query()
            .bind(Id(*id.as_bytes()))
            .bind(micros(&now))
            .bind(i64::from(made.outcome.number()))
            .bind(rows::decider_tenant(made))
            .bind(rows::decider_name(made))
            .bind(made.data.as_slice())
            .bind(micros(&made.at))
            .bind(made.tag.as_slice());
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
    let rows = done(connection, select).await?.rows;
    rows.iter().map(rows::stored).collect()
}

pub(super) async fn revoke(
    connection: &mut PgConnection,
    statements: &Statements,
    what: &Revoke,
) -> Result<u64, StoreError> {
    let update = match what {
        Revoke::Own { subject, record } => statements
            .revoke_own
            .query()
            .bind(Id(*record.as_bytes()))
            .bind(subject.tenant())
            .bind(subject.id()),
        Revoke::Record(id) => statements.revoke_record.query().bind(Id(*id.as_bytes())),
        Revoke::Subject {
            subject,
            purpose,
            except,
        } => {
            let except = except.as_ref();
            return revoke_all(connection, statements, subject, purpose.as_ref(), except).await;
        }
    };
    changed(connection, update).await
}

/// Revokes what there is once the subject's lock is free.
async fn revoke_all(
    connection: &mut PgConnection,
    statements: &Statements,
    subject: &Subject,
    purpose: Option<&Purpose>,
    except: Option<&RecordId>,
) -> Result<u64, StoreError> {
    loop {
        let update = statements
            .revoke_subject
            .query()
            .bind(subject.tenant())
            .bind(subject.id())
            .bind(purpose.map(Purpose::as_str))
            .bind(except.map(|id| Id(*id.as_bytes())));
        let row = returned(connection, update).await?;
        let row = row.ok_or(StoreError::Corrupt("revoked"))?;
        if is_true(&row, "is_mine")? {
            return rows::number(&row, "revoked");
        }
        let wait = statements.wait_for_subject.query();
        let wait = wait.bind(subject.tenant()).bind(subject.id());
        returned(connection, wait).await?;
    }
}
