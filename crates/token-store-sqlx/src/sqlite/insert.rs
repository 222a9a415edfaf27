//! Inserting a batch, and superseding what it takes the place of.

use std::collections::HashSet;

use sqlx::{Sqlite, SqliteConnection, Transaction};
use token_store::{
    Inserted, StoreError,
    ott_core::{Record, Stored},
};

use super::{Query, changed, outage::outage};
use crate::rows::{self, micros};

/// Supersedes and inserts, inside a transaction or savepoint that [`end`]s as the answer says.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    batch: &[Record],
) -> Result<Inserted, StoreError> {
    let slots: HashSet<_> = batch
        .iter()
        .filter_map(|record| record.stored().slot)
        .collect();
    for slot in &slots {
        let supersede =
            sqlx::query("UPDATE ott_tokens SET state = 6 WHERE slot = ?1 AND state IN (0, 1)")
                .bind(slot.as_slice());
        changed(connection, supersede).await?;
    }
    for record in batch {
        if changed(connection, insert_one(record.stored())).await? == 0 {
            return Ok(Inserted::Collision);
        }
    }
    Ok(Inserted::Done)
}

pub(super) async fn end(
    transaction: Transaction<'_, Sqlite>,
    inserted: Inserted,
) -> Result<Inserted, StoreError> {
    match inserted {
        Inserted::Done => transaction.commit().await,
        Inserted::Collision => transaction.rollback().await,
    }
    .map_err(outage)?;
    Ok(inserted)
}

fn insert_one(stored: &Stored) -> Query<'_> {
    let decision = stored.decision.as_ref();
    sqlx::query(
        "INSERT INTO ott_tokens \
           (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, number, \
            max_attempts, issued_at, expires_at, idle_micros, tag, state, attempts, used_at, \
            outcome, decider_tenant, decider, decision_data, decided_at, decision_tag) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
                 ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(stored.id.as_bytes().as_slice())
    .bind(&stored.purpose)
    .bind(stored.key.0)
    .bind(&stored.tenant)
    .bind(&stored.subject)
    .bind(stored.slot.as_ref().map(<[u8; 16]>::as_slice))
    .bind(stored.policy.as_slice())
    .bind(stored.binding.as_slice())
    .bind(stored.digest.as_bytes().as_slice())
    .bind(&stored.data)
    .bind(stored.number)
    .bind(stored.max_attempts)
    .bind(micros(&stored.issued_at))
    .bind(stored.expires_at.as_ref().map(micros))
    .bind(stored.idle_micros)
    .bind(stored.tag.as_slice())
    .bind(stored.state.number())
    .bind(stored.attempts)
    .bind(stored.used_at.as_ref().map(micros))
    .bind(decision.map(|made| made.outcome.number()))
    .bind(decision.and_then(rows::decider_tenant))
    .bind(decision.map(rows::decider_name))
    .bind(decision.map(|made| made.data.as_slice()))
    .bind(decision.map(|made| micros(&made.at)))
    .bind(decision.map(|made| made.tag.as_slice()))
}
