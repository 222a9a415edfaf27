//! Seals that change: under a newer key, or around a newer secret.

use token_store::ott_core::{Reason, Subject};
use zeroize::Zeroizing;

use super::TwoFactor;
use crate::{
    attempt::Attempt,
    envelope::Envelope,
    error::TwoFactorError,
    open_factor::OpenFactor,
    provider_error::{ProviderError, VerifyError},
};

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
        let mut renewed = 0_usize;
        for stored in self.rows.of(subject).await? {
            // A removed factor has no seal, so it needs none.
            if !self.rows.needs_renewal(&stored.sealed) {
                continue;
            }
            let provider = stored.provider.clone();
            let open = self.rows.open(stored)?;
            // One step that compares the old seal: of two that renew it, the first one's stands, and what
            // was removed stays without a secret.
            let secret = open.secret.clone();
            let done = self.reseal(subject, &provider, &open, secret).await?;
            renewed = renewed.saturating_add(usize::from(done));
        }
        Ok(renewed)
    }

    /// The proof stands whether or not this succeeds: the old seal still opens.
    pub(super) async fn renew_after_use(&self, attempt: &Attempt<'_>, factor: &OpenFactor) {
        if self.rows.needs_renewal(&factor.sealed) {
            // Where another one was kept just now, that is under the new key already.
            let secret = factor.secret.clone();
            let _ = self
                .reseal(attempt.subject, attempt.provider, factor, secret)
                .await;
        }
    }

    /// Keeps another secret in the place of the one that the provider looked at.
    pub(super) async fn keep(
        &self,
        attempt: &Attempt<'_>,
        factor: &OpenFactor,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<(), VerifyError> {
        let kept = self
            .reseal(attempt.subject, attempt.provider, factor, secret)
            .await;
        match kept {
            Ok(true) => Ok(()),
            // Somebody else's answer was kept in the meantime.
            Ok(false) => Err(Reason::Spent.into()),
            Err(error) => Err(ProviderError::Unavailable(error.into()).into()),
        }
    }

    async fn reseal(
        &self,
        subject: &Subject,
        provider: &str,
        factor: &OpenFactor,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<bool, TwoFactorError> {
        let envelope = Envelope {
            under: factor.under,
            destination: factor.destination.clone(),
            secret,
        };
        let old = factor.sealed.clone();
        self.rows
            .replace(subject, provider, &factor.id, old, &envelope)
            .await
    }
}
