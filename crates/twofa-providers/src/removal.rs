//! The end of a factor.

use token_store::{FactorId, FactorState, StoredFactor, What, ott_core::Reason};

use crate::{
    News, TwoFactor, TwoFactorError, Verified,
    engine::{Origin, Told},
    limits::Counted,
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
    pub async fn remove(&self, proof: &Verified, factor: &FactorId) -> Result<(), TwoFactorError> {
        let (own, others) = self.own(proof, factor).await?;
        let active = others
            .into_iter()
            .filter(|other| other.state == FactorState::Active);
        let active: Vec<_> = active.map(|other| other.id).collect();
        if active.is_empty() && own.state == FactorState::Pending {
            return self.end(&own, None, proof.origin()).await;
        }
        // Beside one that is still active in that step: another removal may be after it.
        for other in &active {
            match self.end(&own, Some(other), proof.origin()).await {
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
    pub async fn remove_even_last(
        &self,
        proof: &Verified,
        factor: &FactorId,
    ) -> Result<(), TwoFactorError> {
        let (own, _) = self.own(proof, factor).await?;
        self.end(&own, None, proof.origin()).await
    }

    async fn end(
        &self,
        own: &StoredFactor,
        beside: Option<&FactorId>,
        origin: Origin<'_>,
    ) -> Result<(), TwoFactorError> {
        // While there is a secret to read it from; who never confirmed it was never told anything.
        let old = match own.state {
            FactorState::Active | FactorState::Disabled => self.destination(own.clone()),
            _ => None,
        };
        let removed = self.factors.remove(&own.id, beside, self.now()).await;
        if !removed.map_err(|error| self.outage("remove", error))? {
            return Err(self.not_removed(own, beside).await?);
        }
        // The factor is gone whether or not its count is.
        let ceiling = Counted::Factor(own.id).key(&own.subject);
        let cleared = self.tokens.limits().clear(&ceiling).await;
        cleared.unwrap_or_else(|_| self.tokens.emit(None, What::StoreFailed("clear")));
        self.tokens
            .emit(Some(&own.subject), What::FactorRemoved(own.id));
        if own.state != FactorState::Pending {
            let told = Told {
                subject: &own.subject,
                news: News::FactorRemoved,
                factor: Some(own.id),
                origin,
                old: old.as_ref(),
                new: None,
            };
            self.tell(&told).await;
        }
        Ok(())
    }

    /// Why a removal took nothing away: somebody else was first, or what was to stay is not active.
    async fn not_removed(
        &self,
        own: &StoredFactor,
        beside: Option<&FactorId>,
    ) -> Result<TwoFactorError, TwoFactorError> {
        let stored = self.stored(&own.subject).await?;
        let there =
            |stored: &StoredFactor| stored.id == own.id && stored.state != FactorState::Removed;
        Ok(if beside.is_some() && stored.iter().any(there) {
            TwoFactorError::LastFactor
        } else {
            Reason::Unknown.into()
        })
    }
}
