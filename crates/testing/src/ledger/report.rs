//! What a run comes to: a row of a table.

use core::{fmt, fmt::Write as _, time::Duration};
use std::collections::BTreeMap;

use super::{
    entry::Outage,
    terms::{Found, Terms},
};

/// A fault and what it did.
#[derive(Clone, Debug)]
pub struct Row {
    /// The fault.
    pub name: &'static str,
    /// What the ledger found.
    pub found: Found,
    /// How many calls.
    pub operations: usize,
    /// How many of them were an outage, by kind, with an example of each.
    pub outages: BTreeMap<Outage, (usize, String)>,
    undoes: bool,
    timeout: Duration,
    lasted: Duration,
    slowest: Duration,
}

impl Row {
    pub(super) fn new(name: &'static str, found: Found, terms: &Terms) -> Self {
        Self {
            name,
            found,
            operations: 0,
            outages: BTreeMap::new(),
            undoes: terms.undoes,
            timeout: terms.timeout,
            lasted: Duration::ZERO,
            slowest: Duration::ZERO,
        }
    }

    pub(super) fn lasted(self, lasted: Duration) -> Self {
        Self { lasted, ..self }
    }

    pub(super) fn counted<'w>(
        mut self,
        operations: usize,
        outages: impl Iterator<Item = (Outage, &'w str)>,
    ) -> Self {
        self.operations = operations;
        for (kind, words) in outages {
            let (count, example) = self.outages.entry(kind).or_default();
            *count += 1;
            if example.is_empty() {
                words.clone_into(example);
            }
        }
        self
    }

    pub(super) fn slowest(self, slowest: Duration) -> Self {
        Self { slowest, ..self }
    }

    /// Adds what somebody else found.
    pub fn blame(&mut self, words: impl Into<String>) {
        self.found.faults.push(words.into());
    }

    /// Whether everything is as documented.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.found.faults.is_empty()
    }

    /// # Panics
    /// Where anything is not as documented.
    pub fn assert_kept(&self) {
        let some: Vec<_> = self.found.faults.iter().take(20).collect();
        assert!(
            self.is_kept(),
            "{self}\n{} faults: {some:#?}\n{:#?}",
            self.found.faults.len(),
            self.outages
        );
    }

    /// Where losses and double spends are documented, the number says so.
    fn documented(&self, all: usize, documented: bool) -> String {
        if all > 0 && documented {
            format!("{all} (documented)")
        } else {
            all.to_string()
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.found;
        let outages: usize = self.outages.values().map(|(count, _)| count).sum();
        let all_let_go = found.losses == found.let_go;
        write!(
            f,
            "| {} | {:.1} | {} | {} | {} | {} | {} | {} | {:.2} s of {:.1} | {:.2} s |",
            self.name,
            self.lasted.as_secs_f32(),
            self.operations,
            outages,
            self.documented(found.double_spends, self.undoes),
            self.documented(found.losses, self.undoes || all_let_go),
            self.documented(found.back, self.undoes),
            self.documented(found.over, self.undoes || self.is_kept()),
            self.slowest.as_secs_f32(),
            self.timeout.as_secs_f32(),
            found.recovery.as_secs_f32(),
        )
    }
}

/// All of them, as Markdown.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| fault | seconds | operations | outages | double spends | losses | counters back | limits over | \
         slowest verb | recovery |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let _ = writeln!(text, "{row}");
    }
    text
}
