//! Which factors an attempt may mean.

use std::sync::Arc;

use token_store::{FactorId, FactorState, StoredFactor, ott_core::Reason};

use super::{TwoFactor, is_of, judging::Seen};
use crate::{
    attempt::Attempt,
    context::Occasion,
    descriptor::Proves,
    envelope::EnrolledUnder,
    error::TwoFactorError,
    open_factor::OpenFactor,
    provider::Provider,
    rows::{is_guarded, is_sheet, is_stale},
};

/// What an attempt may mean.
pub(super) struct Candidates<'e> {
    pub(super) provider: &'e Arc<dyn Provider>,
    /// Opened; `None` stands for the subject as a whole.
    pub(super) factors: Vec<Option<OpenFactor>>,
    /// Why one more did not open: nobody is told that a code is wrong which may be that one's.
    pub(super) broken: Option<TwoFactorError>,
    /// What a guess costs and what the limits were, where the store can charge a guess in the step that burns its code.
    pub(super) seen: Option<Seen>,
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
                seen: None,
            });
        }
        let wanted = match occasion {
            Occasion::Confirm => FactorState::Pending,
            Occasion::Verify => FactorState::Active,
        };
        let (stored, seen) = match self
            .charged(descriptor)
            .filter(|_| occasion == Occasion::Verify)
        {
            Some(store) => {
                let (mut stored, seen) = self.look(store, attempt).await?;
                stored.retain(|stored| !is_sheet(stored));
                (stored, Some(seen))
            }
            None => (self.rows.of(attempt.subject).await?, None),
        };
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
        let (mut factors, mut broken) = (Vec::new(), None);
        for factor in stored.into_iter().filter(meant) {
            match self.rows.open(factor) {
                Ok(open) => {
                    if occasion == Occasion::Confirm {
                        self.check_enrolled(attempt, &open, guarded, &active)
                            .await?;
                    }
                    factors.push(Some(open));
                }
                Err(error) => broken = Some(error),
            }
        }
        Ok(Candidates {
            provider,
            factors,
            broken,
            seen,
        })
    }

    /// Whether what let a factor in still stands. The store asks again, in the step that confirms it.
    async fn check_enrolled(
        &self,
        attempt: &Attempt<'_>,
        open: &OpenFactor,
        guarded: bool,
        active: &[FactorId],
    ) -> Result<(), TwoFactorError> {
        let enrolled = &open.enrolled;
        // Under an epoch that is over, or by somebody else who knows the password.
        if !enrolled.covers(attempt) {
            return Err(Reason::Binding.into());
        }
        let stands = match enrolled.under {
            EnrolledUnder::Nothing => !guarded,
            EnrolledUnder::Subject(at) => {
                let sign_in = enrolled.sign_in.as_ref();
                self.code_stands(attempt.subject, at, sign_in).await?
            }
            EnrolledUnder::Factor(id) => active.contains(&id),
        };
        if stands {
            Ok(())
        } else {
            Err(TwoFactorError::ProofNeeded)
        }
    }
}
