//! What happened, without secrets.

use std::sync::Arc;

use ott_core::{
    KeyId, Purpose, Reason, RecordId, Subject,
    chrono::{DateTime, Utc},
};

use crate::FactorId;

/// What happened, when, and whose it was. It holds no token, code, secret or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// Whose, where that is known.
    pub subject: Option<Subject>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A bearer token proved itself.
    Authenticated(Purpose, RecordId),
    /// Somebody approved or denied.
    Decided(Purpose, RecordId),
    /// A token or notice was not delivered.
    DeliveryFailed(Purpose),
    /// A restart of a store's server could lose what it answers now: an operator must set it right.
    DurabilityWeak,
    /// A factor was confirmed and counts from now on.
    FactorConfirmed(FactorId),
    /// A factor is disabled: it failed too often, or was disowned.
    FactorDisabled(FactorId),
    /// A factor was enrolled; it counts for nothing yet.
    FactorEnrolled(FactorId),
    /// A wrong response to a factor.
    FactorRefused(FactorId, Reason),
    /// A factor was removed.
    FactorRemoved(FactorId),
    /// A factor got another label.
    FactorRenamed(FactorId),
    /// A factor proved itself.
    FactorVerified(FactorId),
    /// A token was issued.
    Issued(Purpose, RecordId),
    /// A record or seal names a key that the ring lacks: an operator must add it.
    KeyMissing(KeyId),
    /// A store's primary is another one, with this number: what the one before was last told, or all of it,
    /// may be lost, and is refused. An operator should know why.
    PrimaryChanged(u64),
    /// A wrong response to a provider that has nothing to enrol.
    ProviderRefused(&'static str, Reason),
    /// A provider that has nothing to enrol proved its subject.
    ProviderVerified(&'static str),
    /// A new set of recovery codes took the place of the old one: tell the owner.
    RecoveryRenewed,
    /// A recovery code was used: tell the owner, and offer a new set.
    RecoveryUsed {
        /// How many are left, if the store said.
        left: Option<usize>,
    },
    /// Records were revoked.
    Revoked(u64),
    /// A token was redeemed.
    Redeemed(Purpose, RecordId),
    /// A token was refused.
    Refused(Purpose, Option<RecordId>, Reason),
    /// The store, named by what was asked of it, did not answer.
    StoreFailed(&'static str),
    /// A limit was reached; the next try is allowed at the time, if time helps.
    Throttled(&'static str, Option<DateTime<Utc>>),
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
