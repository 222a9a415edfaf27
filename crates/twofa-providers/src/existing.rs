//! What another system has of a factor.

use core::fmt;

#[cfg(feature = "yubico")]
use oath_otp::yubico::{Key, PublicId};
use oath_otp::{Hotp, Secret, Totp};
use token_store::ott_core::Destination;

/// What another system has of a factor. `Debug` prints which.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Existing<'a> {
    /// What only a provider of the application's own reads.
    Bytes(&'a [u8]),
    /// A verified address that codes are sent to.
    Destination(&'a Destination),
    /// A token with a counter.
    Hotp(&'a Hotp, &'a Secret),
    /// An authenticator app.
    Totp(&'a Totp, &'a Secret),
    /// A Yubikey, by its public id and what its server shares with it.
    #[cfg(feature = "yubico")]
    Yubico(&'a PublicId, &'a Key),
    /// A Yubikey whose OTPs a validation server checks.
    #[cfg(feature = "yubico")]
    YubicoId(&'a PublicId),
}

impl fmt::Debug for Existing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes(..)",
            Self::Destination(_) => "Destination(..)",
            Self::Hotp(..) => "Hotp(..)",
            Self::Totp(..) => "Totp(..)",
            #[cfg(feature = "yubico")]
            Self::Yubico(..) => "Yubico(..)",
            #[cfg(feature = "yubico")]
            Self::YubicoId(_) => "YubicoId(..)",
        })
    }
}
