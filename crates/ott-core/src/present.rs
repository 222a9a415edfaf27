//! Digesting what was presented.

use alloc::vec::Vec;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Binding, CLOCK_ALLOWANCE, Handle, Issuer, Lookup, Policy, Presented, Reason, RecordId,
    Rejected,
    keys::Key,
    messages::{id_of_handle, id_of_token, token_digest},
};

impl Issuer {
    /// Digests what was presented with a handle.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Malformed`]) if it cannot be a token of this format; nothing to count.
    pub fn present_by_handle(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
        now: DateTime<Utc>,
    ) -> Result<Presented, Rejected> {
        let Lookup::ByHandle { .. } = policy.token_lookup() else {
            return Err(Rejected::new(Reason::Policy));
        };
        let symbols = policy.token_format().canonical(typed)?;
        let id = id_of_handle(policy, binding, handle);
        Ok(self.present(policy, id, binding, &symbols, now))
    }

    /// Digests the handle of what was parked. There is nothing that could be malformed.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Policy`]) for a policy of another look-up.
    pub fn present_parked(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        now: DateTime<Utc>,
    ) -> Result<Presented, Rejected> {
        let Lookup::Parked = policy.token_lookup() else {
            return Err(Rejected::new(Reason::Policy));
        };
        let id = id_of_handle(policy, binding, handle);
        Ok(self.present(policy, id, binding, "", now))
    }

    /// Digests what was presented by a subject.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Malformed`]) if it cannot be a token of this format; nothing to count.
    pub fn present_by_subject(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        typed: &str,
        now: DateTime<Utc>,
    ) -> Result<Presented, Rejected> {
        let Lookup::BySubject = policy.token_lookup() else {
            return Err(Rejected::new(Reason::Policy));
        };
        let symbols = policy.token_format().canonical(typed)?;
        Ok(self.present(
            policy,
            id_of_token(policy, binding, &symbols),
            binding,
            &symbols,
            now,
        ))
    }

    /// Digests what was presented with nothing beside it, within a tenant.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Malformed`]) if it cannot be a token of this format; nothing to count.
    pub fn present_by_itself(
        &self,
        policy: &Policy,
        tenant: &str,
        presented: &str,
        now: DateTime<Utc>,
    ) -> Result<Presented, Rejected> {
        let Lookup::ByItself = policy.token_lookup() else {
            return Err(Rejected::new(Reason::Policy));
        };
        let symbols = policy.token_format().canonical(presented)?;
        let binding = Binding::tenant(tenant);
        Ok(self.present(
            policy,
            id_of_token(policy, &binding, &symbols),
            &binding,
            &symbols,
            now,
        ))
    }

    fn present(
        &self,
        policy: &Policy,
        id: RecordId,
        binding: &Binding<'_>,
        symbols: &str,
        now: DateTime<Utc>,
    ) -> Presented {
        let (usable, retired): (Vec<_>, Vec<_>) = self
            .keys()
            .iter()
            .partition(|key| may_have_made(key, policy, now));
        let digest = |key: &Key| {
            let digest = token_digest(key, policy, &id, binding, symbols);
            (key.id, digest)
        };
        let digests = usable.into_iter().map(digest).collect();
        let retired = retired.iter().map(|key| key.id).collect();
        Presented::new(id, policy.fingerprint(), digests, retired)
    }
}

/// Whether a live record may still be of this key: a retired key's last token has not expired.
fn may_have_made(key: &Key, policy: &Policy, now: DateTime<Utc>) -> bool {
    let (Some(retired), Some(horizon)) = (key.retired_at, policy.key_horizon()) else {
        return true;
    };
    // An approved record lives 60 s more, and a clock may be 60 s ahead.
    let grace = CLOCK_ALLOWANCE.checked_mul(2).unwrap_or(TimeDelta::zero());
    let last = retired
        .checked_add_signed(horizon)
        .and_then(|end| end.checked_add_signed(grace));
    last.is_none_or(|end| now < end)
}
