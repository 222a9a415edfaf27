//! What a verification hands out.

use core::{fmt, net::IpAddr};

use token_store::{
    FactorId,
    ott_core::{
        Channel, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

use crate::sign_in::SignInId;

/// How long a proof is fresh.
pub const FRESH: TimeDelta = TimeDelta::minutes(10);

/// A second factor was proved: whose, by what, for which operation, when, over which channel.
///
/// Only [`TwoFactor`](crate::TwoFactor) makes one, and [`Proofs`](crate::Proofs) carries it from one
/// request to the next. It is not `Clone`: what takes it by value uses it up.
#[must_use = "nothing was allowed yet by verifying alone"]
pub struct Proof {
    pub(crate) subject: Subject,
    pub(crate) provider: String,
    pub(crate) factor: Option<FactorId>,
    pub(crate) channel: Option<Channel>,
    pub(crate) epoch: Option<u64>,
    pub(crate) operation: Vec<(String, String)>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) network: Option<IpAddr>,
    pub(crate) sign_in: Option<SignInId>,
}

impl Proof {
    /// Whose factor it was. Compare it with the person who is signing in.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The provider's id.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Which factor; none where the provider proves the subject as a whole: by a recovery code.
    #[must_use]
    pub const fn factor(&self) -> Option<FactorId> {
        self.factor
    }

    /// Over which channel its code was sent: see [`Attempt::after`](crate::Attempt::after).
    #[must_use]
    pub const fn channel(&self) -> Option<Channel> {
        self.channel
    }

    /// The credential epoch of the account that the attempt named.
    #[must_use]
    pub const fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// What for: the parameters of the operation that the attempt named, empty for a sign-in. Apply the
    /// change from here, never from the request.
    #[must_use]
    pub fn operation(&self) -> &[(String, String)] {
        &self.operation
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// In which sign-in, where the attempt named it.
    #[must_use]
    pub const fn sign_in(&self) -> Option<&SignInId> {
        self.sign_in.as_ref()
    }

    pub(crate) const fn origin(&self) -> Origin<'_> {
        Origin {
            network: self.network,
            sign_in: self.sign_in.as_ref(),
        }
    }

    /// Whether it proves this subject, within the last [`FRESH`] minutes.
    pub(crate) fn covers(&self, subject: &Subject, now: DateTime<Utc>) -> bool {
        let age = now.signed_duration_since(self.at);
        self.subject == *subject && age < FRESH && age > -FRESH
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the network address nor what the operation says.
        f.debug_struct("Proof")
            .field("subject", &self.subject)
            .field("provider", &self.provider)
            .field("factor", &self.factor)
            .field("epoch", &self.epoch)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// From where something was done, and in which sign-in.
#[derive(Clone, Copy, Default)]
pub(crate) struct Origin<'a> {
    pub(crate) network: Option<IpAddr>,
    pub(crate) sign_in: Option<&'a SignInId>,
}
