//! What a redeem spends of the policy's limits, and when it gets that back.

use ott_core::{Binding, Limit, LimitKey, Policy, Reason, Subject};

use crate::{Charge, Spent, TokenStore, Tokens, TokensError, What};

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// Gives back what was spent. The answer stands whether or not this succeeds: failing now would
    /// lose a token for a few guesses too few.
    pub(super) async fn give_back(&self, charges: &[Charge], times: u32) {
        if charges.is_empty() || times == 0 {
            return;
        }
        let refunded = self.limits.refund(charges, times).await;
        refunded.unwrap_or_else(|_| self.emit(None, What::StoreFailed("refund")));
    }

    pub(super) async fn spend(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
    ) -> Result<Vec<Charge>, TokensError> {
        let charges = charges(policy, binding)?;
        if charges.is_empty() {
            return Ok(charges);
        }
        let spent = self
            .limits
            .spend(&charges, self.now())
            .await
            .map_err(|error| self.outage("spend", error))?;
        let (refused, retry_at) = match spent {
            Spent::Allowed => return Ok(charges),
            Spent::RetryAt(key, at) => (key, Some(at)),
            Spent::Locked(key) => (key, None),
        };
        // Nothing will be evaluated: who hammers a reached limit must not use up the one before it.
        let before = charges.iter().take_while(|charge| charge.key != refused);
        self.give_back(&before.copied().collect::<Vec<_>>(), 1)
            .await;
        let subject = subject_of(binding);
        self.emit(
            subject.as_ref(),
            What::Throttled(policy.purpose().as_str(), retry_at),
        );
        Err(TokensError::Throttled { retry_at })
    }
}

/// What a redeem spends: the policy's pace and allowance, counted for the subject, or for the
/// destination where there is no subject.
pub(super) fn charges(policy: &Policy, binding: &Binding<'_>) -> Result<Vec<Charge>, TokensError> {
    let limits = [("pace", policy.pace()), ("allowance", policy.allowance())];
    let limits = limits
        .into_iter()
        .filter_map(|(name, limit)| limit.map(|limit| (name, *limit)));
    limits
        .map(|(name, limit)| charge(policy, name, limit, binding))
        .collect()
}

/// Whether a refusal compared nothing that was wrong: a key that the ring lacks, or the right token
/// before its decision.
pub(super) fn counted_nothing(error: &TokensError) -> bool {
    match error {
        TokensError::KeyMissing(_) => true,
        TokensError::Rejected(rejected) => rejected.reason() == Reason::Pending,
        _ => false,
    }
}

fn charge(
    policy: &Policy,
    name: &str,
    limit: Limit,
    binding: &Binding<'_>,
) -> Result<Charge, TokensError> {
    let account = binding.account().ok_or(TokensError::Misuse(
        "a policy with limits needs a subject or a destination to count them for",
    ))?;
    let name = format!("{} {name}", policy.purpose().as_str());
    Ok(Charge {
        key: LimitKey::new(&name, &account),
        limit,
    })
}

pub(super) fn subject_of(binding: &Binding<'_>) -> Option<Subject> {
    let (tenant, id) = binding.owner()?;
    Subject::new(tenant, id).ok()
}
