//! Inserting a batch, and superseding what it takes the place of.

use sqlx::PgConnection;
use token_store::{
    StoreError,
    ott_core::{Record, Stored},
};

use super::{
    connection::done,
    id::Id,
    outage::is_unique_violation,
    statements::{Query, Statements},
};
use crate::rows::{self, micros};

/// How many rows that were; `None` if an id was taken.
pub(super) async fn insert(
    connection: &mut PgConnection,
    statements: &Statements,
    batch: &[Record],
) -> Result<Option<u64>, StoreError> {
    match done(connection, rows_of(statements.insert.query(), batch)).await {
        Ok(done) => Ok(Some(done.changed)),
        Err(failed) if is_unique_violation(&failed.error) => Ok(None),
        Err(failed) => Err(failed.into()),
    }
}

/// Binds the columns of these records.
pub(super) fn rows_of<'q>(query: Query<'q>, batch: &[Record]) -> Query<'q> {
    let rows: Vec<_> = batch.iter().map(Record::stored).collect();
    let decisions: Vec<_> = rows.iter().map(|row| row.decision.as_ref()).collect();
    macro_rules! each {
        ($value:expr) => {
            rows.iter().map($value).collect::<Vec<_>>()
        };
    }
    macro_rules! decided {
        ($value:expr) => {
            decisions
                .iter()
                .map(|made| made.map($value))
                .collect::<Vec<_>>()
        };
    }
    query
        .bind(each!(|row| Id(*row.id.as_bytes())))
        .bind(each!(|row| row.purpose.as_str()))
        .bind(each!(|row| i64::from(row.key.0)))
        .bind(each!(|row| row.tenant.as_str()))
        .bind(each!(|row| row.subject.as_deref()))
        .bind(each!(|row| row.slot.map(Id)))
        .bind(each!(|row| Id(row.policy)))
        .bind(each!(|row| row.binding.as_slice()))
        .bind(each!(|row| row.digest.as_bytes().as_slice()))
        .bind(each!(|row| row.data.as_slice()))
        .bind(each!(|row| row.number.map(i64::from)))
        .bind(each!(|row| row.max_attempts.map(i64::from)))
        .bind(each!(|row| micros(&row.issued_at)))
        .bind(each!(|row| row.expires_at.as_ref().map(micros)))
        .bind(each!(|row| row.idle_micros))
        .bind(each!(|row| row.tag.as_slice()))
        .bind(each!(|row: &&Stored| i64::from(row.state.number())))
        .bind(each!(|row| i64::from(row.attempts)))
        .bind(each!(|row| row.used_at.as_ref().map(micros)))
        .bind(decided!(|made| i64::from(made.outcome.number())))
        .bind(
            decisions
                .iter()
                .map(|made| made.and_then(rows::decider_tenant))
                .collect::<Vec<_>>(),
        )
        .bind(decided!(rows::decider_name))
        .bind(decided!(|made| made.data.as_slice()))
        .bind(decided!(|made| micros(&made.at)))
        .bind(decided!(|made| made.tag.as_slice()))
}
