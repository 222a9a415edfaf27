//! What the owner of an account is told, and what they can undo.

pub(crate) mod not_me;

use core::{fmt, net::IpAddr};
use std::sync::Arc;

use token_store::{
    FactorStore, Tokens,
    ott_core::{Destination, Subject},
};

use crate::{
    address::Address,
    build_error::BuildError,
    devices::KnownDevices,
    news::News,
    notices::Notices,
    proof::Origin,
    recovery::RecoveryCodes,
    rows::Rows,
    sign_in::SignInId,
    telling::{Telling, Told},
    trusted::TrustedDevices,
};

/// Tells the owners of accounts what happened, and undoes what they say was not them. Give it to
/// [`TwoFactorBuilder::owner`](crate::TwoFactorBuilder::owner).
#[derive(Clone)]
pub struct Owner {
    pub(crate) telling: Arc<Telling>,
    pub(crate) codes: Option<RecoveryCodes>,
    pub(crate) devices: Option<KnownDevices>,
    pub(crate) trusted: Option<TrustedDevices>,
}

impl Owner {
    /// Over the tokens and the store for factors that the engine has.
    ///
    /// # Errors
    /// [`BuildError::NotMePolicy`], [`BuildError::PolicyUnknown`], [`BuildError::Template`].
    pub fn new(
        tokens: &Arc<Tokens>,
        factors: Arc<dyn FactorStore>,
        notices: Notices,
    ) -> Result<Self, BuildError> {
        notices.check()?;
        if !tokens.policies().contains(&notices.link) {
            return Err(BuildError::PolicyUnknown(*notices.link.purpose()));
        }
        let rows = Rows {
            tokens: Arc::clone(tokens),
            store: factors,
        };
        Ok(Self {
            telling: Arc::new(Telling { rows, notices }),
            codes: None,
            devices: None,
            trusted: None,
        })
    }

    /// "This was not me" makes the codes invalid that the sign-in made.
    #[must_use]
    pub fn recovery_codes(self, codes: &RecoveryCodes) -> Self {
        Self {
            codes: Some(codes.clone()),
            ..self
        }
    }

    /// "This was not me" forgets the devices that the sign-in remembered.
    #[must_use]
    pub fn known_devices(self, devices: &KnownDevices) -> Self {
        Self {
            devices: Some(devices.clone()),
            ..self
        }
    }

    /// "This was not me" ends the trust in every device.
    #[must_use]
    pub fn trusted_devices(self, devices: &TrustedDevices) -> Self {
        Self {
            trusted: Some(devices.clone()),
            ..self
        }
    }

    /// Tells the owner that the application changed an address of the account: at the old one too,
    /// which may be the only one that is still the owner's. Call it after the change, which takes a
    /// proof: [`TwoFactor::fresh`](crate::TwoFactor::fresh).
    ///
    /// The new address gets the message too, but without the link for "this was not me": a thief who put
    /// theirs there would undo with it what the owner does in that sign-in. That the old one is told what
    /// happens afterwards, and the new one gets no link of it, is [`Addresses`](crate::Addresses)' to say.
    ///
    /// What cannot be told is in the events; the change stands.
    pub async fn address_changed(&self, change: &AddressChange<'_>) {
        let origin = Origin {
            network: change.network,
            sign_in: change.sign_in,
        };
        let told = Told::new(change.subject, News::AddressChanged).by(origin);
        let old = change.old.cloned().map(Address::new);
        let told = told.old(old.as_slice()).new_address(change.new);
        self.telling.tell(&told).await;
    }

    /// Tells the owner that the application changed the account's password. Call it after the change.
    ///
    /// "This was not me" ends the sign-in in which it happened. The password it cannot bring back, so say
    /// on that page how to choose another one.
    ///
    /// What cannot be told is in the events; the change stands.
    pub async fn password_changed(&self, change: &PasswordChange<'_>) {
        let origin = Origin {
            network: change.network,
            sign_in: change.sign_in,
        };
        let told = Told::new(change.subject, News::PasswordChanged).by(origin);
        self.telling.tell(&told).await;
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner")
            .field("notices", &self.telling.notices)
            .field("codes", &self.codes)
            .field("devices", &self.devices)
            .field("trusted", &self.trusted)
            .finish()
    }
}

/// An address of an account that the application changed.
#[derive(Clone, Copy)]
pub struct AddressChange<'a> {
    /// Whose.
    pub subject: &'a Subject,
    /// The address that was replaced, if it was verified. It is told with the link, unless it is young itself.
    pub old: Option<&'a Destination>,
    /// The address that took its place, if any did; it is among [`Addresses`](crate::Addresses) by
    /// now if it is verified, and else is not told.
    pub new: Option<&'a Destination>,
    /// From which network address, where that is known.
    pub network: Option<IpAddr>,
    /// In which sign-in, where the application names those.
    pub sign_in: Option<&'a SignInId>,
}

impl fmt::Debug for AddressChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressChange")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// A password of an account that the application changed.
#[derive(Clone, Copy)]
pub struct PasswordChange<'a> {
    /// Whose.
    pub subject: &'a Subject,
    /// From which network address, where that is known.
    pub network: Option<IpAddr>,
    /// In which sign-in, where the application names those; none where the old password was forgotten.
    pub sign_in: Option<&'a SignInId>,
}

impl fmt::Debug for PasswordChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordChange")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}
