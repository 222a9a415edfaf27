//! OTPs of Yubikeys: a public id, and one AES block that counts.
//!
//! ```
//! use oath_otp::yubico::{Key, Otp};
//!
//! let aes_key = core::array::from_fn(|place| place as u8);
//! let key = Key::from_bytes(&[1, 2, 3, 4, 5, 6], &aes_key);
//! let otp = Otp::parse("vvccccbbdvgtiblfkbgturecfllberrvkinnctnn")?; // what the person's key typed
//! assert_eq!(otp.public_id().to_string(), "vvccccbb"); // says whose key to look for
//! let press = key.verify(&otp, None)?;
//! // Store the counter, only ever forward, before believing the OTP: with it, the same OTP is refused.
//! assert!(key.verify(&otp, Some(press.counter())).is_err());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it guarantees
//!
//! * An OTP is right if the block holds the key's private id and its checksum, and its counters are higher than the
//!   last accepted ones. Both are computed and compared in constant time, whatever matches.
//! * Verifying allocates nothing, and wipes what it derived. A [`Key`] is wiped on drop, and so is an [`Otp`].
//! * A block is 128 bits, of which private id and checksum are 64: of 2⁶⁴ made-up OTPs one is right.
//! * An OTP is read as a keyboard types it: in either case, and as the keys lie in the Dvorak layout.
//!
//! # What it does not
//!
//! * It keeps no state: see [`Key::verify`].
//! * The counters of a key end at 65,535 sessions of 256 presses. A key that starts again from 0 is refused.
//! * Reading text is not constant-time: an OTP is read as it came, before anything secret is touched.

mod key;
pub mod modhex;
mod otp;
mod press;
mod public_id;

pub use key::Key;
pub use otp::Otp;
pub use press::Press;
pub use public_id::{InvalidPublicId, PublicId};
