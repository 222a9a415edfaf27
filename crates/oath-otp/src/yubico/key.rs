//! What a Yubikey and its server share.

use alloc::boxed::Box;
use core::fmt;

use aes::{
    Aes128,
    cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _},
};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    Otp, Press, PublicId,
    press::{RESIDUAL, crc},
};
use crate::{Reason, Rejected};

/// What a Yubikey and its server share: a private id and an AES key. Wiped on drop.
///
/// Has no `Clone`, `PartialEq`, `Display` or `Serialize`, and its `Debug` tells nothing. It rests on
/// the heap, so that moving it leaves no copy behind.
#[derive(ZeroizeOnDrop)]
pub struct Key(Box<Shared>);

#[derive(Zeroize)]
struct Shared {
    private_id: [u8; 6],
    aes: [u8; 16],
}

impl Key {
    /// Copies a key.
    #[must_use]
    pub fn from_bytes(private_id: &[u8; 6], aes: &[u8; 16]) -> Self {
        Self(Box::new(Shared {
            private_id: *private_id,
            aes: *aes,
        }))
    }

    /// The private id, for sealing and storing.
    #[must_use]
    pub fn expose_private_id(&self) -> &[u8; 6] {
        &self.0.private_id
    }

    /// The AES key, for sealing and storing.
    #[must_use]
    pub fn expose_aes_key(&self) -> &[u8; 16] {
        &self.0.aes
    }

    /// Reads the OTP's block.
    ///
    /// Private id and checksum are both compared in constant time, whatever matches. The OTP is right if its counters
    /// are above `last_accepted`: a higher session, or the same one and a higher use.
    ///
    /// # Security
    /// This changes nothing. Whoever calls it must, in one atomic step, raise the stored `last_accepted` to
    /// [`Press::counter`] and refuse when it already is that high: only then is an OTP accepted once. It must also
    /// look for the key by [`Otp::public_id`].
    ///
    /// # Errors
    /// [`Rejected`], with one text for every cause.
    pub fn verify(&self, otp: &Otp, last_accepted: Option<u64>) -> Result<Press, Rejected> {
        let mut block = Zeroizing::new(otp.block);
        self.cipher().decrypt_block((&mut *block).into());
        let (private_id, _) = block.split_at(6);
        let own = private_id.ct_eq(&self.0.private_id) & crc(&*block).ct_eq(&RESIDUAL);
        if !bool::from(own) {
            return Err(Rejected::new(Reason::NoMatch));
        }
        let press = Press::read(&block);
        match last_accepted {
            Some(last) if press.counter() <= last => Err(Rejected::new(Reason::Replayed)),
            _ => Ok(press),
        }
    }

    /// The OTP of a press, as the key would type it: for tests, and for programs that stand for a key. Of the timestamp,
    /// the lowest 24 bits are taken.
    #[must_use]
    pub fn generate(&self, public_id: PublicId, press: &Press) -> Otp {
        let mut block = Zeroizing::new([0; 16]);
        press.write(&self.0.private_id, &mut block);
        self.cipher().encrypt_block((&mut *block).into());
        Otp::new(public_id, *block)
    }

    fn cipher(&self) -> Aes128 {
        Aes128::new((&self.0.aes).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block of yubico-c's own test of AES (selftest.c): its checksum is none, so that no OTP from outside shows it.
    #[test]
    fn block_of_another_implementation() {
        let key = Key::from_bytes(&[0; 6], b"abcdef0123456789");
        let mut block = *b"0123456789abcdef";
        key.cipher().decrypt_block((&mut block).into());
        let plain = [
            0x83, 0x8a, 0x46, 0x7f, 0x34, 0x63, 0x95, 0x51, 0x75, 0x5b, 0xd3, 0x2a, 0x4a, 0x2f,
            0x15, 0xe1,
        ];
        assert_eq!(block, plain);
        key.cipher().encrypt_block((&mut block).into());
        assert_eq!(block, *b"0123456789abcdef");
    }

    /// A block with the right private id and a wrong checksum is none: nobody shifts a counter in it. Without the AES key no
    /// block has the one and not the other, so that no OTP from outside shows it.
    #[test]
    fn checksum_is_compared() {
        let key = Key::from_bytes(&[7; 6], &[9; 16]);
        let id = PublicId::from_bytes(&[1]).expect("short");
        let press = Press {
            session: 1,
            uses: 1,
            timestamp: 1,
            random: 1,
        };
        for place in 6..16 {
            let mut block = [0; 16];
            press.write(&[7; 6], &mut block);
            block[place] ^= 1;
            key.cipher().encrypt_block((&mut block).into());
            let reason = key
                .verify(&Otp::new(id, block), None)
                .map_err(|why| why.reason());
            assert_eq!(reason, Err(Reason::NoMatch), "{place}");
        }
        assert!(key.verify(&key.generate(id, &press), None).is_ok());
    }
}
