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

    pub(crate) async fn reseal(
        &self,
        subject: &Subject,
        provider: &str,
        factor: &OpenFactor,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<bool, TwoFactorError> {
        let envelope = Envelope {
            enrolled: factor.enrolled.clone(),
            destination: factor.destination.clone(),
            secret,
        };
        let old = factor.sealed.clone();
        self.rows
            .replace(subject, provider, &factor.id, old, &envelope)
            .await
    }
}
