//! The shared secret.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use core::fmt;

use rand::TryCryptoRng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::Algorithm;
use crate::base32::{self, StrayBits};

/// The secret that server and authenticator share. Wiped on drop.
///
/// Has no `Clone`, `PartialEq`, `Display` or `Serialize`, and its `Debug` tells nothing. It rests on
/// the heap, so that moving it leaves no copy behind.
#[derive(ZeroizeOnDrop)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// What a secret made here has at least: 16 bytes, 128 bits (RFC 4226 requirement R6).
    pub const MIN_BYTES: usize = 16;
    /// What a new secret has: 20 bytes, 160 bits (RFC 4226 requirement R6).
    pub const GENERATED_BYTES: usize = 20;
    /// What an imported secret has at most: 1,024 bytes, which bounds the work for one code.
    pub const MAX_BYTES: usize = 1024;

    /// Makes a secret of 160 bits with the operating system's generator.
    ///
    /// # Errors
    /// [`RandomError`] if that generator fails; never a weak secret.
    #[cfg(feature = "std")]
    pub fn try_generate() -> Result<Secret, RandomError> {
        Ok(Secret::try_generate_from_rng(&mut rand::rngs::SysRng)?)
    }

    /// Makes a secret of 160 bits.
    ///
    /// # Errors
    /// The generator's own; never a weak secret.
    ///
    /// Specification: RFC 4226 requirement R6.
    pub fn try_generate_from_rng<R: TryCryptoRng + ?Sized>(
        rng: &mut R,
    ) -> Result<Secret, R::Error> {
        Secret::fill(Secret::GENERATED_BYTES, rng)
    }

    /// Makes a secret as long as the algorithm's hash, the length that RFC 6238 recommends.
    ///
    /// # Errors
    /// The generator's own; never a weak secret.
    ///
    /// Specification: RFC 6238 section 5.1.
    pub fn try_generate_for<R: TryCryptoRng + ?Sized>(
        algorithm: Algorithm,
        rng: &mut R,
    ) -> Result<Secret, R::Error> {
        Secret::fill(algorithm.output_bytes(), rng)
    }

    fn fill<R: TryCryptoRng + ?Sized>(length: usize, rng: &mut R) -> Result<Secret, R::Error> {
        let mut secret = Secret(vec![0; length].into_boxed_slice());
        rng.try_fill_bytes(&mut secret.0)?;
        Ok(secret)
    }

    /// Copies a secret of 16 to 1,024 bytes.
    ///
    /// # Errors
    /// [`SecretError`] for every other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Secret, SecretError> {
        Secret::import_short(bytes)?.long_enough()
    }

    /// Reads a secret of 16 to 1,024 bytes from base32.
    ///
    /// Either case; ASCII blanks and dashes are ignored; padding is right or absent.
    ///
    /// # Errors
    /// [`SecretError`] for every other length, foreign characters, impossible lengths, wrong padding
    /// and stray bits.
    ///
    /// Specification: RFC 4648 section 6.
    pub fn from_base32(text: &str) -> Result<Secret, SecretError> {
        Secret::import_short_base32(text)?.long_enough()
    }

    /// Copies a secret that someone else made, of 1 to 1,024 bytes.
    ///
    /// # Security
    /// Accepts less than the 128 bits that RFC 4226 demands: many services hand out 80. Only for
    /// secrets that cannot be made anew.
    ///
    /// # Errors
    /// [`SecretError`] for every other length.
    pub fn import_short(bytes: &[u8]) -> Result<Secret, SecretError> {
        match bytes.len() {
            0 => Err(SecretError::Empty),
            1..=Secret::MAX_BYTES => Ok(Secret(bytes.into())),
            _ => Err(SecretError::TooLong),
        }
    }

    /// Reads a secret that someone else made, of 1 to 1,024 bytes, from base32.
    ///
    /// # Security
    /// As for [`import_short`](Secret::import_short).
    ///
    /// # Errors
    /// As for [`from_base32`](Secret::from_base32), except for short ones.
    ///
    /// Specification: RFC 4648 section 6.
    pub fn import_short_base32(text: &str) -> Result<Secret, SecretError> {
        Secret::read(text, StrayBits::Refuse)
    }

    /// Reads the base32 of an otpauth URI, which many issuers end with stray bits.
    pub(crate) fn from_uri(text: &str) -> Result<Secret, SecretError> {
        Secret::read(text, StrayBits::Drop)
    }

    fn read(text: &str, stray: StrayBits) -> Result<Secret, SecretError> {
        // Twice the digits of the longest secret leave room for every way of grouping them.
        const MAX_TEXT: usize = Secret::MAX_BYTES.saturating_mul(16).div_ceil(5);
        if text.len() > MAX_TEXT {
            return Err(SecretError::TooLong);
        }
        let bytes = base32::decode(text, stray).ok_or(SecretError::NotBase32)?;
        Secret::import_short(&bytes)
    }

    fn long_enough(self) -> Result<Secret, SecretError> {
        if self.0.len() < Secret::MIN_BYTES {
            return Err(SecretError::TooShort);
        }
        Ok(self)
    }

    /// The bytes, for sealing and storing.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// The base32 text in upper case and without padding, for whoever types instead of scanning.
    #[must_use]
    pub fn to_base32(&self) -> SecretText {
        SecretText(base32::encode(&self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Text that holds a [`Secret`]: its base32, or an otpauth URI. Wiped on drop.
pub struct SecretText(pub(crate) Zeroizing<String>);

impl SecretText {
    /// The text.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// Why bytes or text are no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// No byte at all. HMAC would take it, and give codes that everyone can compute.
    #[error("the secret is empty")]
    Empty,
    /// Foreign characters, an impossible length, wrong padding or stray bits.
    #[error("the secret is not base32")]
    NotBase32,
    /// More than [`Secret::MAX_BYTES`].
    #[error("the secret is longer than 1024 bytes")]
    TooLong,
    /// Less than [`Secret::MIN_BYTES`].
    #[error("the secret is shorter than 128 bits")]
    TooShort,
}

/// The operating system gave no randomness.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct RandomError(#[from] rand::rngs::SysError);
