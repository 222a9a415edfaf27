//! The name that a Yubikey puts in front of its OTPs.

use core::{fmt, str::FromStr};

use super::modhex;

/// The name that a Yubikey puts in front of its OTPs: 0 to 16 bytes, 6 as they are sold. It is no secret, and
/// displayed in modhex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicId {
    bytes: [u8; PublicId::MAX_BYTES],
    length: u8,
}

impl PublicId {
    /// The longest: 16 bytes.
    pub const MAX_BYTES: usize = 16;

    /// The id with these bytes.
    ///
    /// # Errors
    /// [`InvalidPublicId`] above [`MAX_BYTES`](PublicId::MAX_BYTES).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPublicId> {
        let mut own = [0; Self::MAX_BYTES];
        let room = own.get_mut(..bytes.len()).ok_or(InvalidPublicId(()))?;
        room.copy_from_slice(bytes);
        let length = u8::try_from(bytes.len()).map_err(|_| InvalidPublicId(()))?;
        Ok(Self { bytes: own, length })
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }
}

impl FromStr for PublicId {
    type Err = InvalidPublicId;

    /// Reads modhex in either case.
    fn from_str(text: &str) -> Result<Self, InvalidPublicId> {
        let mut bytes = [0; Self::MAX_BYTES];
        let room = bytes.get_mut(..text.len() / 2).ok_or(InvalidPublicId(()))?;
        modhex::read(text.as_bytes(), room).ok_or(InvalidPublicId(()))?;
        Self::from_bytes(room)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&modhex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({self})")
    }
}

/// No modhex of 0 to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the public id is not modhex of 0 to 16 bytes")]
pub struct InvalidPublicId(());
