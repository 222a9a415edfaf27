//! Which factors an attempt may mean.

use std::sync::Arc;

use token_store::{FactorState, StoredFactor, ott_core::Reason};

use super::{TwoFactor, is_of};
use crate::{
    attempt::Attempt,
    context::Occasion,
    descriptor::Proves,
    envelope::EnrolledUnder,
    error::TwoFactorError,
    open_factor::OpenFactor,
    provider::Provider,
    rows::{is_guarded, is_stale},
};

/// What an attempt may mean.
pub(super) struct Candidates<'e> {
    pub(super) provider: &'e Arc<dyn Provider>,
    /// Opened; `None` stands for the subject as a whole.
    pub(super) factors: Vec<Option<OpenFactor>>,
    /// Why one more did not open: nobody is told that a code is wrong which may be that one's.
    pub(super) broken: Option<TwoFactorError>,
}

impl TwoFactor {
    /// The provider, and the factors that the attempt may mean on this occasion.
    pub(super) async fn candidates(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
    ) -> Result<Candidates<'_>, TwoFactorError> {
        let provider = self.provider(attempt.provider)?;
        let descriptor = provider.descriptor();
        if !attempt.is_another(descriptor.channel) {
            return Err(Reason::Binding.into());
        }
        if descriptor.proves == Proves::Subject {
            let whole = occasion == Occasion::Verify && attempt.factor.is_none();
            let factors = whole.then_some(None).into_iter().collect();
            return Ok(Candidates {
                provider,
                factors,
                broken: None,
            });
        }
        let wanted = match occasion {
            Occasion::Confirm => FactorState::Pending,
            Occasion::Verify => FactorState::Active,
        };
        let stored = self.rows.of(attempt.subject).await?;
        let guarded = is_guarded(&stored);
        let now = self.rows.now();
        let meant = |factor: &StoredFactor| {
            is_of(factor, descriptor)
                && factor.state == wanted
                && !is_stale(factor, now)
                && attempt.factor.is_none_or(|wanted| wanted == factor.id)
        };
        let active: Vec<_> = stored
            .iter()
            .filter(|factor| factor.state == FactorState::Active)
            .map(|factor| factor.id)
            .collect();
        let stands = |under| match under {
            EnrolledUnder::Nothing => false,
            EnrolledUnder::Subject => true,
            EnrolledUnder::Factor(id) => active.contains(&id),
        };
        let (mut factors, mut broken) = (Vec::new(), None);
        for factor in stored.into_iter().filter(meant) {
            match self.rows.open(factor) {
                // Enrolled before there was a factor to prove, or under one that is taken off since.
                Ok(open) if occasion == Occasion::Confirm && guarded && !stands(open.under) => {
                    return Err(TwoFactorError::ProofNeeded);
                }
                Ok(open) => factors.push(Some(open)),
                Err(error) => broken = Some(error),
            }
        }
        Ok(Candidates {
            provider,
            factors,
            broken,
        })
    }
}
