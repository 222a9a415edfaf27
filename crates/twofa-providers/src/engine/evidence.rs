//! Evidence of a fresh proof.

use token_store::{FactorState, StoredFactor, ott_core::Subject};

use super::TwoFactor;
use crate::{error::TwoFactorError, fresh::Fresh, proof::Proof};

impl TwoFactor {
    /// Whether a proof of this subject will do for something that changes how the account is guarded: it is
    /// of the last [`FRESH`](crate::FRESH) minutes, its factor still proves, and it was given for no other
    /// operation. A proof as far ahead of this clock is another server's, and one beyond is not taken.
    ///
    /// Name the subject whose account is changed, as your own session knows it.
    ///
    /// # Errors
    /// [`TwoFactorError::ProofNeeded`], or [`TwoFactorError::Unavailable`].
    pub async fn fresh<'a>(
        &'a self,
        subject: &Subject,
        proof: &'a Proof,
    ) -> Result<Fresh<'a>, TwoFactorError> {
        let stored = self.rows.of(subject).await?;
        // Who took a stolen phone off the account is not outlived by what it proved before.
        let active = |stored: &StoredFactor| {
            proof.factor() == Some(stored.id) && stored.state == FactorState::Active
        };
        let stands = proof.factor().is_none() || stored.iter().any(active);
        if !stands || !proof.operation().is_empty() || !proof.covers(subject, self.rows.now()) {
            return Err(TwoFactorError::ProofNeeded);
        }
        Ok(Fresh {
            proof,
            telling: self.telling(),
        })
    }
}
