//! The end of a factor.

use token_store::{FactorChange, FactorId, FactorState, StoredFactor, What, ott_core::Reason};

use crate::{
    News, TwoFactor, TwoFactorError, Verified,
    engine::{Origin, Told},
    factors::changed,
    limits::Counted,
};

impl TwoFactor {
    /// Removes a factor, unless no other one is active: its row stays, its secret does not. One that
    /// waits for its confirmation goes in any case.
    ///
    /// Of any number of concurrent removals, one active factor is left. Where two would have taken
    /// the last two, each may find that it came too late; its factor then stays, under a new id, even
    /// if a third removal that met it half-way was told that it is gone. List the factors afterwards.
    ///
    /// What else the account has (recovery codes, known devices) stays.
    ///
    /// # Errors
    /// [`TwoFactorError::LastFactor`]; [`TwoFactorError::Rejected`] if the subject has no such
    /// factor. After an outage the factor may be disabled, and can be removed again.
    pub async fn remove(&self, proof: &Verified, factor: &FactorId) -> Result<(), TwoFactorError> {
        let (own, others) = self.own(proof, factor).await?;
        // A disabled one too: it may be one that another removal took aside, and guards the account
        // until that one has looked again.
        if own.state != FactorState::Pending && !has_active(&others) {
            return Err(TwoFactorError::LastFactor);
        }
        if own.state == FactorState::Active {
            self.step_aside(&own).await?;
        }
        self.end(&own, proof.origin()).await
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
        self.end(&own, proof.origin()).await
    }

    /// Takes an active factor out of those that count, and looks whether one is left that does.
    ///
    /// Disabling is one conditional step, so of two removals of one factor one goes on. Each removal
    /// looks after its own step: of two that take two factors, the later one sees neither active, and
    /// brings its own back. While none is active, the disabled ones guard the account.
    async fn step_aside(&self, own: &StoredFactor) -> Result<(), TwoFactorError> {
        let aside = self.factors.update(&own.id, &FactorChange::Disable).await;
        if !aside.map_err(|error| self.outage("update", error))? {
            return Err(Reason::Revoked.into());
        }
        let stored = self.stored(&own.subject).await?;
        if has_active(&stored) {
            return Ok(());
        }
        // As it stands now: its counter was advanced by no one since it is disabled.
        let own = stored
            .into_iter()
            .find(|stored| stored.id == own.id && stored.state == FactorState::Disabled);
        self.bring_back(own.ok_or(Reason::Unknown)?).await?;
        Err(TwoFactorError::LastFactor)
    }

    /// Nothing revives a disabled factor; so its secret goes on under a new id.
    async fn bring_back(&self, own: StoredFactor) -> Result<(), TwoFactorError> {
        let open = self.open(own.clone())?;
        if open.secret.is_empty() {
            // Disowned meanwhile: it proves nothing any more, and guards the account as it is.
            return Err(Reason::Revoked.into());
        }
        let (id, sealed) = self.seal_new(&own.subject, &own.kind, open.proved, &open.secret)?;
        let again = StoredFactor {
            id,
            sealed,
            state: FactorState::Active,
            ..own.clone()
        };
        self.insert(&again).await?;
        let removed = self.factors.remove(&own.id, self.now()).await;
        removed.map_err(|error| self.outage("remove", error))?;
        Ok(())
    }

    async fn end(&self, own: &StoredFactor, origin: Origin<'_>) -> Result<(), TwoFactorError> {
        // While there is a secret to read it from; who never confirmed it was never told anything.
        let old = match own.state {
            FactorState::Active | FactorState::Disabled => self.destination(own.clone()),
            _ => None,
        };
        let removed = self.factors.remove(&own.id, self.now()).await;
        changed(removed.map_err(|error| self.outage("remove", error))?)?;
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
}

fn has_active(stored: &[StoredFactor]) -> bool {
    stored
        .iter()
        .any(|factor| factor.state == FactorState::Active)
}
