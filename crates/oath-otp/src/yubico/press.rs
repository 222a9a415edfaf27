//! What a Yubikey says with one press.

/// What a Yubikey says with one press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an OTP whose counter is not stored as the last accepted one can be used again"]
pub struct Press {
    /// How often the key was plugged in: kept over losses of power.
    pub session: u16,
    /// How often it was pressed in this session before.
    pub uses: u8,
    /// The key's own clock of 24 bits and 8 ticks a second, which starts anywhere in each session.
    pub timestamp: u32,
    /// A number that makes the block hard to guess for whoever has the others.
    pub random: u16,
}

impl Press {
    /// Session and use as one counter, `session × 256 + use`: to be stored as the last accepted one.
    #[must_use]
    pub fn counter(&self) -> u64 {
        u64::from(self.session) << 8 | u64::from(self.uses)
    }

    /// Private id, session, timestamp, use, random and checksum, each little-endian.
    ///
    /// Specification: YubiKey Manual 3.4, section 6.1.
    #[expect(clippy::many_single_char_names, reason = "the bytes of one block")]
    pub(super) fn write(&self, private_id: &[u8; 6], block: &mut [u8; 16]) {
        let [a, b, c, d, e, f] = *private_id;
        let [g, h] = self.session.to_le_bytes();
        let [i, j, k, _] = self.timestamp.to_le_bytes();
        let [m, n] = self.random.to_le_bytes();
        *block = [a, b, c, d, e, f, g, h, i, j, k, self.uses, m, n, 0, 0];
        let [covered @ .., _, _] = &*block;
        let [o, p] = (!crc(covered)).to_le_bytes();
        *block = [a, b, c, d, e, f, g, h, i, j, k, self.uses, m, n, o, p];
    }

    pub(super) fn read(block: &[u8; 16]) -> Self {
        let [_, _, _, _, _, _, g, h, i, j, k, uses, m, n, _, _] = *block;
        Self {
            session: u16::from_le_bytes([g, h]),
            uses,
            timestamp: u32::from_le_bytes([i, j, k, 0]),
            random: u16::from_le_bytes([m, n]),
        }
    }
}

/// What [`crc`] is over a whole block that holds its checksum.
pub(super) const RESIDUAL: u16 = 0xf0b8;

/// CRC-16 of ISO 13239, without its final complement. Bit by bit and without a branch, since the block is secret.
///
/// Specification: YubiKey Manual 3.4, section 6.1; ISO/IEC 13239 (also known as X.25).
pub(super) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc: u16, _| {
            crc >> 1 ^ 0x8408 & (crc & 1).wrapping_neg()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksums of yubico-c's own tests, and the one of the catalogue of CRCs (CRC-16/IBM-SDLC).
    #[test]
    fn crc_of_published_bytes() {
        let block = [
            0x87, 0x92, 0xeb, 0xfe, 0x26, 0xcc, 0x13, 0x00, 0x30, 0xc2, 0x00, 0x11, 0xc8, 0x9f,
            0x23, 0xc8,
        ];
        assert_eq!(crc(&[0, 1, 2, 3, 4]), 62_919);
        assert_eq!(crc(&[0x55, 0xaa, 0x00, 0xff]), 52_149);
        assert_eq!(crc(&block), RESIDUAL);
        assert_eq!(!crc(b"123456789"), 0x906e);
    }
}
