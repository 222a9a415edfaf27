//! Asking: a code is sent, a question shown.

use token_store::{FactorState, ott_core::Reason};

use super::{TwoFactor, paid::Lane};
use crate::{
    asked::Asked,
    attempt::Attempt,
    context::{Context, Occasion},
    error::TwoFactorError,
    open_factor::OpenFactor,
    provider_error::Sent,
};

impl TwoFactor {
    /// Sends or shows what the person needs to answer: a code by e-mail, a question.
    ///
    /// Where the attempt names a factor that waits for its confirmation, what is sent confirms it, and
    /// does nothing else. With the flow's earlier handle it is sent again, and what was sent before is void.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::FactorUnnamed`] if the attempt names no factor and the subject
    /// has several of this provider: nothing is sent to whichever comes first. [`TwoFactorError::Label`] if
    /// [`Attempt::origin`] is none.
    pub async fn request(&self, attempt: &Attempt<'_>) -> Result<Asked, TwoFactorError> {
        let provider = self.provider(attempt.provider)?;
        let descriptor = provider.descriptor();
        if !descriptor.request {
            return Err(Reason::Unknown.into());
        }
        let occasion = self.occasion(attempt).await?;
        let candidates = self.candidates(attempt, occasion).await?;
        let factor: Option<&OpenFactor> = match candidates.factors.as_slice() {
            [] => return Err(candidates.broken.unwrap_or_else(|| Reason::Unknown.into())),
            _ if descriptor.asks_every_factor && attempt.factor.is_none() => None,
            [one] => one.as_ref(),
            _ => return Err(TwoFactorError::FactorUnnamed),
        };
        // Who has every device asked pays for each.
        let all = candidates.factors.iter().flatten();
        let asked: Vec<_> = factor.map_or_else(|| all.collect(), |one| vec![one]);
        let lane = self.lane(attempt).await?;
        let attempt = &attempt.with_shown_origin()?;
        let paid = self.pay_request(attempt, lane, &asked).await?;
        let context = Context {
            known_device: lane == Lane::KnownDevice,
            ..self.context(attempt, occasion, factor)
        };
        let asked = provider.request(&context).await;
        match asked {
            Ok(asked) => Ok(asked),
            Err(error) => {
                match error.sent() {
                    Sent::Nothing => self.rows.give_back(&paid.all(), 1).await,
                    // The mailbox may have got it, and has no more than its own.
                    Sent::Perhaps => self.rows.give_back(&[paid.account], 1).await,
                    Sent::Tried => {}
                }
                Err(self.provider_failed(descriptor, attempt.subject, error))
            }
        }
    }

    /// A factor that is named and waits is to be confirmed.
    async fn occasion(&self, attempt: &Attempt<'_>) -> Result<Occasion, TwoFactorError> {
        let Some(id) = attempt.factor else {
            return Ok(Occasion::Verify);
        };
        let stored = self.rows.of(attempt.subject).await?;
        let waits = stored
            .iter()
            .any(|factor| factor.id == id && factor.state == FactorState::Pending);
        Ok(if waits {
            Occasion::Confirm
        } else {
            Occasion::Verify
        })
    }
}
