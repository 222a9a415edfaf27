//! The hash under HMAC.

use core::fmt;
use core::str::FromStr;

/// The hash function under HMAC.
///
/// SHA-1 is the default because every authenticator knows it; HMAC does not rest on the collision
/// resistance that SHA-1 lost. Some authenticators ignore the choice and always use SHA-1.
///
/// Specification: RFC 6238 section 1.2; RFC 4226 section 5.2 (SHA-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC-SHA-1.
    #[default]
    #[cfg_attr(feature = "serde", serde(rename = "SHA1"))]
    Sha1,
    /// HMAC-SHA-256.
    #[cfg_attr(feature = "serde", serde(rename = "SHA256"))]
    Sha256,
    /// HMAC-SHA-512.
    #[cfg_attr(feature = "serde", serde(rename = "SHA512"))]
    Sha512,
    /// HMAC-SHA3-224.
    #[cfg(feature = "sha3")]
    #[cfg_attr(feature = "serde", serde(rename = "SHA3-224"))]
    Sha3_224,
    /// HMAC-SHA3-256.
    #[cfg(feature = "sha3")]
    #[cfg_attr(feature = "serde", serde(rename = "SHA3-256"))]
    Sha3_256,
    /// HMAC-SHA3-384.
    #[cfg(feature = "sha3")]
    #[cfg_attr(feature = "serde", serde(rename = "SHA3-384"))]
    Sha3_384,
    /// HMAC-SHA3-512.
    #[cfg(feature = "sha3")]
    #[cfg_attr(feature = "serde", serde(rename = "SHA3-512"))]
    Sha3_512,
}

impl Algorithm {
    /// Every algorithm of this build.
    pub const ALL: &[Algorithm] = &[
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha512,
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_224,
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_256,
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_384,
        #[cfg(feature = "sha3")]
        Algorithm::Sha3_512,
    ];

    /// The name, as an otpauth URI spells it: `SHA1`, `SHA256`, `SHA512`, `SHA3-256`, …
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
            #[cfg(feature = "sha3")]
            Algorithm::Sha3_224 => "SHA3-224",
            #[cfg(feature = "sha3")]
            Algorithm::Sha3_256 => "SHA3-256",
            #[cfg(feature = "sha3")]
            Algorithm::Sha3_384 => "SHA3-384",
            #[cfg(feature = "sha3")]
            Algorithm::Sha3_512 => "SHA3-512",
        }
    }

    /// The length of the hash in bytes, which is also the recommended length of a secret.
    ///
    /// Specification: RFC 6238 section 5.1.
    #[must_use]
    pub const fn output_bytes(self) -> usize {
        match self {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
            #[cfg(feature = "sha3")]
            Algorithm::Sha3_224 => 28,
            #[cfg(feature = "sha3")]
            Algorithm::Sha3_256 => 32,
            #[cfg(feature = "sha3")]
            Algorithm::Sha3_384 => 48,
            #[cfg(feature = "sha3")]
            Algorithm::Sha3_512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a [name](Algorithm::name) in any case.
///
/// Aliases (`SHA-256`, `HMACSHA256`) are refused: programs that guess here fall back to SHA-1 and
/// show wrong codes.
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Algorithm::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or(UnknownAlgorithm(()))
    }
}

/// A name that belongs to no [`Algorithm`] of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown hash algorithm")]
pub struct UnknownAlgorithm(());
