//! The end of a factor.

use token_store::{FactorId, FactorState, StoredFactor, ott_core::Reason};

use crate::{
    engine::TwoFactor, error::TwoFactorError, events::FACTOR_REMOVED, fresh::Fresh,
    limits::Counted, news::News, proof::Origin, telling::Told,
};

impl TwoFactor {
    /// Removes a factor, unless no other one is active: its row stays, its secret does not. One that
    /// waits for its confirmation goes where none is active, too.
    ///
    /// Of any number of concurrent removals, one active factor is left.
    ///
    /// What else the account has (recovery codes, known devices) stays.
    ///
    /// # Errors
    /// [`TwoFactorError::LastFactor`]; [`TwoFactorError::Rejected`] if the subject has no such
    /// factor. After an outage it may be removed.
    pub async fn remove(&self, fresh: &Fresh<'_>, factor: &FactorId) -> Result<(), TwoFactorError> {
        let (own, others) = self.own(fresh.subject(), factor).await?;
        let active = others
            .into_iter()
            .filter(|other| other.state == FactorState::Active);
        let active: Vec<_> = active.map(|other| other.id).collect();
        let origin = fresh.proof().origin();
        if active.is_empty() && own.state == FactorState::Pending {
            return self.end(&own, None, origin).await;
        }
        // Beside one that is still active in that step: another removal may be after it.
        for other in &active {
            match self.end(&own, Some(other), origin).await {
                Err(TwoFactorError::LastFactor) => {}
                ended => return ended,
            }
        }
        Err(TwoFactorError::LastFactor)
    }

    /// Removes a factor, also the last one: for an account that does not require a second factor,
    /// which is the application's to know.
    ///
    /// # Errors
    /// As [`TwoFactor::remove`], without [`TwoFactorError::LastFactor`].
    pub async fn remove_last_too(
        &self,
        fresh: &Fresh<'_>,
        factor: &FactorId,
    ) -> Result<(), TwoFactorError> {
        let (own, _) = self.own(fresh.subject(), factor).await?;
        self.end(&own, None, fresh.proof().origin()).await
    }

    async fn end(
        &self,
        own: &StoredFactor,
        beside: Option<&FactorId>,
        origin: Origin<'_>,
    ) -> Result<(), TwoFactorError> {
        // While there is a secret to read it from; who never confirmed it was never told anything.
        let old = match (self.telling(), own.state) {
            (Some(telling), FactorState::Active | FactorState::Disabled) => {
                telling.destination(own.clone())
            }
            _ => None,
        };
        if !self.take_off(own, beside).await? {
            return Err(self.not_removed(own, beside).await?);
        }
        if own.state != FactorState::Pending {
            let told = Told::new(&own.subject, News::FactorRemoved).of(own.id);
            self.tell(&told.by(origin).old(old.as_slice())).await;
        }
        Ok(())
    }

    /// Removes the row's secret and forgets its failures, and says whether it was this call.
    pub(crate) async fn take_off(
        &self,
        own: &StoredFactor,
        beside: Option<&FactorId>,
    ) -> Result<bool, TwoFactorError> {
        let rows = &self.rows;
        let removed = rows.store.remove(&own.id, beside, rows.now()).await;
        if !removed.map_err(|error| rows.outage("remove", error))? {
            return Ok(false);
        }
        // The factor is gone whether or not its count is.
        let ceiling = Counted::Factor(own.id).key(&own.subject);
        let cleared = rows.tokens.limit_store().clear(&ceiling).await;
        cleared.unwrap_or_else(|_| rows.store_failed("clear"));
        rows.tell(FACTOR_REMOVED, own);
        Ok(true)
    }

    /// Why a removal took nothing away: somebody else was first, or what was to stay is not active.
    async fn not_removed(
        &self,
        own: &StoredFactor,
        beside: Option<&FactorId>,
    ) -> Result<TwoFactorError, TwoFactorError> {
        let stored = self.rows.of(&own.subject).await?;
        let there =
            |stored: &StoredFactor| stored.id == own.id && stored.state != FactorState::Removed;
        Ok(if beside.is_some() && stored.iter().any(there) {
            TwoFactorError::LastFactor
        } else {
            Reason::Unknown.into()
        })
    }
}
