//! What the targets share: codes and base32 the plain way, and fixed keys and people.

#![forbid(unsafe_code)]

pub mod codes;
pub mod people;
pub mod secrets;
