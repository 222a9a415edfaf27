//! A newer token takes the place of an older one.

use token_store::{
    Inserted, Revoke, StoreError, TokensError, events,
    ott_core::{
        self, IssueOptions, OwnedBinding, Policy, Reason, Record, Stored, rand::rngs::SysRng,
    },
};

use crate::{Bearers, Issued, Proved, Scope, bearers::refused, details::Details};

impl<S: Scope> Bearers<S> {
    /// A newer token with the same name, scopes and proof takes the place of this one, which lives on for the overlap of
    /// the kind: [`Kind::rotating`](crate::Kind::rotating). The newer one lives as long as the older one was given; the older
    /// one ends with it, also where the newer one is rotated itself.
    ///
    /// However many rotate one token at once, one gets a newer one. An older one does not rotate again. Where the token is
    /// revoked meanwhile, there is no newer one, and no overlap.
    ///
    /// # Errors
    /// As [`Bearers::authenticate`]; then the old token is as it was. After an outage it has ended, or is as it was.
    /// [`TokensError::Misuse`] where the kind does not rotate.
    pub async fn rotate(&self, tenant: &str, text: &str) -> Result<Issued<S>, TokensError> {
        let old = self.kind.rotated.as_ref();
        let (old, _) = old.ok_or(TokensError::Misuse("the kind does not rotate"))?;
        self.replace(tenant, text, Some(old), None).await
    }

    /// Its owner proved who they are once more: a newer token with that proof takes the place of this one, which ends at
    /// once, so that whoever copied it before has nothing of the proof.
    ///
    /// # Errors
    /// As [`Bearers::rotate`].
    pub async fn step_up(
        &self,
        tenant: &str,
        text: &str,
        proved: Proved,
    ) -> Result<Issued<S>, TokensError> {
        self.replace(tenant, text, None, Some(proved)).await
    }

    /// Each step is one of the store's, and ADR 0080 has what somebody else may do between two of them.
    async fn replace(
        &self,
        tenant: &str,
        text: &str,
        old: Option<&Policy>,
        proved: Option<Proved>,
    ) -> Result<Issued<S>, TokensError> {
        let policy = self.kind.policy();
        // The binding that it proved with, and no later one: what ends this token ends the newer one.
        let (record, binding) = self.prove_as(policy, tenant, text).await?;
        let stored = record.stored();
        let id = *record.id();
        let _forgetting = self.forgetting(move |facts| facts.ends_with(&id));
        let owner = stored.owner().ok_or(refused(Reason::Binding))?;
        let mut details = Details::<S>::decode(&stored.data)?;
        if proved.is_some() {
            details.proved = proved;
        }
        let newer = self.newer(&binding, stored, &details)?;
        details.other = Some(*newer.record.id());
        let older = old.map(|old| self.older(old, &binding, text, stored, &details));
        let older = older.transpose()?;
        let store = self.tokens.store();
        let alone = core::slice::from_ref(&newer.record);
        if store.insert(alone).await? == Inserted::Collision {
            return Err(StoreError::ID_TWICE.into());
        }
        // Whoever ends the older one has replaced it.
        let ended = self.tokens.revoke(&Revoke::Record(id)).await;
        if !matches!(ended, Ok(1..)) {
            let none = self
                .tokens
                .revoke(&Revoke::Record(*newer.record.id()))
                .await;
            // An outage of this one leaves a token whose text nobody has.
            return Err(ended.and(none).err().unwrap_or(refused(Reason::Revoked)));
        }
        if let Some(older) = older {
            // The newer one is all that there is now: an outage costs the overlap, and not the token.
            let _without = store.insert(&older).await;
        }
        // What an outage leaves of these goes with the next token that ends.
        let _left = self.forget_networks(&owner).await;
        let event = self.tokens.event(events::TOKEN_ISSUED).of(&owner);
        self.tokens
            .emit(event.purpose(policy.purpose()).record(*newer.record.id()));
        Ok(Issued {
            facts: self.facts(&newer.record, false)?,
            token: newer.token,
        })
    }

    /// A token with these details, which lives as long as this one was given.
    fn newer(
        &self,
        binding: &OwnedBinding,
        stored: &Stored,
        details: &Details<S>,
    ) -> Result<ott_core::Issued, TokensError> {
        let (policy, now) = (self.kind.policy(), self.now());
        let data = encoded(details)?;
        let given = stored
            .expires_at
            .map(|end| end.signed_duration_since(stored.issued_at));
        let latest = policy
            .token_lifetime()
            .and_then(|lifetime| now.checked_add_signed(lifetime));
        let end = given.and_then(|given| now.checked_add_signed(given));
        let options = IssueOptions {
            data: &data,
            expires_at: end.filter(|end| latest.is_none_or(|latest| *end <= latest)),
            ..IssueOptions::default()
        };
        let issuer = self.tokens.issuer();
        let issued = binding
            .with(|binding| issuer.issue_from_rng(policy, binding, options, now, &mut SysRng));
        issued?
            .pop()
            .ok_or(TokensError::Misuse("a batch of one has one"))
    }

    /// The older text under its other purpose, for the overlap or for what is left of its life.
    fn older(
        &self,
        old: &Policy,
        binding: &OwnedBinding,
        text: &str,
        stored: &Stored,
        details: &Details<S>,
    ) -> Result<Vec<Record>, TokensError> {
        let now = self.now();
        let data = encoded(details)?;
        let overlap = old.token_lifetime();
        let end = overlap.and_then(|overlap| now.checked_add_signed(overlap));
        let options = IssueOptions {
            data: &data,
            expires_at: stored
                .expires_at
                .filter(|own| end.is_none_or(|end| *own < end)),
            ..IssueOptions::default()
        };
        let issuer = self.tokens.issuer();
        let given = binding.with(|binding| {
            issuer.issue_given_from_rng(old, binding, &[text], options, now, &mut SysRng)
        });
        Ok(given?.into_iter().map(|issued| issued.record).collect())
    }
}

fn encoded<S: Scope>(details: &Details<S>) -> Result<Vec<u8>, TokensError> {
    details
        .encode()
        .ok_or(TokensError::Misuse("more data than a record carries"))
}
