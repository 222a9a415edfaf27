//! Verbs with their charges: one script each, since a store is in one slot.

use async_trait::async_trait;
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, Cost, Guess, Inserted, Looked,
    Redeemed, StoreError, check_charges,
    ott_core::{
        LimitKey, Presented, Record, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{compared, insert::Slots, redeemed};
use crate::{
    call::Kind,
    factors::{advanced, digits},
    keys::limit_name,
    limits::refused,
    scripts,
    store::RedisStore,
};

#[async_trait]
impl ChargedStore for RedisStore {
    async fn redeem_charged(
        &self,
        presented: &Presented,
        Cost {
            charges,
            unknown_is_free,
        }: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Charged<Redeemed>, StoreError> {
        check_charges(charges)?;
        let told = async {
            let mut slots = Slots::of(earned);
            loop {
                let call = self.about(&scripts::REDEEM_CHARGED, presented.id());
                let call = self.charging(call, charges, now)?;
                let call = call.key(self.keys().ends());
                let call = compared(call.number(u8::from(unknown_is_free)), presented, now)?;
                let call = self.with_batch(call, &slots, earned)?;
                let mut reply = self.run(&call).await?;
                if let Some(refused) = refused(&mut reply, charges)? {
                    return Ok(Charged::Refused(refused));
                }
                match reply.status() {
                    "again" => slots.moved(&mut reply)?,
                    "collision" => return Err(StoreError::ID_TWICE),
                    _ => return redeemed(&mut reply, presented).map(Charged::Answered),
                }
            }
        };
        self.within(told).await
    }

    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Charged<Inserted>, StoreError> {
        check_charges(charges)?;
        self.within(self.insert_batch(batch, Some((charges, now))))
            .await
    }
}

#[async_trait]
impl ChargedFactors for RedisStore {
    /// Two scripts where the subject has factors, as [`factors`](token_store::FactorStore::factors): a script names all its keys, and the
    /// first one tells which there are.
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError> {
        self.accepted()?;
        self.within(self.all_factors(subject, keys, true)).await
    }

    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: DateTime<Utc>,
    ) -> Result<Charged<Option<Advanced>>, StoreError> {
        guess.check()?;
        self.accepted()?;
        let limits = self.keys().limits();
        let (factor, counter) = match &guess.right {
            Some((id, counter)) => (self.keys().factor(id), digits(*counter)?),
            None => (limits.clone(), String::new()),
        };
        let call = self.call(&scripts::ADVANCE_CHARGED, Kind::Writes);
        let call = self.charging(call.key(factor).key(limits), guess.charges, now)?;
        let names = guess.cleared.iter().map(limit_name);
        let call = names.fold(call.arg(counter), |call, name| {
            call.key(self.keys().limit_named(&name)).arg(name)
        });
        let mut reply = self.within(self.run(&call)).await?;
        if let Some(refused) = refused(&mut reply, guess.charges)? {
            return Ok(Charged::Refused(refused));
        }
        Ok(Charged::Answered(match reply.status() {
            "none" => None,
            _ => Some(advanced(&reply)?),
        }))
    }
}
