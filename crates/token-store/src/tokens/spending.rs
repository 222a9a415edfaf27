//! What a verb spends of the policy's limits, and when it gets that back.

use ott_core::{
    Binding, Limit, LimitKey, LimitScope, Lookup, Policy, Subject,
    chrono::{DateTime, Utc},
};

use crate::{Charge, Cost, Spent, StoreError, TokenStore, Tokens, TokensError, events};

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// The account's allowance as a charge: what every policy that spends it and every engine above
    /// share. `None` where the binding names neither a subject nor a destination.
    #[must_use]
    pub fn allowance_of(&self, binding: &Binding<'_>) -> Option<Charge> {
        let account = binding.account()?;
        Some(Charge {
            key: LimitKey::new(LimitScope::Policy, "allowance", &account),
            limit: self.allowance,
        })
    }

    /// Forgets everything that the policies' limits counted for this account: the way out for an
    /// operator, where a clock was ahead.
    ///
    /// # Errors
    /// [`TokensError::Unavailable`]; some may be forgotten.
    pub async fn clear_limits(&self, binding: &Binding<'_>) -> Result<(), TokensError> {
        let policies = self.policies.iter();
        let mut keys: Vec<_> = policies
            .flat_map(|policy| ["pace", "requests"].map(|name| own_key(policy, name, binding)))
            .flatten()
            .collect();
        keys.extend(self.allowance_of(binding).map(|charge| charge.key));
        for key in keys {
            let cleared = self.limits.clear(&key).await;
            cleared.map_err(|error| self.outage("clear", error))?;
        }
        Ok(())
    }

    /// Gives back what was spent. The answer stands whether or not this succeeds: failing now would
    /// lose a token for a few guesses too few.
    pub(super) async fn give_back(&self, charges: &[Charge], times: u32) {
        if charges.is_empty() || times == 0 {
            return;
        }
        if self.limits.refund(charges, times).await.is_err() {
            self.emit(self.event(events::STORE_FAILED).verb("refund"));
        }
    }

    /// What a redeem costs.
    pub(super) fn guess(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
    ) -> Result<Vec<Charge>, TokensError> {
        let pace = charge(policy, "pace", policy.pace(), binding)?;
        let allowance = match policy.spends_allowance() {
            true => Some(self.allowance_of(binding).ok_or(NOBODY)?),
            false => None,
        };
        Ok(pace.into_iter().chain(allowance).collect())
    }

    /// Spends what a redeem costs.
    pub(super) async fn spend_guess(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
    ) -> Result<Vec<Charge>, TokensError> {
        let charges = self.guess(policy, binding)?;
        self.spend(policy, binding, &charges).await?;
        Ok(charges)
    }

    /// Refuses a binding that names nobody to count for, before anything is made.
    pub(super) fn countable(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
    ) -> Result<(), TokensError> {
        let counts = policy.pace().is_some() || policy.spends_allowance();
        if counts && binding.account().is_none() {
            return Err(NOBODY);
        }
        Ok(())
    }

    pub(super) async fn spend(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        charges: &[Charge],
    ) -> Result<(), TokensError> {
        if charges.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let spent = self.limits.spend(charges, now).await;
        let spent = spent.map_err(|error| self.outage("spend", error))?;
        // Nothing will be evaluated: who hammers a reached limit must not use up the one before it.
        if let Spent::RetryAt(refused, _) | Spent::Locked(refused) = &spent {
            let before = charges.iter().take_while(|charge| charge.key != *refused);
            self.give_back(&before.copied().collect::<Vec<_>>(), 1)
                .await;
        }
        match spent {
            Spent::Allowed => Ok(()),
            refused => Err(self.limited(policy, binding, refused, now)),
        }
    }

    /// What a limit that refused is told as.
    pub(super) fn limited(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        refused: Spent,
        now: DateTime<Utc>,
    ) -> TokensError {
        let subject = subject_of(binding);
        let tell = |name| {
            self.event(name)
                .of(subject.as_ref())
                .purpose(policy.purpose())
        };
        let retry_at = match refused {
            Spent::RetryAt(_, at) => Some(at),
            Spent::Allowed | Spent::Locked(_) => None,
            Spent::Ahead(_) => {
                self.emit(tell(events::LIMIT_AHEAD));
                return TokensError::Unavailable(StoreError::Corrupt(
                    "a limit's time lies beyond every clock",
                ));
            }
        };
        self.emit(tell(events::LIMIT_REACHED).retry_at(retry_at));
        TokensError::Throttled {
            retry_at,
            retry_after: retry_at.map(|at| at.signed_duration_since(now)),
        }
    }
}

/// What an issue costs.
pub(super) fn request(policy: &Policy, binding: &Binding<'_>) -> Result<Vec<Charge>, TokensError> {
    let requests = charge(policy, "requests", policy.request_pace(), binding)?;
    Ok(requests.into_iter().collect())
}

/// What a redeem under this policy costs.
pub(super) fn cost<'c>(policy: &Policy, charges: &'c [Charge]) -> Cost<'c> {
    let unknown_is_free = matches!(
        policy.token_lookup(),
        Lookup::ByHandle { .. } | Lookup::Parked
    );
    Cost {
        charges,
        unknown_is_free,
    }
}

const NOBODY: TokensError =
    TokensError::Misuse("a policy with limits needs a subject or a destination to count them for");

fn own_key(policy: &Policy, name: &str, binding: &Binding<'_>) -> Option<LimitKey> {
    let account = binding.account()?;
    let name = format!("{} {name}", policy.purpose().as_str());
    Some(LimitKey::new(LimitScope::Policy, &name, &account))
}

/// A charge of a policy's own limit, counted for the subject, or for the destination where there is no
/// subject.
fn charge(
    policy: &Policy,
    name: &str,
    limit: Option<&Limit>,
    binding: &Binding<'_>,
) -> Result<Option<Charge>, TokensError> {
    let Some(limit) = limit else {
        return Ok(None);
    };
    let key = own_key(policy, name, binding).ok_or(NOBODY)?;
    Ok(Some(Charge { key, limit: *limit }))
}

/// How often a redeem's charges are given back after this refusal: not at all, where something was
/// compared. A handle that finds nothing compared nothing; a token that finds nothing was a guess.
pub(super) fn given_back(policy: &Policy, error: &TokensError) -> u32 {
    let free = match error {
        TokensError::KeyMissing(_) => true,
        TokensError::Rejected(rejected) => cost(policy, &[]).is_free(rejected.reason()),
        _ => false,
    };
    u32::from(free)
}

pub(super) fn subject_of(binding: &Binding<'_>) -> Option<Subject> {
    let (tenant, id) = binding.owner()?;
    Subject::new(tenant, id).ok()
}
