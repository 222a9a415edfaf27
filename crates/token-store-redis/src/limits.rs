//! Limits: all charges of a call in one script, in their order.

use async_trait::async_trait;
use token_store::{
    Charge, LimitStore, Spent, StoreError, StoreId, check_charges,
    ott_core::{
        LimitKey, LimitKind,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    call::{BATCH, Call, Kind},
    error::Outage,
    keys::limit_name,
    reply::Reply,
    scripts,
    store::RedisStore,
    time::micros,
};

/// The most that a refund takes off a time: it stays an integer in Lua.
const MOST_RETURNED: i64 = 8_000_000_000_000_000;

#[async_trait]
impl LimitStore for RedisStore {
    fn keeps(&self, kind: LimitKind) -> bool {
        match kind {
            LimitKind::Allowance | LimitKind::Ceiling => self.inner.keeps_ceilings,
            LimitKind::Pace => true,
        }
    }

    fn store_id(&self) -> Option<StoreId> {
        Some(StoreId::of(&*self.inner))
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        check_charges(charges)?;
        let lasting = self.lasting(charges)?;
        let mut call = self
            .call(&scripts::SPEND, Kind::Writes)
            .key(self.keys().limits())
            .number(micros(now)?)
            .number(u8::from(lasting));
        for charge in charges {
            call = self.asked(call, charge);
        }
        let mut reply = self.within(self.run(&call)).await?;
        refused(&mut reply, charges)?
            .or_else(|| (reply.status() == "done").then_some(Spent::Allowed))
            .ok_or_else(|| Outage::Unexpected.into())
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        let lasting = self.lasting(charges)?;
        let mut call = self
            .call(&scripts::REFUND, Kind::Writes)
            .key(self.keys().limits())
            .number(u8::from(lasting));
        for Charge { key, limit } in charges {
            let name = limit_name(key);
            let count = match limit.kind() {
                LimitKind::Ceiling => times,
                LimitKind::Allowance | LimitKind::Pace => 0,
            };
            let returned = limit.period_micros().saturating_mul(i64::from(times));
            call = call
                .key(self.keys().limit_named(&name))
                .arg(name)
                .number(count)
                .number(returned.min(MOST_RETURNED));
        }
        self.within(self.run(&call)).await.map(drop)
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        let name = limit_name(key);
        let call = self.one_limit(&name).arg(name);
        self.within(self.run(&call)).await.map(drop)
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let before = micros(before)?;
        let mut left = limit;
        while left > 0 {
            let step = self.purge_some_limits(before, left.min(BATCH));
            let Some(gone) = self.within(step).await? else {
                break;
            };
            left = left.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
        }
        Ok(u64::from(limit.saturating_sub(left)))
    }
}

impl RedisStore {
    /// Adds what is asked of a limit.
    fn asked(&self, call: Call, Charge { key, limit }: &Charge) -> Call {
        let name = limit_name(key);
        let kind = match limit.kind() {
            LimitKind::Allowance => "allowance",
            LimitKind::Ceiling => "ceiling",
            LimitKind::Pace => "pace",
        };
        call.key(self.keys().limit_named(&name))
            .arg(name)
            .arg(kind)
            .number(limit.burst())
            .number(limit.period_micros())
            .number(limit.horizon_micros())
    }

    /// Adds to a call with two keys of its own what its script charges.
    pub(crate) fn charging(
        &self,
        call: Call,
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Call, StoreError> {
        let lasting = self.lasting(charges)?;
        let call = call
            .key(self.keys().limits())
            .number(micros(now)?)
            .number(u8::from(lasting))
            .number(charges.len());
        Ok(charges
            .iter()
            .fold(call, |call, charge| self.asked(call, charge)))
    }

    /// Whether one of them must not be lost, as ceilings and allowances must not.
    fn lasting(&self, charges: &[Charge]) -> Result<bool, StoreError> {
        let mut kinds = charges.iter().map(|charge| charge.limit.kind());
        if !kinds.clone().all(|kind| self.keeps(kind)) {
            return Err(StoreError::Misuse(
                "a ceiling or allowance in Redis, whose loss nobody accepted",
            ));
        }
        Ok(kinds.any(|kind| kind != LimitKind::Pace))
    }

    fn one_limit(&self, name: &str) -> Call {
        self.call(&scripts::CLEAR, Kind::Writes)
            .key(self.keys().limits())
            .key(self.keys().limit_named(name))
    }

    /// How many limits went; nothing if there was nothing to do.
    async fn purge_some_limits(&self, before: i64, most: u32) -> Result<Option<u64>, StoreError> {
        let limits = self.keys().limits();
        let names = self.dead(limits.clone(), before, most).await?;
        if names.is_empty() {
            return Ok(None);
        }
        let mut call = self
            .call(&scripts::PURGE_LIMITS, Kind::Writes)
            .key(limits)
            .number(before);
        for name in &names {
            call = call.key(self.keys().limit_named(name)).arg(name);
        }
        let mut reply = self.run(&call).await?;
        reply.rest().number().map(Some)
    }
}

/// The limit that refused, if one did.
pub(crate) fn refused(reply: &mut Reply, charges: &[Charge]) -> Result<Option<Spent>, StoreError> {
    let status = reply.status();
    if !matches!(status, "ahead" | "locked" | "retry") {
        return Ok(None);
    }
    let key = refuser(charges, reply.rest().number()?)?;
    Ok(Some(match status {
        "ahead" => Spent::Ahead(key),
        "locked" => Spent::Locked(key),
        _ => {
            let at = reply.rest().text()?.parse().ok();
            let at = at.and_then(DateTime::from_timestamp_micros);
            Spent::RetryAt(key, at.ok_or(Outage::Unexpected)?)
        }
    }))
}

/// The key of the charge with this number, from 1.
fn refuser(charges: &[Charge], number: u64) -> Result<LimitKey, StoreError> {
    let at = number
        .checked_sub(1)
        .and_then(|index| usize::try_from(index).ok());
    let charge = at
        .and_then(|at| charges.get(at))
        .ok_or(Outage::Unexpected)?;
    Ok(charge.key)
}
