//! Factors, where their loss was accepted.

use async_trait::async_trait;
use std::collections::HashMap;

use token_store::{
    Advanced, ChargedFactors, ConfirmIf, FactorChange, FactorId, FactorState, FactorStore,
    HIGHEST_COUNTER, LimitStore, Looked, MAX_FACTORS, RemoveIf, StoreError, StoredFactor,
    ott_core::{
        LimitKey, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    call::{BATCH, Kind, TRIES},
    error::Outage,
    keys::limit_name,
    reply::Reply,
    scripts,
    store::RedisStore,
    time::micros,
};

#[async_trait]
impl FactorStore for RedisStore {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        self.accepted()?;
        let (id, subject) = (factor.id.to_string(), &factor.subject);
        let mut call = self
            .call(&scripts::FACTOR_INSERT, Kind::Writes)
            .key(self.keys().factor(&factor.id))
            .key(self.keys().dead_factors())
            .key(self.keys().factors_of(subject.tenant(), subject.id()))
            .key(self.keys().owners())
            .arg(id);
        call = match (factor.state, &factor.removal) {
            (FactorState::Pending, _) => call.number(micros(factor.created_at)?),
            (_, Some(removal)) => call.number(micros(removal.at)?),
            (_, None) => call.arg(""),
        };
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
        if let Some(removal) = &factor.removal {
            call = call.arg("removed_from").number(removal.from.number());
            call = call.arg("removed_by").arg(&removal.by);
            call = call.arg("removed_at").number(removal.at.timestamp_micros());
        }
        if let Some(last) = factor.last {
            call = call.arg("last").arg(digits(last)?);
        }
        let mut reply = self.within(self.run(&call)).await?;
        Ok(reply.rest().number()? == 1)
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.accepted()?;
        let found = self.within(self.all_factors(subject, &[], false)).await?;
        Ok(found.factors)
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        only: ConfirmIf,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.accepted()?;
        let counter = counter.map(digits).transpose()?.unwrap_or_default();
        self.within(self.confirm_if(id, &counter, only, now)).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.accepted()?;
        let call = self
            .call(&scripts::FACTOR_ADVANCE, Kind::Writes)
            .key(self.keys().factor(id))
            .number(now.timestamp_micros())
            .arg(digits(counter)?);
        let reply = self.within(self.run(&call)).await?;
        advanced(&reply)
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        let args: [&[u8]; 3] = match change {
            FactorChange::Disable => [b"disable", b"", b""],
            FactorChange::Label(label) => [b"label", label.as_bytes(), b""],
            FactorChange::Seal { old, new } => [b"seal", old, new],
        };
        self.accepted()?;
        let mut call = self
            .call(&scripts::FACTOR_CHANGE, Kind::Writes)
            .key(self.keys().factor(id));
        for arg in args {
            call = call.arg(arg);
        }
        let mut reply = self.within(self.run(&call)).await?;
        Ok(reply.rest().number()? == 1)
    }

    async fn remove(
        &self,
        id: &FactorId,
        only: RemoveIf,
        by: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.accepted()?;
        self.within(async {
            let Some(set) = self.set_of_factor(id).await? else {
                return Ok(false);
            };
            let mut call = self
                .call(&scripts::FACTOR_REMOVE, Kind::Writes)
                .key(self.keys().factor(id))
                .key(self.keys().dead_factors())
                .key(set)
                .key(self.keys().owners());
            if let RemoveIf::Beside(other) = &only {
                call = call.key(self.keys().factor(other));
            }
            call = call.arg(id.to_string()).number(micros(now)?).arg(by);
            call = call.number(u8::from(only == RemoveIf::Pending));
            Ok(self.run(&call).await?.rest().number()? == 1)
        })
        .await
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        self.accepted()?;
        let call = self
            .call(&scripts::FACTOR_RESTORE, Kind::Writes)
            .key(self.keys().factor(id))
            .key(self.keys().dead_factors())
            .arg(id.to_string());
        let mut reply = self.within(self.run(&call)).await?;
        Ok(reply.rest().number()? == 1)
    }

    async fn purge_factors(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.accepted()?;
        // What is of that very microsecond stays.
        let before = micros(before)?.saturating_sub(1);
        let mut left = limit;
        while left > 0 {
            let most = left.min(BATCH);
            let step = self.purge_some_factors(before, most);
            let (found, gone) = self.within(step).await?;
            left = left.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
            // Nothing else was dead. Whoever looked again would take what came meanwhile, for a second purge.
            if found < most as usize {
                break;
            }
        }
        Ok(u64::from(limit.saturating_sub(left)))
    }

    fn charged_factors(&self, limits: &dyn LimitStore) -> Option<&dyn ChargedFactors> {
        (limits.store_id() == self.store_id()).then_some(self as &dyn ChargedFactors)
    }
}

impl RedisStore {
    pub(crate) fn accepted(&self) -> Result<(), StoreError> {
        if self.inner.keeps_factors {
            Ok(())
        } else {
            Err(StoreError::Misuse(
                "a factor in Redis, whose loss nobody accepted",
            ))
        }
    }

    /// What a subject has; and what is kept of these limits, and of the factors' own where `with_failures` says so.
    pub(crate) async fn all_factors(
        &self,
        subject: &Subject,
        limits: &[LimitKey],
        with_failures: bool,
    ) -> Result<Looked, StoreError> {
        let set = self.keys().factors_of(subject.tenant(), subject.id());
        let mut ids = Vec::<String>::new();
        let mut tries = 0..TRIES;
        loop {
            let last = tries.next().is_none();
            let mut call = self.call(&scripts::FACTORS, Kind::Reads);
            call = call.key(set.clone()).key(self.keys().owners());
            call = call.number(MAX_FACTORS);
            call = call.number(u8::from(last));
            for id in &ids {
                call = call.key(self.keys().factor_named(id)).arg(id);
            }
            let mut asked = limits.to_vec();
            if with_failures {
                let named = ids.iter().filter_map(|id| FactorId::parse(id));
                asked.extend(named.map(|id| id.failures_key()));
            }
            for key in &asked {
                call = call.key(self.keys().limit_named(&limit_name(key)));
            }
            let mut reply = self.run(&call).await?;
            if reply.status() == "again" {
                ids = reply.rest().names()?;
                continue;
            }
            let mut limits = HashMap::new();
            for key in asked {
                if let Some(state) = reply.rest().limit()? {
                    limits.insert(key, state);
                }
            }
            let mut found = Vec::new();
            while let Some((id, fields)) = reply.rest().named()? {
                let id = FactorId::parse(&id).ok_or(StoreError::Corrupt("a name in a set"))?;
                found.push(fields.factor(id)?);
            }
            return Ok(Looked {
                factors: StoredFactor::listed(found),
                limits,
            });
        }
    }

    /// The set in which a factor stands, if there is such a factor. It never stands in another one.
    async fn set_of_factor(&self, id: &FactorId) -> Result<Option<String>, StoreError> {
        let call = self.call(&scripts::FACTOR_OWNER, Kind::Reads);
        let call = call.key(self.keys().factor(id));
        let mut reply = self.run(&call).await?;
        Ok(self.set_of(reply.rest().row()?))
    }

    /// The set of the subject whose tenant and id begin this row.
    fn set_of(&self, row: Option<Vec<Option<Vec<u8>>>>) -> Option<String> {
        let mut row = row?.into_iter().flatten();
        let mut name = || String::from_utf8(row.next()?).ok();
        Some(self.keys().factors_of(&name()?, &name()?))
    }

    async fn confirm_if(
        &self,
        id: &FactorId,
        counter: &str,
        only: ConfirmIf,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let set = match only {
            ConfirmIf::First => match self.set_of_factor(id).await? {
                None => return Ok(Advanced::Absent),
                set => set,
            },
            ConfirmIf::Always | ConfirmIf::Beside(_) => None,
        };
        let mut ids = Vec::<String>::new();
        for _ in 0..=TRIES {
            let mut call = self
                .call(&scripts::FACTOR_CONFIRM, Kind::Writes)
                .key(self.keys().factor(id))
                .key(self.keys().dead_factors())
                .number(now.timestamp_micros())
                .arg(counter);
            call = match (&only, &set) {
                (ConfirmIf::Beside(other), _) => call.key(self.keys().factor(other)).arg("beside"),
                (ConfirmIf::First, Some(set)) => {
                    call.key(set.clone()).key(self.keys().owners()).arg("first")
                }
                (ConfirmIf::Always | ConfirmIf::First, _) => call.arg("always"),
            };
            call = call.arg(id.to_string()).number(0);
            for id in &ids {
                call = call.key(self.keys().factor_named(id)).arg(id);
            }
            let mut reply = self.run(&call).await?;
            if reply.status() != "again" {
                return advanced(&reply);
            }
            ids = reply.rest().names()?;
        }
        Err(StoreError::unavailable("a subject's factors kept changing"))
    }

    /// How many factors went; nothing if there was nothing to do.
    /// How many were found dead, and how many are gone.
    async fn purge_some_factors(&self, before: i64, most: u32) -> Result<(usize, u64), StoreError> {
        let (keys, dead) = (self.keys(), self.keys().dead_factors());
        let ids = self.dead(dead.clone(), before, most).await?;
        if ids.is_empty() {
            return Ok((0, 0));
        }
        let mut call = self.call(&scripts::OWNERS, Kind::Reads);
        for id in &ids {
            call = call.key(keys.factor_named(id));
        }
        let mut owners = self.run(&call).await?;
        let mut call = self
            .call(&scripts::PURGE_FACTORS, Kind::Writes)
            .key(dead.clone())
            .key(keys.owners())
            .number(before);
        for id in &ids {
            let set = self.set_of(owners.rest().row()?);
            call = call
                .key(keys.factor_named(id))
                .key(set.unwrap_or_else(|| dead.clone()))
                .arg(id);
        }
        let mut reply = self.run(&call).await?;
        Ok((ids.len(), reply.rest().number()?))
    }
}

pub(crate) fn advanced(reply: &Reply) -> Result<Advanced, StoreError> {
    match reply.status() {
        "absent" => Ok(Advanced::Absent),
        "done" => Ok(Advanced::Accepted),
        "replayed" => Ok(Advanced::Replayed),
        "unvouched" => Ok(Advanced::Unvouched),
        _ => Err(Outage::Unexpected.into()),
    }
}

/// A counter with 19 digits: texts of one length compare as numbers do.
pub(crate) fn digits(counter: u64) -> Result<String, StoreError> {
    if counter > HIGHEST_COUNTER {
        return Err(StoreError::Misuse("a counter above 2^63 - 1"));
    }
    Ok(format!("{counter:019}"))
}
