//! What the tables are called.

/// PostgreSQL cuts longer names off.
const LONGEST: usize = 63;
/// The longest that is put behind a prefix.
const LONGEST_END: usize = "tokens_expires_at".len();

/// The tables of one schema and prefix.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) schema: String,
    pub(super) prefix: String,
}

impl Names {
    /// The text with the tables' names, of their schema: no `search_path` leads elsewhere.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut text = text.replace("{index}", &self.prefix);
        for table in [
            "tokens",
            "slots",
            "ends",
            "factors",
            "limits",
            "queue",
            "lines",
            "migrations",
        ] {
            text = text.replace(&format!("{{{table}}}"), &self.table(table));
        }
        text
    }

    pub(super) fn table(&self, table: &str) -> String {
        format!("\"{}\".{}{table}", self.schema, self.prefix)
    }

    /// Lower-case letters, digits and underscores, a letter or an underscore first: such names mean
    /// themselves, quoted or not.
    pub(super) fn are_valid(&self) -> bool {
        let plain = |name: &str| {
            name.bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
                && !name.starts_with(|first: char| first.is_ascii_digit())
        };
        let longest_prefix = LONGEST.saturating_sub(LONGEST_END);
        plain(&self.schema)
            && plain(&self.prefix)
            && (1..=LONGEST).contains(&self.schema.len())
            && (1..=longest_prefix).contains(&self.prefix.len())
    }
}
