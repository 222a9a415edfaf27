//! Comparing a code between two steps of the store: the limits are looked at before it, and one step burns it or charges it.

use token_store::{
    Advanced, Charged, ChargedFactors, Guess, HIGHEST_COUNTER, Looked, StoredFactor,
    ott_core::{Reason, Rejected},
};

use super::{
    TwoFactor,
    paid::{NotProved, Paid},
};
use crate::{
    attempt::Attempt,
    context::Context,
    descriptor::Descriptor,
    error::TwoFactorError,
    limits::{Counted, Price, Timed},
    open_factor::OpenFactor,
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
};

/// What a guess at any factor costs beside the ceiling, and what the limits were when the factors were read.
pub(super) struct Seen {
    timed: Timed,
    looked: Looked,
}

/// What became of a response that was compared before it was paid for.
pub(super) enum Judged {
    /// It was right, it is burnt, and nothing was charged.
    Accepted,
    /// It is the code of this counter, whose time has not come. That was charged, and the code is not burnt yet.
    Early(Paid, u64),
    /// Nothing: it is to be paid for first, and compared then.
    NotYet,
}

/// What a response is that is not right.
#[derive(Clone, Copy)]
enum Wrong {
    Rejected(Rejected),
    Early(u64),
}

impl TwoFactor {
    /// The store, where a response to this provider can be compared before it is paid for.
    pub(super) fn charged(&self, provider: &Descriptor) -> Option<&dyn ChargedFactors> {
        let fits = provider.compares_by_itself && provider.odds.is_guessable();
        fits.then(|| self.rows.charged()).flatten()
    }

    /// Reads the factors, and what a guess at one of them would be charged to.
    pub(super) async fn look(
        &self,
        store: &dyn ChargedFactors,
        attempt: &Attempt<'_>,
    ) -> Result<(Vec<StoredFactor>, Seen), TwoFactorError> {
        let timed = self.timed(attempt)?;
        let charges = timed.network.iter().chain(&timed.shared);
        let keys: Vec<_> = charges.map(|charge| charge.key).collect();
        let looked = store.look(attempt.subject, &keys).await;
        let mut looked = looked.map_err(|error| self.rows.outage("factors", error))?;
        let factors = core::mem::take(&mut looked.factors);
        Ok((factors, Seen { timed, looked }))
    }

    /// Compares the response, unless a limit was reached when the factor was read, and has it burnt or charged in one step,
    /// which asks the limits again.
    ///
    /// Nobody learns what was compared unless that step answered: a wrong response, or one that comes too early, is told once it is
    /// charged, and a right one once it is burnt. All are the same verb, so that none overtakes another, and where the step
    /// refuses, each has taken as many round trips. All of it is judged at the context's time.
    pub(super) async fn judge(
        &self,
        attempt: &Attempt<'_>,
        provider: &dyn Provider,
        context: &Context<'_>,
        factor: &OpenFactor,
        seen: &Seen,
        response: &Response<'_>,
    ) -> Result<Judged, NotProved> {
        let descriptor = provider.descriptor();
        let Some(store) = self.charged(descriptor) else {
            return Ok(Judged::NotYet);
        };
        let counted = Counted::Factor(factor.id);
        let price = Price {
            timed: seen.timed,
            ceiling: self.limits.ceiling_of(attempt.subject, &counted),
        };
        let shared = self.shared_by_strangers(&price);
        let charges: Vec<_> = seen.timed.network.into_iter().chain(shared).collect();
        if !seen.looked.allows(&charges, context.now) {
            return Ok(Judged::NotYet);
        }
        let compared = match provider.verify(context, response).await {
            Ok(claim) => match claim.counter_alone() {
                Some(counter) if counter <= HIGHEST_COUNTER => Ok(counter),
                _ => {
                    let misuse = ProviderError::Misuse("a claim of something else than a counter");
                    let error = self.provider_failed(descriptor, attempt.subject, misuse);
                    return Err(error.into());
                }
            },
            Err(VerifyError::Rejected(rejected)) => Err(Wrong::Rejected(rejected)),
            Err(VerifyError::Ahead(counter)) => Err(Wrong::Early(counter)),
            // It compared nothing.
            Err(_) => return Ok(Judged::NotYet),
        };
        let guess = Guess {
            right: compared.ok().map(|counter| (factor.id, counter)),
            charges: &charges,
            cleared: &self.cleared(attempt.subject, Some(price.ceiling)),
        };
        let told = store.advance_charged(guess, context.now).await;
        let advanced = match told.map_err(|error| self.rows.outage("advance", error))? {
            Charged::Answered(advanced) => advanced,
            // Others guessed since the look: what was compared is forgotten.
            Charged::Refused(_) => return Ok(Judged::NotYet),
        };
        let paid = || Paid::new(&price, &price.timed.shared);
        let rejected = match (compared, advanced) {
            (Ok(_), Some(Advanced::Accepted)) => return Ok(Judged::Accepted),
            (Ok(_), Some(Advanced::Replayed)) => Rejected::new(Reason::Spent),
            // Removed or disabled in the meantime.
            (Ok(_), _) => Rejected::new(Reason::Revoked),
            (Err(Wrong::Early(counter)), _) => return Ok(Judged::Early(paid(), counter)),
            (Err(Wrong::Rejected(rejected)), _) => rejected,
        };
        Err(NotProved::Refused(rejected, Some(paid())))
    }
}
