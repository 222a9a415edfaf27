//! What happened, without secrets.

use std::sync::Arc;

use ott_core::{
    KeyId, Purpose, Reason, RecordId, Subject,
    chrono::{DateTime, Utc},
};

use crate::FactorId;

/// What happened, when, and whose it was. It holds no token, code, secret or address.
///
/// Its name is a constant of the crate that emits it: here [`events`](crate::events). What else is
/// known stands in the fields, and `None` means that it does not apply or is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// What: `token.redeemed`, …
    pub name: &'static str,
    /// In which tenant; also where nobody is known.
    pub tenant: Option<String>,
    /// Whose.
    pub subject: Option<Subject>,
    /// Of which purpose.
    pub purpose: Option<&'static str>,
    /// Which record.
    pub record: Option<RecordId>,
    /// Which factor.
    pub factor: Option<FactorId>,
    /// The id of the provider of second factors.
    pub provider: Option<String>,
    /// Why it was refused. For logs, never for the client.
    pub reason: Option<Reason>,
    /// When the next try is allowed.
    pub retry_at: Option<DateTime<Utc>>,
    /// Which key.
    pub key: Option<KeyId>,
    /// How many, or the number that changed.
    pub count: Option<u64>,
    /// What was asked of a store that failed.
    pub verb: Option<&'static str>,
}

impl Event {
    /// An event of which nothing else is known yet.
    #[must_use]
    pub const fn new(at: DateTime<Utc>, name: &'static str) -> Self {
        Self {
            at,
            name,
            tenant: None,
            subject: None,
            purpose: None,
            record: None,
            factor: None,
            provider: None,
            reason: None,
            retry_at: None,
            key: None,
            count: None,
            verb: None,
        }
    }

    /// Whose, where that is known.
    #[must_use]
    pub fn of<'s>(self, subject: impl Into<Option<&'s Subject>>) -> Self {
        match subject.into() {
            None => self,
            Some(subject) => Self {
                subject: Some(subject.clone()),
                tenant: Some(subject.tenant().into()),
                ..self
            },
        }
    }

    /// In which tenant, where nobody is known.
    #[must_use]
    pub fn tenant(self, tenant: &str) -> Self {
        Self {
            tenant: Some(tenant.into()),
            ..self
        }
    }

    /// Of which purpose.
    #[must_use]
    pub fn purpose(self, purpose: &Purpose) -> Self {
        Self {
            purpose: Some(purpose.as_str()),
            ..self
        }
    }

    /// Which record.
    #[must_use]
    pub fn record(self, record: impl Into<Option<RecordId>>) -> Self {
        Self {
            record: record.into(),
            ..self
        }
    }

    /// Which factor.
    #[must_use]
    pub fn factor(self, factor: impl Into<Option<FactorId>>) -> Self {
        Self {
            factor: factor.into(),
            ..self
        }
    }

    /// Which provider of second factors.
    #[must_use]
    pub fn provider(self, provider: &str) -> Self {
        Self {
            provider: Some(provider.into()),
            ..self
        }
    }

    /// Why it was refused.
    #[must_use]
    pub fn reason(self, reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    /// When the next try is allowed, if time helps.
    #[must_use]
    pub fn retry_at(self, retry_at: Option<DateTime<Utc>>) -> Self {
        Self { retry_at, ..self }
    }

    /// Which key.
    #[must_use]
    pub fn key(self, key: KeyId) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// How many.
    #[must_use]
    pub fn count(self, count: impl Into<Option<u64>>) -> Self {
        Self {
            count: count.into(),
            ..self
        }
    }

    /// What was asked of a store that failed.
    #[must_use]
    pub fn verb(self, verb: &'static str) -> Self {
        Self {
            verb: Some(verb),
            ..self
        }
    }
}

/// Takes events. It must not block or panic; what it loses is lost.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: Event);
}

/// Forgets every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&self, _: Event) {}
}

impl<F: Fn(Event) + Send + Sync> EventSink for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}

impl EventSink for Arc<dyn EventSink> {
    fn emit(&self, event: Event) {
        (**self).emit(event);
    }
}
