//! Inserting a batch, and superseding what it takes the place of.

use std::collections::HashSet;

use sqlx::{Sqlite, SqliteConnection, Transaction};
use token_store::{
    Charge, Charged, Inserted, StoreError,
    ott_core::{
        Record, Stored,
        chrono::{DateTime, Utc},
    },
};

use super::{
    Query, changed,
    ledger::{Json, Ledger, hex},
    outage::outage,
    returned,
    verb::Verb,
};
use crate::rows::{self, micros};

/// A batch, and what it costs.
pub(super) struct Insert {
    pub(super) batch: Vec<Record>,
    pub(super) charges: Vec<Charge>,
    pub(super) now: DateTime<Utc>,
}

impl Verb for Insert {
    type Answer = Charged<Inserted>;

    fn is_several(&self) -> bool {
        let slotted = |record: &Record| record.stored().slot.is_some();
        self.batch.len() > 1 || !self.charges.is_empty() || self.batch.iter().any(slotted)
    }

    fn charges(&self) -> &[Charge] {
        &self.charges
    }

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        ledger: &mut Ledger,
    ) -> Result<Charged<Inserted>, StoreError> {
        ledger.read(connection, self.charges.iter()).await?;
        if let Some(refused) = ledger.refusal(&self.charges, self.now)? {
            return Ok(Charged::Refused(refused));
        }
        let inserted = insert(connection, &self.batch).await?;
        let given_back = u32::from(inserted == Inserted::Collision);
        ledger.charge(&self.charges, self.now, given_back)?;
        Ok(Charged::Answered(inserted))
    }
}

/// Inserts and supersedes. A collision changes nothing, if nobody else writes meanwhile.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    batch: &[Record],
) -> Result<Inserted, StoreError> {
    let mut ids = Json::default();
    for record in batch {
        ids.item(|text| hex(text, record.id().as_bytes()));
    }
    let Some(ids) = ids.end() else {
        return Ok(Inserted::Done);
    };
    // The insert of a single one finds that out itself.
    if batch.len() > 1 {
        let distinct: HashSet<_> = batch.iter().map(Record::id).collect();
        let there = "SELECT id FROM ott_tokens \
            WHERE id IN (SELECT unhex(value) FROM json_each(?1)) LIMIT 1";
        let there = sqlx::query(there).bind(ids.as_str());
        if distinct.len() < batch.len() || returned(connection, there).await?.is_some() {
            return Ok(Inserted::Collision);
        }
    }
    for record in batch {
        if changed(connection, insert_one(record.stored())).await? == 0 {
            return Ok(Inserted::Collision);
        }
    }
    let slots = batch.iter().filter_map(|record| record.stored().slot);
    for slot in slots.collect::<HashSet<_>>() {
        let supersede = "UPDATE ott_tokens SET state = 6 WHERE slot = ?1 AND state IN (0, 1) \
            AND id NOT IN (SELECT unhex(value) FROM json_each(?2))";
        let supersede = sqlx::query(supersede).bind(slot.as_slice());
        changed(connection, supersede.bind(ids.as_str())).await?;
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
