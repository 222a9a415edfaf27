//! The parts of a migration: an engine over the new tables, and a provider for the old backup codes.
//!
//! `docs/migrating.md` tells of both.

mod engine;
mod import;
mod old_codes;

pub use engine::engine;
pub use import::{Taken, import_all};
pub use old_codes::OldCodes;
