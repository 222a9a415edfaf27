//! What the targets share: how they are written, codes and base32 the plain way, fixed keys and people.

#![forbid(unsafe_code)]

pub mod codes;
pub mod people;
pub mod secrets;
pub mod target;

#[cfg(feature = "libfuzzer")]
pub use target::fuzz_target;
