//! What a token is tied to beside its purpose.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::{Destination, Subject};

/// Everything beside its purpose that a token is tied to.
///
/// Whoever redeems states the same binding again, from what the server knows, never from the
/// request. A token whose binding differs in any part is refused. A part that is absent differs
/// from one that is empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) subject: Option<&'a str>,
    pub(crate) destination: Option<&'a Destination>,
    pub(crate) epoch: Option<u64>,
    pub(crate) operation: &'a [(&'a str, &'a str)],
}

impl<'a> Binding<'a> {
    /// Bound to a subject (and so to its tenant).
    #[must_use]
    pub fn subject(subject: &'a Subject) -> Self {
        Self {
            subject: Some(subject.id()),
            ..Self::tenant(subject.tenant())
        }
    }

    /// Bound to a tenant alone: where nobody is known yet, as in a registration.
    #[must_use]
    pub const fn tenant(tenant: &'a str) -> Self {
        Self {
            tenant,
            subject: None,
            destination: None,
            epoch: None,
            operation: &[],
        }
    }

    /// Bound to where the token is sent.
    #[must_use]
    pub const fn destination(self, destination: &'a Destination) -> Self {
        Self {
            destination: Some(destination),
            ..self
        }
    }

    /// Bound to the account's credential epoch: a number that the application raises whenever a
    /// password, address or factor changes, so that every outstanding token dies with the change.
    #[must_use]
    pub const fn epoch(self, epoch: u64) -> Self {
        Self {
            epoch: Some(epoch),
            ..self
        }
    }

    /// Bound to one operation's parameters, name and value, in this order: the account and amount
    /// of a payment, the new address of a change of address.
    #[must_use]
    pub const fn operation(self, parameters: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            operation: parameters,
            ..self
        }
    }

    /// The same, on its own: for what is loaded inside of a call.
    #[must_use]
    pub fn into_owned(self) -> OwnedBinding {
        OwnedBinding {
            tenant: self.tenant.into(),
            subject: self.subject.map(String::from),
            destination: self.destination.cloned(),
            epoch: self.epoch,
            operation: self
                .operation
                .iter()
                .map(|(name, value)| (String::from(*name), String::from(*value)))
                .collect(),
        }
    }

    /// Tenant and id of the subject, where there is one.
    #[must_use]
    pub fn owner(&self) -> Option<(&'a str, &'a str)> {
        self.subject.map(|id| (self.tenant, id))
    }

    /// The part that limits are counted for: the subject, or the destination where there is none.
    #[must_use]
    pub fn account(&self) -> Option<Self> {
        let whole = Self {
            subject: self.subject,
            ..Self::tenant(self.tenant)
        };
        match (self.subject, self.destination) {
            (Some(_), _) => Some(whole),
            (None, Some(destination)) => Some(whole.destination(destination)),
            (None, None) => None,
        }
    }
}

impl fmt::Debug for Binding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("tenant", &self.tenant)
            .field("subject", &self.subject)
            .field("destination", &self.destination)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// A [`Binding`] that borrows nothing. [`Binding::into_owned`] makes it.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedBinding {
    tenant: String,
    subject: Option<String>,
    destination: Option<Destination>,
    epoch: Option<u64>,
    operation: Vec<(String, String)>,
}

impl OwnedBinding {
    /// Calls `with` with the binding.
    pub fn with<T>(&self, with: impl FnOnce(&Binding<'_>) -> T) -> T {
        with(&self.borrowed(&self.operation()))
    }

    /// The parameters of its operation, for [`OwnedBinding::borrowed`].
    #[must_use]
    pub fn operation(&self) -> Vec<(&str, &str)> {
        let pairs = self.operation.iter();
        pairs
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    /// The binding with these parameters of an operation, its own: where it has to last over an `.await`.
    #[must_use]
    pub fn borrowed<'a>(&'a self, operation: &'a [(&'a str, &'a str)]) -> Binding<'a> {
        Binding {
            tenant: &self.tenant,
            subject: self.subject.as_deref(),
            destination: self.destination.as_ref(),
            epoch: self.epoch,
            operation,
        }
    }
}

impl fmt::Debug for OwnedBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|binding| fmt::Debug::fmt(binding, f))
    }
}
