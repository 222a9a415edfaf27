//! Which accounts are there already.

use core::{fmt, hash::BuildHasher};
use std::{collections::HashMap, hash::RandomState};

use crate::Entry;

/// Accounts that are there already: whether one is among them takes the same time for ten thousand as for ten.
#[derive(Default)]
pub struct KnownEntries<'a> {
    hasher: RandomState,
    places: HashMap<u64, Vec<&'a Entry>>,
}

impl<'a> KnownEntries<'a> {
    /// Adds one, if it is another account than those; says whether it is.
    pub fn add(&mut self, entry: &'a Entry) -> bool {
        let new = !self.has(entry);
        if new {
            let alike = self.places.entry(mark(&self.hasher, entry)).or_default();
            alike.push(entry);
        }
        new
    }

    /// Whether one of them is the same account: [`Entry::is_same_account`].
    #[must_use]
    pub fn has(&self, entry: &Entry) -> bool {
        let alike = self.places.get(&mark(&self.hasher, entry));
        let mut alike = alike.into_iter().flatten();
        alike.any(|known| known.is_same_account(entry))
    }
}

impl<'a> FromIterator<&'a Entry> for KnownEntries<'a> {
    fn from_iter<I: IntoIterator<Item = &'a Entry>>(entries: I) -> Self {
        let mut known = Self::default();
        for entry in entries {
            known.add(entry);
        }
        known
    }
}

impl fmt::Debug for KnownEntries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownEntries(..)")
    }
}

/// The same for the same account, and for others by accident alone: whoever made a file cannot choose it.
pub(crate) fn mark(hasher: &RandomState, entry: &Entry) -> u64 {
    let codes = (entry.kind.name(), entry.algorithm.name(), entry.digits);
    let names = (&entry.issuer, &entry.account);
    hasher.hash_one((names, codes, entry.period(), &**entry.secret.bytes()))
}
