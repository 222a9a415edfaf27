//! The end of a factor.

use token_store::{FactorId, FactorState, RemoveIf, StoredFactor, ott_core::Reason};

use crate::{
    engine::TwoFactor, error::TwoFactorError, events::FACTOR_REMOVED, fresh::Fresh,
    limits::Counted, news::News, proof::Origin, sign_in::SignInId, telling::Told,
};

impl TwoFactor {
    /// Removes a factor, unless no other one is active. It proves nothing from then on. For [`UNDO_WITHIN`](crate::UNDO_WITHIN) its
    /// row keeps the secret, sealed, so that "this was not me" can bring it back;
    /// [`Upkeep::purge_factors`](crate::Upkeep::purge_factors) deletes it afterwards. One that waits for its confirmation goes at once,
    /// where none is active, too.
    ///
    /// Of any number of concurrent removals, one active factor is left.
    ///
    /// With a confirmed factor goes what waits for its confirmation. What else the account has (recovery codes,
    /// known devices) stays.
    ///
    /// # Errors
    /// [`TwoFactorError::LastFactor`]; [`TwoFactorError::Rejected`] if the subject has no such
    /// factor. After an outage it may be removed.
    pub async fn remove(&self, fresh: &Fresh<'_>, factor: &FactorId) -> Result<(), TwoFactorError> {
        let subject = fresh.subject();
        let (mut own, mut others) = self.own(subject, factor).await?;
        let origin = fresh.proof().origin();
        if own.state == FactorState::Pending {
            match self.end(&own, RemoveIf::Pending, origin).await {
                Err(TwoFactorError::Rejected(_)) => {}
                ended => return ended,
            }
            // It may have been confirmed in the meantime.
            (own, others) = self.own(subject, factor).await?;
        }
        // Beside one that is still active in that step: another removal may be after it.
        for other in others {
            if other.state != FactorState::Active {
                continue;
            }
            match self.end(&own, RemoveIf::Beside(other.id), origin).await {
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
        self.end(&own, RemoveIf::Always, fresh.proof().origin())
            .await
    }

    async fn end(
        &self,
        own: &StoredFactor,
        only: RemoveIf,
        origin: Origin<'_>,
    ) -> Result<(), TwoFactorError> {
        // Who never confirmed it was never told anything.
        let old = match (self.telling(), own.state) {
            (Some(telling), FactorState::Active | FactorState::Disabled) => {
                telling.address(own.clone())
            }
            _ => None,
        };
        if !self.take_off(own, only, origin.sign_in).await? {
            return Err(self.not_removed(own, only).await?);
        }
        if own.state == FactorState::Pending {
            return Ok(());
        }
        let dropped = self.rows.remove_waiting(&own.subject).await;
        let told = Told::new(&own.subject, News::FactorRemoved).of(own.id);
        self.tell(&told.by(origin).old(old.as_slice())).await;
        dropped
    }

    /// Removes the row and forgets its failures, and says whether it was this call.
    pub(crate) async fn take_off(
        &self,
        own: &StoredFactor,
        only: RemoveIf,
        by: Option<&SignInId>,
    ) -> Result<bool, TwoFactorError> {
        let rows = &self.rows;
        let by = by.map_or(&[][..], SignInId::as_bytes);
        let removed = rows.store.remove(&own.id, only, by, rows.now()).await;
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
        only: RemoveIf,
    ) -> Result<TwoFactorError, TwoFactorError> {
        let stored = self.rows.of(&own.subject).await?;
        let there =
            |stored: &StoredFactor| stored.id == own.id && stored.state != FactorState::Removed;
        let beside = matches!(only, RemoveIf::Beside(_));
        Ok(if beside && stored.iter().any(there) {
            TwoFactorError::LastFactor
        } else {
            Reason::Unknown.into()
        })
    }
}
