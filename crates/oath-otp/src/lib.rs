//! HOTP (RFC 4226) and TOTP (RFC 6238): constant-time verification, safe secrets, otpauth URIs.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod algorithm;
mod base32;
mod code;
mod digits;
mod hash;
mod hotp;
mod label;
mod mac;
mod period;
mod rejected;
mod search;
mod secret;
mod totp;
mod uri;

// For whoever verifies codes.
pub use hotp::{Counter, Hotp};
pub use rejected::{Reason, Rejected};
pub use totp::{TimeStep, Totp, Window};

// For whoever chooses parameters.
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use digits::{Digits, InvalidDigits};
pub use period::{InvalidPeriod, Period};

// For whoever holds, makes or moves secrets.
pub use code::Code;
pub use label::{Label, LabelError};
#[cfg(feature = "std")]
pub use secret::RandomError;
pub use secret::{Secret, SecretError, SecretText};
pub use uri::{Account, Method, NotExpressible, UriError};
