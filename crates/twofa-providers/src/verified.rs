//! What a verification hands out.

use core::net::IpAddr;

use token_store::{
    FactorId,
    ott_core::{
        Channel, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

use crate::{FlowId, engine::Origin};

/// How long a proof is fresh enough to change factors.
pub const FRESH: TimeDelta = TimeDelta::minutes(10);

/// A second factor was proved: whose, which, when.
///
/// Only [`TwoFactor`](crate::TwoFactor) makes one, and it is not `Clone`: what takes it by value
/// uses it up.
#[must_use = "nothing was allowed yet by verifying alone"]
pub struct Verified {
    pub(crate) subject: Subject,
    pub(crate) factor: Option<FactorId>,
    pub(crate) provider: &'static str,
    pub(crate) channel: Option<Channel>,
    pub(crate) epoch: Option<u64>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) flow: Option<FlowId>,
}

impl Verified {
    /// Whose factor it was. Compare it with the person who is signing in.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Which factor; none where its provider has nothing to enrol: a recovery code.
    #[must_use]
    pub const fn factor(&self) -> Option<FactorId> {
        self.factor
    }

    /// The provider's id.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        self.provider
    }

    /// Over which channel its code was sent: no other step may count the same channel again.
    #[must_use]
    pub const fn channel(&self) -> Option<Channel> {
        self.channel
    }

    /// The credential epoch of the account that the attempt named.
    #[must_use]
    pub const fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// In which sign-in, where the attempt named it.
    #[must_use]
    pub const fn flow(&self) -> Option<&FlowId> {
        self.flow.as_ref()
    }

    pub(crate) const fn origin(&self) -> Origin<'_> {
        Origin {
            address: self.address,
            flow: self.flow.as_ref(),
        }
    }

    /// Whether it proves this subject, within the last [`FRESH`] minutes.
    pub(crate) fn covers(&self, subject: &Subject, now: DateTime<Utc>) -> bool {
        let age = now.signed_duration_since(self.at);
        self.subject == *subject && age < FRESH && age > -FRESH
    }
}

impl core::fmt::Debug for Verified {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Not the network address.
        f.debug_struct("Verified")
            .field("subject", &self.subject)
            .field("factor", &self.factor)
            .field("provider", &self.provider)
            .field("epoch", &self.epoch)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
