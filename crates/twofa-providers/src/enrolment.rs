//! What enrolling starts from, and what it gives.

use core::fmt;

use oath_otp::SecretText;
use token_store::ott_core::{Destination, Subject};
use zeroize::Zeroizing;

use crate::{asked::Asked, sign_in::SignInId};

/// What an enrolment starts from.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct EnrolDetails<'a> {
    /// Whose factor.
    pub subject: &'a Subject,
    /// The account's name, as an authenticator shows it.
    pub account: &'a str,
    /// The service's name for this account, where it is not the provider's: the tenant's.
    pub issuer: Option<&'a str>,
    /// Where codes go: read it from the account, never from a request.
    pub destination: Option<&'a Destination>,
    /// What the person brought: the first code of a hardware key.
    pub brought: Option<&'a str>,
    /// The account's credential epoch, as the confirming [`Attempt`](crate::Attempt) states it.
    pub epoch: Option<u64>,
    /// The sign-in, as the confirming [`Attempt`](crate::Attempt) names it.
    pub sign_in: Option<&'a SignInId>,
}

impl<'a> EnrolDetails<'a> {
    /// A factor of this subject, whose account an authenticator shows by this name.
    #[must_use]
    pub const fn new(subject: &'a Subject, account: &'a str) -> Self {
        Self {
            subject,
            account,
            issuer: None,
            destination: None,
            brought: None,
            epoch: None,
            sign_in: None,
        }
    }

    /// With the service's name for this account, such as the tenant's.
    #[must_use]
    pub const fn issuer(self, issuer: &'a str) -> Self {
        Self {
            issuer: Some(issuer),
            ..self
        }
    }

    /// With the destination that codes go to.
    #[must_use]
    pub const fn destination(self, destination: &'a Destination) -> Self {
        Self {
            destination: Some(destination),
            ..self
        }
    }

    /// With what the person brought.
    #[must_use]
    pub const fn brought(self, brought: &'a str) -> Self {
        Self {
            brought: Some(brought),
            ..self
        }
    }

    /// Under this credential epoch of the account, where the confirming attempt states one.
    #[must_use]
    pub const fn epoch(self, epoch: u64) -> Self {
        Self {
            epoch: Some(epoch),
            ..self
        }
    }

    /// In this sign-in, where the confirming attempt names one.
    #[must_use]
    pub const fn sign_in(self, sign_in: &'a SignInId) -> Self {
        Self {
            sign_in: Some(sign_in),
            ..self
        }
    }
}

impl fmt::Debug for EnrolDetails<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolDetails")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// What a provider's enrolment gives the engine to keep and to show.
#[derive(Default)]
#[non_exhaustive]
pub struct Enrolment {
    /// What only this provider reads again: sealed. Empty where it needs none.
    pub secret: Zeroizing<Vec<u8>>,
    /// Where this factor's codes go: sealed too.
    pub destination: Option<Destination>,
    /// What the person scans or types, once.
    pub provisioning: Option<Provisioning>,
    /// What is asked at once, where the confirming answer is an answer to it.
    pub asked: Option<Asked>,
}

impl Enrolment {
    /// A factor with this secret.
    #[must_use]
    pub fn secret(secret: Zeroizing<Vec<u8>>) -> Self {
        Self {
            secret,
            ..Self::default()
        }
    }

    /// A factor whose codes go here.
    #[must_use]
    pub fn destination(destination: &Destination) -> Self {
        Self {
            destination: Some(destination.clone()),
            ..Self::default()
        }
    }

    /// A factor whose confirming answer is the answer to this.
    #[must_use]
    pub fn asked(asked: Asked) -> Self {
        Self {
            asked: Some(asked),
            ..Self::default()
        }
    }

    /// With this to scan or type.
    #[must_use]
    pub fn showing(self, provisioning: Provisioning) -> Self {
        Self {
            provisioning: Some(provisioning),
            ..self
        }
    }
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolment").finish_non_exhaustive()
    }
}

/// What the person scans or types into the authenticator. It is the secret: show it once.
#[derive(Debug)]
pub struct Provisioning {
    /// The otpauth URI, for a QR code.
    pub uri: SecretText,
    /// The secret in base32, for typing.
    pub base32: SecretText,
}

#[cfg(feature = "qr")]
impl Provisioning {
    /// The URI as a QR code, an SVG picture for a page: black on white in every theme, whole pixels a module, at least
    /// 245 a side. `None` where the URI is longer than a QR code holds.
    ///
    /// # Security
    /// The picture is the secret, as the URI is: no cache and no log keeps it.
    ///
    /// Specification: ISO/IEC 18004.
    #[must_use]
    pub fn qr_svg(&self) -> Option<SecretPicture> {
        crate::qr::svg(self.uri.expose_secret()).map(SecretPicture)
    }
}

/// A picture that is a secret: it is wiped on drop, and `Debug` prints none of it.
#[cfg(feature = "qr")]
pub struct SecretPicture(Zeroizing<String>);

#[cfg(feature = "qr")]
impl SecretPicture {
    /// The SVG document, to stand in a page as it is.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "qr")]
impl fmt::Debug for SecretPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPicture(..)")
    }
}
