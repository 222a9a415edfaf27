//! An OTP as it was typed.

use alloc::string::String;
use core::fmt;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{PublicId, modhex};
use crate::{Reason, Rejected, SecretText};

/// Letters of the encrypted block.
const BLOCK: usize = 32;
/// Letters of the longest OTP.
const LONGEST: usize = PublicId::MAX_BYTES.saturating_mul(2).saturating_add(BLOCK);

/// An OTP as it was typed: a public id and an encrypted block. Wiped on drop, since it may not be spent yet.
#[derive(ZeroizeOnDrop)]
pub struct Otp {
    #[zeroize(skip)]
    public_id: PublicId,
    pub(super) block: [u8; 16],
}

impl Otp {
    /// Reads modhex: 0 to 32 letters of a public id, then the 32 of the block.
    ///
    /// Blanks and line ends around it are ignored, as keys type one behind an OTP. Either case is read: caps lock. Where
    /// every letter is one that a Dvorak keyboard types for modhex, and one of them is no modhex, the keys
    /// are read that were pressed.
    ///
    /// # Errors
    /// [`Rejected`], with [`Reason::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        let malformed = Rejected::new(Reason::Malformed);
        let text = text.trim_ascii().as_bytes();
        let mut letters = Zeroizing::new([0; LONGEST]);
        let letters = letters.get_mut(..text.len()).ok_or(malformed)?;
        letters.copy_from_slice(text);
        modhex::from_dvorak(letters);
        let (name, letters) = letters.split_last_chunk::<BLOCK>().ok_or(malformed)?;
        let name = core::str::from_utf8(name).ok();
        let public_id = name.and_then(|name| name.parse().ok()).ok_or(malformed)?;
        let mut otp = Self::new(public_id, [0; 16]);
        modhex::read(letters, &mut otp.block).ok_or(malformed)?;
        Ok(otp)
    }

    pub(super) const fn new(public_id: PublicId, block: [u8; 16]) -> Self {
        Self { public_id, block }
    }

    /// Whose key to look for.
    ///
    /// # Security
    /// Anybody writes any public id in front of a block. It says nothing until [`Key::verify`](super::Key::verify)
    /// accepted the block.
    #[must_use]
    pub const fn public_id(&self) -> &PublicId {
        &self.public_id
    }

    /// The OTP in modhex, lower case: what a validation server is asked with.
    #[must_use]
    pub fn to_modhex(&self) -> SecretText {
        let mut text = Zeroizing::new(String::with_capacity(LONGEST));
        modhex::write(self.public_id.as_bytes(), &mut text);
        modhex::write(&self.block, &mut text);
        SecretText(text)
    }
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otp")
            .field("public_id", &self.public_id)
            .finish_non_exhaustive()
    }
}
