//! A try at a second factor.

use core::net::IpAddr;

use token_store::{
    FactorId,
    ott_core::{Channel, Handle, Subject},
};

use crate::{FlowId, engine::Origin};

/// A try at a second factor: whose, with what, from where.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) provider: &'a str,
    pub(crate) factor: Option<FactorId>,
    pub(crate) handle: Option<&'a Handle>,
    pub(crate) epoch: Option<u64>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) flow: Option<&'a FlowId>,
    pub(crate) known_device: Option<&'a str>,
    pub(crate) used_channels: &'a [Channel],
    pub(crate) used_providers: &'a [&'a str],
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
            address: None,
            flow: None,
            known_device: None,
            used_channels: &[],
            used_providers: &[],
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

    /// From this network address: of the client, and not of a proxy before this server.
    ///
    /// Limits count it in one spelling, and an IPv6 address as its /64, which one household has; a
    /// notice tells it whole.
    #[must_use]
    pub const fn address(self, address: IpAddr) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }

    /// In this sign-in, by the application's name of it.
    #[must_use]
    pub const fn flow(self, flow: &'a FlowId) -> Self {
        Self {
            flow: Some(flow),
            ..self
        }
    }

    /// From a device that presents this token of [`TwoFactor::remember_device`](crate::TwoFactor::remember_device).
    ///
    /// It is checked at each use, against the attempt's subject and epoch. One that proves nothing
    /// (any more) is as none; one that does opens the lane of known devices, and nothing else.
    #[must_use]
    pub const fn known_device(self, token: &'a str) -> Self {
        Self {
            known_device: Some(token),
            ..self
        }
    }

    /// After steps that used these channels: none of them counts again.
    #[must_use]
    pub const fn used_channels(self, channels: &'a [Channel]) -> Self {
        Self {
            used_channels: channels,
            ..self
        }
    }

    /// After steps that used these providers: none of them counts again, so that a second recovery
    /// code, or a second app, is no other factor.
    #[must_use]
    pub const fn used_providers(self, providers: &'a [&'a str]) -> Self {
        Self {
            used_providers: providers,
            ..self
        }
    }

    pub(crate) const fn origin(&self) -> Origin<'a> {
        Origin {
            address: self.address,
            flow: self.flow,
        }
    }
}

impl core::fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Neither the device's token nor the network address.
        f.debug_struct("Attempt")
            .field("subject", &self.subject)
            .field("provider", &self.provider)
            .field("factor", &self.factor)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
