//! Why a file could not be read or written. No text of a file is in any of these.

use crate::Reason;

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Of this format, and cut off or changed.
    #[error("the {0} file is damaged or cut off")]
    Damaged(&'static str),
    /// Read as a whole, and not one entry could be used.
    #[error("the {0} file holds no account that can be read")]
    Empty(&'static str),
    /// A vault that is sealed under a key ring, and none was given, or one without its key.
    #[error("the vault needs the key ring that it was sealed under")]
    KeyRingNeeded,
    /// A picture without QR codes, or one that cannot be read.
    #[error("the picture holds no QR code that can be read")]
    NoQrCode,
    /// Recognised; these are not read here.
    #[error("this is {0}, which is not supported")]
    NotSupported(&'static str),
    /// Encrypted, and no password was given.
    #[error("the {0} file needs a password")]
    PasswordNeeded(&'static str),
    /// Longer than [`FILE_BYTES`](crate::limits::FILE_BYTES).
    #[error("the file is larger than 64 MiB")]
    TooLarge,
    /// Beyond [`limits`](crate::limits).
    #[error("the file asks for more work than allowed")]
    TooMuchWork,
    /// No format's name.
    #[error("there is no format of this name to read")]
    UnknownFormat,
    /// No known format's content.
    #[error("the file is of no known format")]
    Unrecognised,
    /// Sealed under a key ring, and changed since.
    #[error("the vault was changed since it was sealed")]
    SealBroken,
    /// The two cannot be told apart.
    #[error("the password is wrong, or the {0} file is damaged")]
    WrongPassword(&'static str),
    /// The three cannot be told apart: of andOTP, where a number of iterations beyond
    /// [`limits`](crate::limits) may be a nonce.
    #[error(
        "the password is wrong, the {0} file is damaged, or it asks for more work than allowed"
    )]
    WrongPasswordOrTooMuchWork(&'static str),
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// This format is never encrypted.
    #[error("{0} files are not encrypted: a password would be for nothing")]
    NeverEncrypted(&'static str),
    /// What was written says something else when it is read: nothing is handed out then.
    #[error("{0} cannot hold these accounts as they are")]
    NotHeld(&'static str),
    /// The operating system gave no randomness, or a derivation failed.
    #[error("the file could not be encrypted")]
    NotEncrypted,
    /// This format is always encrypted.
    #[error("a vault needs a password")]
    PasswordNeeded,
    /// No format's name, or one that is only read.
    #[error("there is no format of this name to write")]
    UnknownFormat,
}

/// An entry that a format holds without something that its code does not need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its place among the entries, from 0.
    pub index: usize,
    /// `issuer:account`.
    pub name: String,
    /// What a reader of the file does not find as it was: `issuer`, `account`, `groups`, `note`, `pin`, `icon`.
    pub fields: Vec<&'static str>,
}

/// An entry that a format cannot hold, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotHeld {
    /// Its place among the entries, from 0.
    pub index: usize,
    /// `issuer:account`.
    pub name: String,
    /// Which of its properties the format has no room for.
    pub reason: Reason,
}
