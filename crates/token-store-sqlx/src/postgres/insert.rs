//! Inserting a batch, and superseding what it takes the place of.

use sqlx::PgConnection;
use token_store::{
    StoreError,
    ott_core::{Record, Stored},
};

use super::{
    id::Id, outage::is_unique_violation, outage::outage, statements::Statements,
    tokens::subject_lock,
};
use crate::rows::micros;

/// One row a slot holds the generation that is alive: raising it retires every older batch, also one
/// that is being inserted at this moment, whose rows nobody else sees yet. In one statement with the
/// rows themselves: where an id is taken, it fails as a whole and raises nothing.
///
/// Slots and rows in the order of their ids, so that two that insert the same do not wait for each
/// other in a circle.
pub(super) const INSERT: &str = "\
WITH next AS ( \
  INSERT INTO {slots} AS s (slot, generation) \
  SELECT DISTINCT n.slot, 1 FROM unnest($6::uuid[]) AS n (slot) \
    WHERE n.slot IS NOT NULL{fresh}{all_alone} ORDER BY n.slot \
  ON CONFLICT (slot) DO UPDATE SET generation = s.generation + 1 \
  RETURNING s.slot, s.generation) \
INSERT INTO {tokens} \
  (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, number, max_attempts, \
   issued_at, expires_at, idle_micros, tag, state, attempts, used_at, approved, decider_tenant, \
   decider, decision_data, decided_at, decision_tag, generation) \
SELECT n.*, next.generation \
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], \
            $8::bytea[], $9::bytea[], $10::bytea[], $11::bigint[], $12::bigint[], $13::bigint[], \
            $14::bigint[], $15::bigint[], $16::bytea[], $17::bigint[], $18::bigint[], \
            $19::bigint[], $20::boolean[], $21::text[], $22::text[], $23::bytea[], $24::bigint[], \
            $25::bytea[]) \
  AS n (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, number, \
        max_attempts, issued_at, expires_at, idle_micros, tag, state, attempts, used_at, approved, \
        decider_tenant, decider, decision_data, decided_at, decision_tag) \
LEFT JOIN next ON next.slot = n.slot \
WHERE true{fresh} ORDER BY n.id";

/// What `{all_alone}` stands for on an open transaction: the locks of the batch's subjects, before a
/// slot's row is.
pub(super) const ALL_ALONE: &str = concat!(
    " AND (SELECT count(",
    subject_lock!("a.tenant", "a.subject"),
    ") FROM (SELECT DISTINCT b.tenant, b.subject FROM unnest($4::text[], $5::text[]) \
       AS b (tenant, subject) WHERE b.subject IS NOT NULL ORDER BY b.tenant, b.subject) AS a) >= 0"
);

/// How many rows that were; `None` if an id was taken.
pub(super) async fn insert(
    connection: &mut PgConnection,
    statements: &Statements,
    batch: &[Record],
) -> Result<Option<u64>, StoreError> {
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
    let query = statements
        .insert
        .query()
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
        .bind(decided!(|made| made.approved))
        .bind(decided!(|made| made.decider.tenant()))
        .bind(decided!(|made| made.decider.id()))
        .bind(decided!(|made| made.data.as_slice()))
        .bind(decided!(|made| micros(&made.at)))
        .bind(decided!(|made| made.tag.as_slice()));
    match query.execute(connection).await {
        Ok(done) => Ok(Some(done.rows_affected())),
        Err(error) if is_unique_violation(&error) => Ok(None),
        Err(error) => Err(outage(error)),
    }
}
