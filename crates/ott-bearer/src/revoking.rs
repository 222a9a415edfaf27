//! One token ends, or all of an owner, or what a text names.

use token_store::{
    Inserted, Revoke, StoreError, TokensError,
    ott_core::{Binding, IssueOptions, Policy, RecordId, Subject, rand::rngs::SysRng},
};

use crate::{Bearer, Bearers, Facts, Scope};

/// How often what comes up meanwhile is revoked too.
const ROUNDS: u32 = 8;

impl<S: Scope> Bearers<S> {
    /// Revokes one token, if it is this owner's, with the one that it took the place of. Says whether it was live.
    ///
    /// # Errors
    /// An outage; it may be revoked.
    pub async fn revoke(&self, owner: &Subject, id: &RecordId) -> Result<bool, TokensError> {
        let _forgetting = self.forgetting(|facts| facts.ends_with(id));
        let revoked = self.tokens.revoke(&Revoke::own(owner, *id)).await?;
        self.forget_networks(owner).await?;
        Ok(revoked > 0)
    }

    /// Revokes every token of this kind and owner but one, as "sign out everywhere else" does. Says how many; an older one
    /// counts with its newer one. An older one that keeps itself ends with its newer one all the same.
    ///
    /// # Errors
    /// An outage; some may be revoked.
    pub async fn revoke_others(&self, bearer: &Bearer<S>) -> Result<u64, TokensError> {
        self.revoke_of(bearer.subject(), Some(*bearer.id())).await
    }

    /// Revokes every token of this kind and owner. Says how many; an older one counts with its newer one.
    ///
    /// # Errors
    /// An outage; some may be revoked.
    pub async fn revoke_all(&self, owner: &Subject) -> Result<u64, TokensError> {
        self.revoke_of(owner, None).await
    }

    async fn revoke_of(
        &self,
        owner: &Subject,
        except: Option<RecordId>,
    ) -> Result<u64, TokensError> {
        let kept = |facts: &Facts<S>| Some(*facts.id()) == except && !facts.is_rotated();
        let _forgetting = self.forgetting(|facts| facts.subject() == owner && !kept(facts));
        let mut revoked = 0_u64;
        for _ in 0..ROUNDS {
            let of = |policy: &Policy| Revoke::Subject {
                subject: owner.clone(),
                purpose: Some(*policy.purpose()),
                except,
            };
            let ended = self.tokens.revoke(&of(self.kind.policy())).await?;
            revoked = revoked.saturating_add(ended);
            if let Some((old, _)) = &self.kind.rotated {
                self.tokens.revoke(&of(old)).await?;
            }
            // A store may leave what was inserted meanwhile: the newer token of one that was rotated under it.
            let left = self.live(owner).await?;
            if left.iter().all(|facts| Some(*facts.id()) == except) {
                self.forget_networks(owner).await?;
                return Ok(revoked);
            }
        }
        let why = "new tokens came up as fast as they were revoked";
        Err(TokensError::Unavailable(StoreError::unavailable(why)))
    }

    /// Revokes the token with this text, as RFC 7009 has it: an unknown one is no error. Says whether this very call
    /// ended it; also of one that has expired and was never revoked.
    ///
    /// # Errors
    /// An outage; it may be revoked.
    pub async fn revoke_text(&self, tenant: &str, text: &str) -> Result<bool, TokensError> {
        let issuer = self.tokens.issuer();
        let end = async |policy: &Policy| -> Result<Option<(RecordId, u64)>, TokensError> {
            let presented = issuer.present_by_itself(policy, tenant, text, self.now());
            // What cannot be a token is none.
            let Ok(presented) = presented else {
                return Ok(None);
            };
            let id = *presented.id();
            let _forgetting = self.forgetting(|facts| facts.ends_with(&id));
            let ended = self.tokens.revoke(&Revoke::Record(id)).await?;
            Ok(Some((id, ended)))
        };
        let Some((id, mut revoked)) = end(self.kind.policy()).await? else {
            return Ok(false);
        };
        let found = self.tokens.find(self.kind.policy(), &id).await;
        let owner = match found {
            Ok(found) => found.and_then(|found| found.stored().owner()),
            Err(TokensError::Rejected(_)) => None,
            Err(error) => return Err(error),
        };
        if let Some((old, _)) = &self.kind.rotated {
            let older = end(old).await?.map_or(0, |(_, ended)| ended);
            revoked = revoked.saturating_add(older);
            if let (0, Some(owner)) = (revoked, &owner) {
                let barred = self.bar_rotated(old, owner, text).await?;
                let older = end(old).await?.map_or(0, |(_, ended)| ended);
                revoked = if barred { 0 } else { older };
            }
        }
        if let Some(owner) = &owner {
            self.forget_networks(owner).await?;
        }
        Ok(revoked > 0)
    }

    /// Bars the overlap of a token that was revoked by its text: a rotation that has ended it, and not inserted it again yet,
    /// finds its place taken. Says whether nothing was there before.
    async fn bar_rotated(
        &self,
        old: &Policy,
        owner: &Subject,
        text: &str,
    ) -> Result<bool, TokensError> {
        let (issuer, now) = (self.tokens.issuer(), self.now());
        let (binding, options) = (Binding::subject(owner), IssueOptions::default());
        // It names no newer token, so that it lives beside none.
        let given =
            issuer.issue_given_from_rng(old, &binding, &[text], options, now, &mut SysRng)?;
        let records: Vec<_> = given.into_iter().map(|issued| issued.record).collect();
        Ok(self.tokens.store().insert(&records).await? == Inserted::Done)
    }
}
