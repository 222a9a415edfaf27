//! Factors, where their loss was accepted.

use async_trait::async_trait;
use token_store::{
    Advanced, FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER, StoreError,
    StoredFactor,
    ott_core::{
        Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{call::Kind, error::Outage, scripts, store::RedisStore, tokens::TRIES};

#[async_trait]
impl FactorStore for RedisStore {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        self.accepted()?;
        let (id, subject) = (factor.id.to_string(), &factor.subject);
        let mut call = self
            .call(&scripts::FACTOR_INSERT, Kind::Writes)
            .key(self.keys().factor(&factor.id))
            .key(self.keys().factors_of(subject))
            .arg(id);
        let fields: [(_, &[u8]); 5] = [
            ("tenant", subject.tenant().as_bytes()),
            ("subject", subject.id().as_bytes()),
            ("provider", factor.provider.as_bytes()),
            ("label", factor.label.as_bytes()),
            ("sealed", &factor.sealed),
        ];
        for (name, value) in fields {
            call = call.arg(name).arg(value);
        }
        call = call.arg("state").number(factor.state.number());
        call = call
            .arg("created_at")
            .number(factor.created_at.timestamp_micros());
        if let Some(used) = factor.used_at {
            call = call.arg("used_at").number(used.timestamp_micros());
        }
        if let Some(last) = factor.last {
            call = call.arg("last").arg(digits(last)?);
        }
        let mut reply = self.within(self.run(&call)).await?;
        Ok(reply.rest().number()? == 1)
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.accepted()?;
        let mut found = self.within(self.all_factors(subject)).await?;
        found.sort_by_key(|factor| (factor.created_at, factor.id));
        Ok(found)
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.burn(id, FactorState::Pending, counter, now).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.burn(id, FactorState::Active, Some(counter), now).await
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        let args: [&[u8]; 3] = match change {
            FactorChange::Disable => [b"disable", b"", b""],
            FactorChange::Label(label) => [b"label", label.as_bytes(), b""],
            FactorChange::Seal { old, new } => [b"seal", old, new],
        };
        self.change(id, None, args).await
    }

    async fn remove(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let now = now.timestamp_micros().to_string();
        self.change(id, beside, [b"remove", now.as_bytes(), b""])
            .await
    }
}

impl RedisStore {
    fn accepted(&self) -> Result<(), StoreError> {
        if self.inner.keeps_factors {
            Ok(())
        } else {
            Err(StoreError::Misuse(
                "a factor in Redis, whose loss nobody accepted",
            ))
        }
    }

    async fn all_factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        let set = self.keys().factors_of(subject);
        let mut ids = Vec::<String>::new();
        let mut tries = 0..TRIES;
        loop {
            let last = tries.next().is_none();
            let mut call = self.call(&scripts::FACTORS, Kind::Reads);
            call = call.key(set.clone()).number(u8::from(last));
            for id in &ids {
                call = call.key(self.keys().factor_named(id)).arg(id);
            }
            let mut reply = self.run(&call).await?;
            if reply.status() == "again" {
                ids = reply.rest().names()?;
                continue;
            }
            let mut found = Vec::new();
            while let Some((id, fields)) = reply.rest().named()? {
                let id = FactorId::parse(&id).ok_or(StoreError::Corrupt("a name in a set"))?;
                found.push(fields.factor(id)?);
            }
            return Ok(found);
        }
    }

    async fn burn(
        &self,
        id: &FactorId,
        state: FactorState,
        counter: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.accepted()?;
        let counter = counter.map(digits).transpose()?.unwrap_or_default();
        let call = self
            .call(&scripts::FACTOR_BURN, Kind::Writes)
            .key(self.keys().factor(id))
            .number(state.number())
            .number(now.timestamp_micros())
            .arg(counter);
        let reply = self.within(self.run(&call)).await?;
        match reply.status() {
            "absent" => Ok(Advanced::Absent),
            "done" => Ok(Advanced::Accepted),
            "replayed" => Ok(Advanced::Replayed),
            _ => Err(Outage::Unexpected.into()),
        }
    }

    async fn change(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        args: [&[u8]; 3],
    ) -> Result<bool, StoreError> {
        self.accepted()?;
        let mut call = self
            .call(&scripts::FACTOR_CHANGE, Kind::Writes)
            .key(self.keys().factor(id));
        if let Some(other) = beside {
            call = call.key(self.keys().factor(other));
        }
        for arg in args {
            call = call.arg(arg);
        }
        let mut reply = self.within(self.run(&call)).await?;
        Ok(reply.rest().number()? == 1)
    }
}

/// A counter with 19 digits: texts of one length compare as numbers do.
fn digits(counter: u64) -> Result<String, StoreError> {
    if counter > HIGHEST_COUNTER {
        return Err(StoreError::Misuse("a counter above 2^63 - 1"));
    }
    Ok(format!("{counter:019}"))
}
