//! What the targets share: codes computed the plain way, and fixed keys and people.

#![forbid(unsafe_code)]

pub mod codes;
pub mod people;
