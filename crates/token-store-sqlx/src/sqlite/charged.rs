//! Verbs with their charges.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, Cost, Guess, Inserted, Looked,
    Redeemed, StoreError, check_charges,
    ott_core::{
        LimitKey, Presented, Record, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    SqliteStore,
    factors::{Burn, listed},
    group::write,
    insert::Insert,
    ledger::Ledger,
    redeem::Redeem,
    verb::Verb,
};
use crate::error::within;

#[async_trait]
impl ChargedStore for SqliteStore {
    async fn redeem_charged(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Charged<Redeemed>, StoreError> {
        check_charges(cost.charges)?;
        let redeem = Redeem {
            presented: presented.clone(),
            charges: cost.charges.to_vec(),
            unknown_is_free: cost.unknown_is_free,
            earned: earned.to_vec(),
            now,
        };
        write(self, redeem).await?
    }

    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Charged<Inserted>, StoreError> {
        check_charges(charges)?;
        let insert = Insert {
            batch: batch.to_vec(),
            charges: charges.to_vec(),
            now,
        };
        write(self, insert).await
    }
}

#[async_trait]
impl ChargedFactors for SqliteStore {
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError> {
        within(self.timeout, async {
            let mut reader = self.reader().await?;
            let factors = listed(&mut reader, subject).await?;
            let failures = factors.iter().map(|factor| factor.id.failures_key());
            let limits = Ledger::look(&mut reader, keys.iter().copied().chain(failures)).await?;
            Ok(Looked { factors, limits })
        })
        .await
    }

    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: DateTime<Utc>,
    ) -> Result<Charged<Option<Advanced>>, StoreError> {
        guess.check()?;
        let burn = guess.right.as_ref();
        let burn = burn.map(|(id, counter)| Burn::advance(id, *counter, now));
        let judge = Judge {
            burn: burn.transpose()?,
            charges: guess.charges.to_vec(),
            cleared: guess.cleared.to_vec(),
            now,
        };
        write(self, judge).await
    }
}

/// A guess at a factor, what it costs, and what it clears where it was right.
struct Judge {
    burn: Option<Burn>,
    charges: Vec<Charge>,
    cleared: Vec<LimitKey>,
    now: DateTime<Utc>,
}

impl Verb for Judge {
    type Answer = Charged<Option<Advanced>>;

    fn is_several(&self) -> bool {
        true
    }

    fn charges(&self) -> &[Charge] {
        &self.charges
    }

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        ledger: &mut Ledger,
    ) -> Result<Self::Answer, StoreError> {
        ledger.read(connection, self.charges.iter()).await?;
        if let Some(refused) = ledger.refusal(&self.charges, self.now)? {
            return Ok(Charged::Refused(refused));
        }
        let advanced = match &self.burn {
            Some(burn) => Some(burn.run(connection, ledger).await?),
            None => None,
        };
        if advanced == Some(Advanced::Accepted) {
            self.cleared.iter().for_each(|key| ledger.clear(key));
        } else {
            ledger.charge(&self.charges, self.now, 0)?;
        }
        Ok(Charged::Answered(advanced))
    }
}

/// The answer of a verb that charged nothing.
pub(super) fn free<T>(charged: Charged<T>) -> Result<T, StoreError> {
    match charged {
        Charged::Answered(answer) => Ok(answer),
        Charged::Refused(_) => Err(StoreError::Misuse("a limit that was not asked refused")),
    }
}
