//! Accounts of an authenticator, read from and written to other programs' files and QR codes.
//!
//! ```
//! use otp_vault::{Import, export};
//!
//! let file = b"otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXP&issuer=Example";
//! let imported = Import::new(file).read()?;
//! assert_eq!(imported.format, "uri-list");
//! let code = imported.entries[0].code(1_700_000_000)?;
//! assert_eq!(code.expose_secret().len(), 6);
//! let exported = export("aegis", &imported.entries, None)?;
//! assert!(exported.left_out.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it guarantees
//!
//! * A file is judged by its content, never by its name. What is recognised and not supported is named.
//! * Whole or nothing: a file that is cut off, whose MAC or padding is wrong or that cannot be read as a whole is an
//!   error, never a shorter vault. One entry that cannot be read is reported beside the others.
//! * A code is the one that the other program shows, or the entry is refused: no unknown algorithm becomes SHA-1.
//! * The work that a file asks for is capped, before any of it is done: [`limits`].
//! * No error, report or `Debug` text holds a secret, a PIN, a password or a URI. Secrets are wiped on drop, as far as
//!   the libraries that parse JSON, CSV and pictures let it be.
//!
//! # What it does not
//!
//! * It opens no files and asks no questions: `otp-vault-cli` does.
//! * It fetches no picture: an icon is one that stands in the file, or that who has it holds against [`Icon`].
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `store` | [`store`]: accounts of many people in a database, sealed one by one |
//!
//! # Specifications
//!
//! Formats are as their programs write them; each file in `src/formats` names its own. Key URI Format for URIs,
//! RFC 4648 for base32, RFC 7914 scrypt, RFC 9106 Argon2id, RFC 8018 PBKDF2, ISO/IEC 18004 for QR codes.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod algorithm;
mod cipher;
mod code;
mod entry;
mod error;
mod export;
mod file;
mod format;
mod formats;
mod groups;
mod icon;
mod import;
mod imported;
mod json;
mod kdf;
mod known;
pub mod limits;
pub mod qr;
mod reason;
mod report;
mod secret;
#[cfg(feature = "store")]
pub mod store;
mod unlock;
mod uri;
mod vault;
mod xml;

// For whoever keeps them.
pub use token_store::{key_file, ott_core::KeyRing};
pub use vault::{Added, Vault, VaultKey};

// For whoever converts.
pub use error::{Dropped, ExportError, ImportError, NotHeld};
pub use export::{Exported, export};
pub use format::{Format, formats};
pub use import::Import;
pub use imported::Imported;
pub use json::weigh as weigh_json;
pub use known::KnownEntries;
pub use reason::Reason;
pub use report::Skipped;

// For whoever shows them.
pub use icon::{Icon, IconError, IconType};

// For whoever holds accounts.
pub use algorithm::Algorithm;
pub use code::CodeError;
pub use entry::{Entry, Kind};
pub use oath_otp::Code;
pub use secret::{EntrySecret, Password};
pub use uri::{read as read_uri, write as write_uri};
