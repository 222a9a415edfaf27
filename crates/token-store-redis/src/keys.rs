//! The names of keys. `docs/redis.md` lists them.

use token_store::{
    FactorId,
    ott_core::{LimitKey, RecordId},
};

/// Names every key of a store. The prefix in braces is the hash tag: one store, one slot.
#[derive(Clone, Debug)]
pub(crate) struct Keys(String);

impl Keys {
    /// Names with this prefix, if it can be one: a brace in it would make another hash tag.
    pub(crate) fn new(prefix: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        let valid = (1..=64).contains(&prefix.len()) && prefix.bytes().all(allowed);
        valid.then(|| Self(format!("{{{prefix}}}:")))
    }

    pub(crate) fn epoch(&self) -> String {
        self.named("epoch")
    }

    /// When each record may be purged, if it comes to no final state.
    pub(crate) fn ends(&self) -> String {
        self.named("ends")
    }

    /// When each final record may be purged. Apart from the others, which are very many, and among which
    /// every redeem would look for a new place.
    pub(crate) fn final_ends(&self) -> String {
        self.named("final")
    }

    /// When each limit is as good as new.
    pub(crate) fn limits(&self) -> String {
        self.named("limits")
    }

    pub(crate) fn record(&self, id: &RecordId) -> String {
        self.record_named(&id.to_string())
    }

    pub(crate) fn record_named(&self, id: &str) -> String {
        self.named("token:") + id
    }

    pub(crate) fn slot(&self, slot: &[u8; 16]) -> String {
        self.named("slot:") + &hex(slot)
    }

    /// The set of a subject's records.
    pub(crate) fn tokens_of(&self, tenant: &str, subject: &str) -> String {
        // The length parts tenant and subject, whatever stands in them.
        format!("{}tokens-of:{}:{tenant}:{subject}", self.0, tenant.len())
    }

    pub(crate) fn factor(&self, id: &FactorId) -> String {
        self.factor_named(&id.to_string())
    }

    pub(crate) fn factor_named(&self, id: &str) -> String {
        self.named("factor:") + id
    }

    /// The set of a subject's factors.
    pub(crate) fn factors_of(&self, tenant: &str, subject: &str) -> String {
        format!("{}factors-of:{}:{tenant}:{subject}", self.0, tenant.len())
    }

    /// Since when each factor may be purged, of those that are removed or never were confirmed.
    pub(crate) fn dead_factors(&self) -> String {
        self.named("dead-factors")
    }

    /// How many factors each of those sets has.
    pub(crate) fn owners(&self) -> String {
        self.named("owners")
    }

    pub(crate) fn limit_named(&self, name: &str) -> String {
        self.named("limit:") + name
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }
}

/// How a limit is named in a key and in the set of limits.
pub(crate) fn limit_name(key: &LimitKey) -> String {
    hex(key.as_bytes())
}

fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}
