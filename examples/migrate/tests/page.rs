//! `docs/migrating.md` shows what stands in this crate, and the program is as short as it says.

const PAGE: &str = include_str!("../../../docs/migrating.md");
const IMPORT: &str = include_str!("../src/import.rs");
const OLD_CODES: &str = include_str!("../src/old_codes.rs");

/// Each Rust block of the page is a part of the program, line for line.
#[test]
fn page_shows_the_program() {
    let blocks: Vec<&str> = PAGE
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or(rest))
        .collect();
    assert_eq!(blocks.len(), 2, "the page's blocks");
    for block in blocks {
        assert!(
            IMPORT.contains(block) || OLD_CODES.contains(block),
            "stands in no file:\n{block}"
        );
    }
}

/// The pass over the old table is a program of at most 60 lines.
#[test]
fn program_has_at_most_60_lines() {
    let lines = IMPORT.lines().map(str::trim);
    let written = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    let written = written.count();
    assert!(written <= 60, "{written}");
}
