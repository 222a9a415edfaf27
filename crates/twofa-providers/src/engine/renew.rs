//! Seals follow the key ring: what an old key sealed is sealed again.

use token_store::{
    FactorChange, What,
    ott_core::Subject,
    seal::{self, SealedFor},
};

use crate::{OpenFactor, TwoFactor, TwoFactorError};

impl TwoFactor {
    /// Seals the subject's secrets again that another key sealed than the ring's first, and says how
    /// many that were.
    ///
    /// A factor's own proof does the same for that factor. This is for those that nobody uses, before
    /// an old key is dropped from the ring. It takes no proof: nothing changes but the key.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`], [`TwoFactorError::KeyMissing`]. What was sealed again before
    /// stays so, and the rest opens as before.
    pub async fn renew_seals(&self, subject: &Subject) -> Result<usize, TwoFactorError> {
        let keys = self.tokens.issuer().keys();
        let mut renewed = 0_usize;
        for stored in self.stored(subject).await? {
            // A removed factor has no seal, so it needs none.
            if !seal::needs_renewal(keys, &stored.sealed) {
                continue;
            }
            let kind = stored.kind.clone();
            let open = self.open(stored)?;
            let done = self.renew_seal(subject, &kind, &open).await?;
            renewed = renewed.saturating_add(usize::from(done));
        }
        Ok(renewed)
    }

    /// The proof stands whether or not this succeeds: the old seal still opens.
    pub(super) async fn renew_after_use(&self, subject: &Subject, kind: &str, factor: &OpenFactor) {
        match self.renew_seal(subject, kind, factor).await {
            Ok(_) => {}
            Err(_) => self.tokens.emit(Some(subject), What::StoreFailed("update")),
        }
    }

    /// One step that compares the old seal: of two that renew it, the first one's stands, and what was
    /// removed stays without a secret. `Ok(false)` if there was nothing to do, or no more.
    async fn renew_seal(
        &self,
        subject: &Subject,
        kind: &str,
        factor: &OpenFactor,
    ) -> Result<bool, TwoFactorError> {
        let Some(old) = factor.old_seal.clone() else {
            return Ok(false);
        };
        let context = SealedFor {
            subject,
            factor: &factor.id,
            kind,
        };
        let new = self.seal_under_first(&context, factor.proved, &factor.secret)?;
        let change = FactorChange::Seal { old, new };
        Ok(self.factors.update(&factor.id, &change).await?)
    }
}
