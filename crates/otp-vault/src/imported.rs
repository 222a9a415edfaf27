//! What a file had.

use crate::Entry;
use crate::report::Skipped;

/// What was read.
#[derive(Debug)]
pub struct Imported {
    /// The name of the format.
    pub format: &'static str,
    /// What could be read, in the order of the file.
    pub entries: Vec<Entry>,
    /// What could not.
    pub skipped: Vec<Skipped>,
}
