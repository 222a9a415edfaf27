//! The toy's limits.

use std::{collections::HashMap, sync::MutexGuard};

use async_trait::async_trait;
use token_store::{
    Charge, LimitStore, Spent, StoreError,
    ott_core::{LimitKey, LimitKind, LimitState, Overspent},
};
use tokio::task::yield_now;

use super::{
    Mistake,
    toy::{Time, Toy, the_last_of_32_bits},
};

impl Toy {
    pub(crate) fn limits(&self) -> MutexGuard<'_, HashMap<LimitKey, LimitState>> {
        self.limits.lock().unwrap()
    }

    fn charge(&self, state: &mut LimitState, charge: &Charge, now: Time) -> Option<Spent> {
        let Charge { key, limit } = charge;
        let micros = now.timestamp_micros();
        let strange = state.full_at.saturating_sub(micros) > limit.horizon_micros();
        if strange && self.makes(Mistake::LetsTimeGoBack) {
            state.full_at = micros;
        }
        let spent = limit.spend(state, now);
        if self.makes(Mistake::SpendsIn32Bits) {
            state.full_at = state.full_at.min(the_last_of_32_bits().timestamp_micros());
        }
        match spent {
            Ok(()) => None,
            // Some time must be told where this is not known.
            Err(Overspent::Ahead) if self.makes(Mistake::TakesAheadForALimit) => {
                Some(Spent::RetryAt(*key, now))
            }
            Err(Overspent::Ahead) => Some(Spent::Ahead(*key)),
            Err(Overspent::Locked) => Some(Spent::Locked(*key)),
            Err(Overspent::RetryAt(at)) => {
                if self.makes(Mistake::ChargesTheRefused) {
                    state.full_at += limit.period_micros();
                }
                Some(Spent::RetryAt(*key, at))
            }
        }
    }
}

#[async_trait]
impl LimitStore for Toy {
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    async fn spend(&self, charges: &[Charge], now: Time) -> Result<Spent, StoreError> {
        if self.down && self.makes(Mistake::AllowsInAnOutage) {
            return Ok(Spent::Allowed);
        }
        self.up().await?;
        for (place, charge) in charges.iter().enumerate() {
            let twice = charges[..place].iter().any(|other| other.key == charge.key);
            if twice && !self.makes(Mistake::ChargesTwice) {
                return Err(StoreError::Misuse("one key twice"));
            }
        }
        let mut refused = None;
        for charge in charges {
            let told = if self.makes(Mistake::SpendsByReading) {
                let read = self.limits().get(&charge.key).copied();
                let mut state = read.unwrap_or_default();
                let told = self.charge(&mut state, charge, now);
                yield_now().await;
                self.limits().insert(charge.key, state);
                told
            } else {
                self.charge(self.limits().entry(charge.key).or_default(), charge, now)
            };
            refused = refused.or(told);
            if refused.is_some() && !self.makes(Mistake::ChargesBehindARefusal) {
                break;
            }
        }
        Ok(refused.unwrap_or(Spent::Allowed))
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        self.up().await?;
        for Charge { key, limit } in charges {
            let refund = |times: u32| {
                let least = u32::from(self.makes(Mistake::RefundsAtLeastOne));
                let times = times.max(least);
                let ceiling = limit.kind() == LimitKind::Ceiling;
                if let Some(state) = self.limits().get_mut(key)
                    && !(ceiling && self.makes(Mistake::RefundsNoCeiling))
                {
                    limit.refund(state, times);
                }
            };
            if self.makes(Mistake::RefundsByReading) {
                let read = self.limits().get(key).copied();
                if let Some(mut state) = read {
                    limit.refund(&mut state, times);
                    yield_now().await;
                    self.limits().insert(*key, state);
                }
            } else if self.makes(Mistake::RefundsInTwoSteps) {
                refund(times.min(1));
                yield_now().await;
                refund(times.saturating_sub(1));
            } else {
                refund(times);
            }
        }
        Ok(())
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        self.up().await?;
        let mut limits = self.limits();
        if self.makes(Mistake::ClearsEverybody) {
            limits.clear();
        }
        limits.remove(key);
        Ok(())
    }

    async fn purge_limits(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.up().await?;
        if self.makes(Mistake::FindsThenPurges) {
            let mut found: Vec<_> = self.limits().clone().into_iter().collect();
            found.retain(|(_, state)| {
                state.count == 0 && state.full_at <= before.timestamp_micros()
            });
            found.truncate(limit as usize);
            yield_now().await;
            let gone = found
                .iter()
                .filter_map(|(key, _)| self.limits().remove(key));
            return Ok(gone.count() as u64);
        }
        let mut removed = 0;
        self.limits().retain(|_, state| {
            let new = state.count == 0 || self.makes(Mistake::PurgesCeilings);
            let goes =
                new && state.full_at <= before.timestamp_micros() && removed < u64::from(limit);
            removed += u64::from(goes);
            !goes
        });
        Ok(removed)
    }
}
