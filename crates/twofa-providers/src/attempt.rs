//! A try at a second factor.

use token_store::{
    FactorId,
    ott_core::{Channel, Handle, Subject},
};

/// A try at a second factor: whose, with what, from where.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) provider: &'a str,
    pub(crate) factor: Option<FactorId>,
    pub(crate) handle: Option<&'a Handle>,
    pub(crate) epoch: Option<u64>,
    pub(crate) address: Option<&'a str>,
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

    /// From this network address, normalised by the caller (an IPv6 address as its /64).
    #[must_use]
    pub const fn address(self, address: &'a str) -> Self {
        Self {
            address: Some(address),
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
}
