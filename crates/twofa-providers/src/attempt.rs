//! A try at a second factor.

use core::{fmt, net::IpAddr};

use token_store::{
    FactorId,
    ott_core::{Channel, Handle, Subject},
};

use crate::{
    labels::{InvalidLabel, check_label},
    proof::{Origin, Proof},
    sign_in::SignInId,
};

/// A try at a second factor: whose, with what, from where.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) provider: &'a str,
    pub(crate) factor: Option<FactorId>,
    pub(crate) handle: Option<&'a Handle>,
    pub(crate) epoch: Option<u64>,
    pub(crate) operation: &'a [(&'a str, &'a str)],
    pub(crate) network: Option<IpAddr>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) sign_in: Option<&'a SignInId>,
    pub(crate) known_device: Option<&'a str>,
    pub(crate) first_step: Option<Channel>,
    pub(crate) after: &'a [&'a Proof],
}

impl<'a> Attempt<'a> {
    /// A try of this subject with the provider of this id.
    #[must_use]
    pub const fn new(subject: &'a Subject, provider: &'a str) -> Self {
        Self {
            subject,
            provider,
            factor: None,
            handle: None,
            epoch: None,
            operation: &[],
            network: None,
            origin: None,
            sign_in: None,
            known_device: None,
            first_step: None,
            after: &[],
        }
    }

    /// At this factor, and no other.
    #[must_use]
    pub const fn factor(self, factor: FactorId) -> Self {
        Self {
            factor: Some(factor),
            ..self
        }
    }

    /// In the flow that [`TwoFactor::request`](crate::TwoFactor::request) started.
    #[must_use]
    pub const fn handle(self, handle: &'a Handle) -> Self {
        Self {
            handle: Some(handle),
            ..self
        }
    }

    /// Under this credential epoch of the account.
    #[must_use]
    pub const fn epoch(self, epoch: u64) -> Self {
        Self {
            epoch: Some(epoch),
            ..self
        }
    }

    /// For this operation, and not for a sign-in: a payment of this sum to this account. State the same
    /// parameters when you ask and when you verify; the [`Proof`] carries them.
    ///
    /// What was asked for one operation is worth nothing for another. A code of an authenticator app is
    /// bound to none: whoever is tricked into typing it approves whatever the page says.
    #[must_use]
    pub const fn operation(self, parameters: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            operation: parameters,
            ..self
        }
    }

    /// From this network address: of the client, and not of a proxy before this server.
    ///
    /// Limits count it as [`counted_network`](crate::counted_network) says; a notice tells it whole.
    #[must_use]
    pub const fn network(self, network: IpAddr) -> Self {
        Self {
            network: Some(network),
            ..self
        }
    }

    /// From a client that is described in these words, such as `Firefox on Linux, example.org`: what the person reads
    /// on the device on which they approve. Do not repeat unseen what the request says of itself. As a label it has
    /// [`MAX_LABEL`](crate::MAX_LABEL) characters at most, none of which is hidden: anything else is refused before it is
    /// asked. An empty one is none.
    #[must_use]
    pub const fn origin(self, words: &'a str) -> Self {
        Self {
            origin: Some(words),
            ..self
        }
    }

    /// In this sign-in, by the application's name of it. What was asked for in one sign-in is worth nothing
    /// in another, so name it when you ask and when you verify.
    #[must_use]
    pub const fn sign_in(self, sign_in: &'a SignInId) -> Self {
        Self {
            sign_in: Some(sign_in),
            ..self
        }
    }

    /// From a device that presents this token of [`KnownDevices::remember`](crate::KnownDevices::remember).
    ///
    /// An expired, revoked or unknown token is ignored. A valid one lets this attempt use the reserve for
    /// known devices. It never proves a factor.
    #[must_use]
    pub const fn known_device(self, token: &'a str) -> Self {
        Self {
            known_device: Some(token),
            ..self
        }
    }

    /// After a first step over this channel, such as a link in a mail: the channel does not count again.
    #[must_use]
    pub const fn first_step(self, channel: Channel) -> Self {
        Self {
            first_step: Some(channel),
            ..self
        }
    }

    /// After these proofs of the same subject. Neither their channels nor their providers count again: one
    /// mailbox, a second recovery code, or a second app is no other factor.
    #[must_use]
    pub const fn after(self, proofs: &'a [&'a Proof]) -> Self {
        Self {
            after: proofs,
            ..self
        }
    }

    /// With an origin that can be shown, if there is one.
    pub(crate) fn with_shown_origin(self) -> Result<Self, InvalidLabel> {
        let blank = |words: &&str| !words.trim().is_empty();
        let origin = self.origin.filter(blank).map(check_label).transpose()?;
        Ok(Self {
            origin: origin.and(self.origin).map(str::trim),
            ..self
        })
    }

    pub(crate) const fn whence(&self) -> Origin<'a> {
        Origin {
            network: self.network,
            sign_in: self.sign_in,
        }
    }

    /// Whether a step of this provider, over this channel, is another one than those before.
    pub(crate) fn is_another(&self, channel: Option<Channel>) -> bool {
        let seen = |proof: &&Proof| {
            proof.subject != *self.subject
                || proof.provider == self.provider
                || (channel.is_some() && proof.channel == channel)
        };
        !self.after.iter().any(seen) && (channel.is_none() || self.first_step != channel)
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the device's token nor the network address.
        f.debug_struct("Attempt")
            .field("subject", &self.subject)
            .field("provider", &self.provider)
            .field("factor", &self.factor)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
