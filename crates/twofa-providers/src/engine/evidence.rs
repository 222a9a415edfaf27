//! Evidence of a fresh proof.

use token_store::{
    FactorState, StoredFactor,
    ott_core::{
        Subject,
        chrono::{DateTime, Utc},
    },
};

use super::TwoFactor;
use crate::{error::TwoFactorError, fresh::Fresh, proof::Proof, sign_in::SignInId};

impl TwoFactor {
    /// Whether a proof of this subject will do for something that changes how the account is guarded: it is
    /// of the last [`FRESH`](crate::FRESH) minutes, its factor still proves, it was given under the account's
    /// present credential epoch, and for no other operation. One by a recovery code ends when another sign-in
    /// makes new codes, and when no factor is left for which it stood in: an operator's reset takes all off. A proof as far ahead of this clock is another server's, and one beyond is not taken.
    ///
    /// Name the subject whose account is changed, as your own session knows it, and the epoch as the
    /// account's row has it now; `None` where the application has no epochs. So a proof that was made before
    /// the password changed ends with that change.
    ///
    /// # Errors
    /// [`TwoFactorError::ProofNeeded`], or [`TwoFactorError::Unavailable`].
    pub async fn fresh<'a>(
        &'a self,
        subject: &Subject,
        epoch: Option<u64>,
        proof: &'a Proof,
    ) -> Result<Fresh<'a>, TwoFactorError> {
        let stored = self.rows.of(subject).await?;
        // Who took a stolen phone off the account is not outlived by what it proved before.
        let active = |stored: &StoredFactor| {
            proof.factor() == Some(stored.id) && stored.state == FactorState::Active
        };
        let stands = match proof.factor() {
            Some(_) => stored.iter().any(active),
            None => {
                // What it stood in for was there when it proved; one that was enrolled since is somebody else's.
                let guarded = |stored: &StoredFactor| {
                    let confirmed = [FactorState::Active, FactorState::Disabled];
                    confirmed.contains(&stored.state) && stored.created_at <= proof.at()
                };
                stored.iter().any(guarded)
                    && self
                        .code_stands(subject, proof.at(), proof.sign_in())
                        .await?
            }
        };
        let present = proof.epoch() == epoch && proof.covers(subject, self.rows.now());
        if !stands || !present || !proof.operation().is_empty() {
            return Err(TwoFactorError::ProofNeeded);
        }
        Ok(Fresh {
            proof,
            guarded: self.guarded(),
            limits: &self.limits,
            telling: self.telling(),
        })
    }

    /// Whether a recovery code still vouches for what was done with it at this time in this sign-in: nobody else
    /// has made new ones since.
    pub(super) async fn code_stands(
        &self,
        subject: &Subject,
        at: DateTime<Utc>,
        sign_in: Option<&SignInId>,
    ) -> Result<bool, TwoFactorError> {
        match &self.sheets {
            Some(sheets) => Ok(!sheets.were_renewed(subject, at, sign_in).await?),
            None => Ok(true),
        }
    }
}
