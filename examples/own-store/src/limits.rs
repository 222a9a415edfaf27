//! Limits.

use async_trait::async_trait;
use token_store::{
    Charge, LimitStore, Spent, check_charges,
    ott_core::{LimitKey, LimitKind, LimitState, Overspent},
};

use crate::{Answer, OwnStore, Time, store::limit_key};

#[async_trait]
impl LimitStore for OwnStore {
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    async fn spend(&self, charges: &[Charge], now: Time) -> Answer<Spent> {
        check_charges(charges)?;
        for Charge { key, limit } in charges {
            let spent = self.step(&limit_key(key), |state: &mut Option<LimitState>| {
                limit.spend(state.get_or_insert_default(), now)
            })?;
            match spent {
                Ok(()) => {}
                Err(Overspent::Ahead) => return Ok(Spent::Ahead(*key)),
                Err(Overspent::Locked) => return Ok(Spent::Locked(*key)),
                Err(Overspent::RetryAt(at)) => return Ok(Spent::RetryAt(*key, at)),
            }
        }
        Ok(Spent::Allowed)
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Answer<()> {
        for Charge { key, limit } in charges {
            self.step(&limit_key(key), |state: &mut Option<LimitState>| {
                state
                    .as_mut()
                    .map_or((), |state| limit.refund(state, times))
            })?;
        }
        Ok(())
    }

    async fn clear(&self, key: &LimitKey) -> Answer<()> {
        self.step(&limit_key(key), |state: &mut Option<LimitState>| {
            *state = None
        })
    }

    async fn purge_limits(&self, before: Time, limit: u32) -> Answer<u64> {
        let new =
            |state: &LimitState| state.count == 0 && state.full_at <= before.timestamp_micros();
        let mut removed = 0_u64;
        for (key, _) in self.cells().scan(b"limit/")? {
            if removed < u64::from(limit) {
                let gone = self.step(&key, |state: &mut Option<LimitState>| {
                    state.take_if(|state| new(state)).is_some()
                })?;
                removed = removed.saturating_add(u64::from(gone));
            }
        }
        Ok(removed)
    }
}
