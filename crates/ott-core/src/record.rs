//! A record whose tag was verified.

use core::fmt;

use chrono::{DateTime, Utc};

use crate::{Decision, Presented, Reason, RecordId, Rejected, State, Stored};

/// The state of one issued token, its tag verified.
///
/// It comes from [`Issuer`](crate::Issuer) alone: just issued, or opened. Its methods are those of [`Stored`].
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Stored);

impl Record {
    /// Only for what this crate made or verified itself.
    pub(crate) const fn trusted(stored: Stored) -> Self {
        Self(stored)
    }

    /// Everything in it.
    #[must_use]
    pub const fn stored(&self) -> &Stored {
        &self.0
    }

    /// The public name.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        &self.0.id
    }

    /// As [`Stored::redeem`]; refused with [`Reason::Policy`] where it was presented under another policy.
    ///
    /// # Errors
    /// [`Rejected`] with the reason; the record changed only if it is `Mismatch` or `Exhausted`.
    pub fn redeem(&mut self, presented: &Presented, now: DateTime<Utc>) -> Result<(), Rejected> {
        if self.id() == presented.id() && !presented.fits(&self.0.policy) {
            return Err(Rejected::new(Reason::Policy));
        }
        self.0.redeem(presented, now)
    }

    /// As [`Stored::decide`].
    ///
    /// # Errors
    /// [`Rejected`] with the reason; nothing changed.
    pub fn decide(&mut self, decision: &Decision, now: DateTime<Utc>) -> Result<(), Rejected> {
        self.0.decide(decision, now)
    }

    /// As [`Stored::end`].
    pub fn end(&mut self, end: State) -> bool {
        self.0.end(end)
    }

    /// As [`Stored::touch`].
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.0.touch(now);
    }

    /// Whether a bearer token proves it now: ready, live, and the digest right. Changes nothing.
    ///
    /// A record does not know its policy's [`Usage`](crate::Usage): ask this under
    /// [`Usage::Bearer`](crate::Usage::Bearer) alone, or a token that works once works for ever.
    ///
    /// # Errors
    /// [`Rejected`] with the reason.
    pub fn authenticate(&self, presented: &Presented, now: DateTime<Utc>) -> Result<(), Rejected> {
        // As a whole record, so that what was presented under another policy is refused here too.
        match self.clone().redeem(presented, now) {
            // Nothing was counted, so nothing was used up now.
            Err(rejected)
                if rejected.reason() == Reason::Exhausted && self.0.state != State::Exhausted =>
            {
                Err(Rejected::new(Reason::Mismatch))
            }
            answer => answer,
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Record").field(&self.0).finish()
    }
}
