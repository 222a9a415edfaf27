//! HOTP (RFC 4226) and TOTP (RFC 6238): constant-time verification, safe secrets, otpauth URIs.
//!
//! ```
//! use oath_otp::{Label, Secret, Totp};
//!
//! # #[cfg(feature = "std")] {
//! let (totp, secret) = (Totp::default(), Secret::try_generate()?);
//! let qr_code = totp.to_uri(&secret, &Label::new("Example", "alice@example.org")?)?;
//!
//! let now = 1_700_000_000; // Unix seconds, from the caller's clock
//! let typed = totp.generate(&secret, now); // what alice's authenticator shows
//! let step = totp.verify(&secret, typed.expose_secret(), now, None)?.get();
//! // Store `step` before believing the code: with it, the same code is refused.
//! assert!(totp.verify(&secret, typed.expose_secret(), now, Some(step)).is_err());
//! # }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it guarantees
//!
//! * Verifying computes and compares every step of the window and the one behind it (every counter of the
//!   look-ahead), in constant time, whatever matches; it returns the newest match of the window after the last
//!   accepted one.
//! * A code is read as people paste it, and always as the same code.
//! * Generating and verifying allocate nothing and schedule the key once.
//! * No input panics or overflows: not the time 0 or `u64::MAX`, not a megabyte of text.
//! * Parameters that make no sense cannot be expressed, nor read from JSON or a URI: no window of more
//!   than 63 steps, no resynchronisation over no counter.
//! * A secret is wiped on drop and is read only through `expose_secret`. What verification derives
//!   from it is wiped too, as far as safe Rust reaches: not registers, nor what the compiler spills.
//! * A secret made here has 160 bits or more. Shorter ones come in only through constructors whose
//!   name says so, and through [`Account::from_uri`].
//!
//! # What it does not
//!
//! * It keeps no state. A code is accepted once only if the caller stores the returned step in one
//!   atomic move that refuses to go back, and guessing is slow only if the caller counts attempts.
//! * It reads no clock. Drift is what [`Window`] allows, and nothing more.
//! * It verifies no other encodings than decimal digits. [`Steam`]'s codes are made for their owner; Yandex and mOTP are
//!   other methods.
//! * Reading and writing base32 and URIs is not constant-time; neither is used to verify.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `std` (default) | `Secret::try_generate`, with the operating system's randomness |
//! | `serde` | `Serialize` and `Deserialize` of parameters, never of secrets |
//! | `sha3` | HMAC over SHA-3 |
//! | `yubico` | [`yubico`]: OTPs of Yubikeys |
//!
//! Without features the crate is `no_std` with `alloc`.
//!
//! # Specifications
//!
//! | document | here |
//! | --- | --- |
//! | RFC 4226 | [`Hotp`] |
//! | RFC 6238 | [`Totp`] |
//! | RFC 2104, FIPS 180-4, FIPS 202 | [`Algorithm`] |
//! | RFC 4648 section 6 | [`Secret::from_base32`] |
//! | Key URI Format, RFC 3986 | [`Account::from_uri`] |
//! | FIPS 197, the YubiKey Manual's section on OTP | [`yubico`] |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod algorithm;
mod base32;
mod code;
mod digits;
mod hash;
mod hotp;
mod label;
mod mac;
mod pad;
mod period;
mod reach;
mod rejected;
mod search;
mod secret;
#[cfg(feature = "sha3")]
mod sponge;
mod steam;
mod totp;
mod truncate;
mod typed;
mod uri;
mod visible;
#[cfg(feature = "yubico")]
pub mod yubico;

// For whoever verifies codes.
pub use hotp::{Counter, Hotp};
pub use rejected::{Reason, Rejected};
pub use totp::{TimeStep, Totp, Window};

// For whoever shows codes.
pub use steam::Steam;

// For whoever chooses parameters.
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use digits::{Digits, InvalidDigits};
pub use period::{InvalidPeriod, Period};
pub use reach::{InvalidReach, InvalidResyncRange, Reach, ResyncRange};

// For whoever holds, makes or moves secrets.
pub use code::Code;
pub use label::{Label, LabelError};
#[cfg(feature = "std")]
pub use secret::RandomError;
pub use secret::{Secret, SecretError, SecretText};
pub use uri::{Account, Method, NotExpressible, UriError};
