//! The toy's verbs with charges.

use std::collections::HashSet;

use async_trait::async_trait;
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, Cost, FactorStore, Guess, Inserted,
    LimitStore, Looked, Redeemed, Spent, StoreError, TokenStore, check_charges,
    ott_core::{LimitKey, Overspent, Presented, Reason, Record, Subject},
};
use tokio::task::yield_now;

use super::{
    Mistake,
    toy::{Time, Toy},
};

impl Toy {
    /// Which limit refuses one more.
    fn refusal(&self, charges: &[Charge], now: Time) -> Option<Spent> {
        let limits = self.limits();
        charges.iter().find_map(|Charge { key, limit }| {
            let mut state = limits.get(key).copied().unwrap_or_default();
            match limit.spend(&mut state, now) {
                Ok(()) => None,
                Err(Overspent::Ahead) => Some(Spent::Ahead(*key)),
                Err(Overspent::Locked) => Some(Spent::Locked(*key)),
                Err(Overspent::RetryAt(at)) => Some(Spent::RetryAt(*key, at)),
            }
        })
    }

    /// Charges one of each, less what is given back.
    fn settle(&self, charges: &[Charge], now: Time, given_back: u32) {
        let mut limits = self.limits();
        for Charge { key, limit } in charges {
            let state = limits.entry(*key).or_default();
            if limit.spend(state, now).is_ok() {
                limit.refund(state, given_back);
            }
        }
    }
}

#[async_trait]
impl ChargedStore for Toy {
    async fn redeem_charged(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: Time,
    ) -> Result<Charged<Redeemed>, StoreError> {
        if !self.makes(Mistake::RedeemsInAnOutage) {
            self.up().await?;
        }
        if !self.makes(Mistake::ChargesOneKeyTwice) {
            check_charges(cost.charges)?;
        }
        if self.makes(Mistake::ChargesApart) {
            if let Some(refused) = self.refusal(cost.charges, now) {
                return Ok(Charged::Refused(refused));
            }
            self.spend(cost.charges, now).await?;
            yield_now().await;
            let told = self.redeem(presented, now).await?;
            self.refund(cost.charges, cost.given_back(&told)).await?;
            return Ok(Charged::Answered(told));
        }
        if self.makes(Mistake::EarnsApart) || self.makes(Mistake::EarnsInTwoSteps) {
            let told = self.redeem_at_once(presented, cost, &[], now, false)?;
            if matches!(told, Charged::Answered(Redeemed::Redeemed(_))) {
                yield_now().await;
                self.insert(earned).await?;
            }
            return Ok(told);
        }
        let looks_first = self.makes(Mistake::LooksThenCharges);
        if looks_first {
            if let Some(refused) = self.refusal(cost.charges, now) {
                return Ok(Charged::Refused(refused));
            }
            yield_now().await;
        }
        self.redeem_at_once(presented, cost, earned, now, looks_first)
    }

    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: Time,
    ) -> Result<Charged<Inserted>, StoreError> {
        self.up().await?;
        check_charges(charges)?;
        if let Some(refused) = self.refusal(charges, now) {
            return Ok(Charged::Refused(refused));
        }
        let inserted = self.insert(batch).await?;
        let free = inserted == Inserted::Collision || self.makes(Mistake::InsertsForNothing);
        self.settle(charges, now, u32::from(free));
        Ok(Charged::Answered(inserted))
    }
}

impl Toy {
    /// In one step: whoever holds the rows is alone with the limits too.
    fn redeem_at_once(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: Time,
        looks_first: bool,
    ) -> Result<Charged<Redeemed>, StoreError> {
        let mut rows = self.rows.lock().unwrap();
        let before = rows.clone();
        let row = rows.iter_mut().find(|row| row.id == *presented.id());
        let refused = self.refusal(cost.charges, now).filter(|_| !looks_first);
        if let Some(refused) = refused
            && !self.makes(Mistake::ComparesTheRefused)
        {
            return Ok(Charged::Refused(refused));
        }
        let told = row.map(|row| self.redeem_row(row, presented, now));
        let told = told.unwrap_or(Redeemed::Refused(Reason::Unknown));
        if let Some(refused) = refused {
            return Ok(Charged::Refused(refused));
        }
        let earns = matches!(told, Redeemed::Redeemed(_)) || self.makes(Mistake::EarnsOnRefusal);
        if earns && !self.makes(Mistake::ForgetsWhatIsEarned) {
            let mut known: HashSet<_> = rows.iter().map(|row| row.id).collect();
            if !earned.iter().all(|record| known.insert(*record.id())) {
                if !self.makes(Mistake::RedeemsAndEarnsNothing) {
                    *rows = before;
                }
                if self.makes(Mistake::ChargesWhatEarnsTwice) {
                    self.settle(cost.charges, now, 0);
                }
                return Err(StoreError::ID_TWICE);
            }
            if !self.makes(Mistake::EarnsBesideTheOld) {
                self.supersede(&mut rows, earned);
            }
            rows.extend(earned.iter().map(|record| record.stored().clone()));
            if self.makes(Mistake::EarnsAsNew) {
                let earned = rows.iter_mut().rev().take(earned.len());
                earned.for_each(|row| row.used_at = None);
            }
        }
        let given_back = match &told {
            Redeemed::Redeemed(_) if self.makes(Mistake::ChargesSuccesses) => 0,
            Redeemed::Refused(Reason::Unknown) if self.makes(Mistake::ChargesMadeUpHandles) => 0,
            told => cost.given_back(told),
        };
        self.settle(cost.charges, now, given_back);
        Ok(Charged::Answered(told))
    }
}

#[async_trait]
impl ChargedFactors for Toy {
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError> {
        let factors = self.factors(subject).await?;
        let limits = self.limits();
        let failures = factors.iter().map(|factor| factor.id.failures_key());
        let failures = failures.filter(|_| !self.makes(Mistake::LooksAtNoFailures));
        let keys = keys.iter().copied().chain(failures);
        let limits = keys.filter_map(|key| Some((key, *limits.get(&key)?)));
        let limits = limits.collect();
        Ok(Looked { factors, limits })
    }

    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: Time,
    ) -> Result<Charged<Option<Advanced>>, StoreError> {
        if !self.makes(Mistake::JudgesInAnOutage) {
            self.up().await?;
        }
        if self.makes(Mistake::JudgesOneKeyTwice) {
            return self.judge(guess, now);
        }
        guess.check()?;
        if self.makes(Mistake::AdvancesApart) {
            if let Some(refused) = self.refusal(guess.charges, now) {
                return Ok(Charged::Refused(refused));
            }
            self.spend(guess.charges, now).await?;
            yield_now().await;
            let Some((id, counter)) = guess.right else {
                return Ok(Charged::Answered(None));
            };
            let advanced = self.advance(&id, counter, now).await?;
            if advanced == Advanced::Accepted {
                self.refund(guess.charges, 1).await?;
            }
            return Ok(Charged::Answered(Some(advanced)));
        }
        if self.makes(Mistake::LooksThenJudges) {
            if let Some(refused) = self.refusal(guess.charges, now) {
                return Ok(Charged::Refused(refused));
            }
            yield_now().await;
        }
        self.judge(guess, now)
    }
}

impl Toy {
    /// In one step: whoever holds the factors is alone with the limits too.
    fn judge(&self, guess: Guess<'_>, now: Time) -> Result<Charged<Option<Advanced>>, StoreError> {
        let mut factors = self.factors.lock().unwrap();
        let refused = self.refusal(guess.charges, now);
        let refused = refused.filter(|_| !self.makes(Mistake::LooksThenJudges));
        if let Some(refused) = refused
            && !self.makes(Mistake::BurnsTheRefused)
        {
            return Ok(Charged::Refused(refused));
        }
        let advanced = guess.right.map(|(id, counter)| {
            let own = factors.iter_mut().find(|factor| factor.id == id);
            own.map_or(Advanced::Absent, |own| own.advance(counter, now))
        });
        if let Some(refused) = refused {
            return Ok(Charged::Refused(refused));
        }
        let free = match advanced {
            Some(Advanced::Accepted) => !self.makes(Mistake::ChargesAccepted),
            Some(_) => self.makes(Mistake::ReplaysForNothing),
            None => self.makes(Mistake::GuessesForNothing),
        };
        self.settle(guess.charges, now, u32::from(free));
        if advanced == Some(Advanced::Accepted) && !self.makes(Mistake::ClearsNothing) {
            let mut limits = self.limits();
            limits.retain(|key, _| !guess.cleared.contains(key));
        }
        Ok(Charged::Answered(advanced))
    }
}
