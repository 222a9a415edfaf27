//! Each test that SECURITY.md, docs/known-failures.md and docs/audit.md name exists.

use std::{
    fs,
    path::{Path, PathBuf},
};

const PAGES: [(&str, &str); 2] = [
    ("SECURITY.md", include_str!("../../../SECURITY.md")),
    (
        "docs/known-failures.md",
        include_str!("../../../docs/known-failures.md"),
    ),
];

/// A test file's path, with its crate or example; one without a folder stands beside the last.
fn resolve(named: &str, last: Option<&PathBuf>) -> Option<PathBuf> {
    if named.contains('/') {
        let crates = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let folders = [crates.clone(), crates.join("../examples")];
        return folders
            .map(|folder| folder.join(named))
            .into_iter()
            .find(|path| path.exists());
    }
    Some(last?.parent()?.join(named))
}

#[test]
fn every_test_that_a_page_names_exists() {
    let mut found = 0;
    for (page, text) in PAGES {
        for row in text.lines().filter(|line| line.starts_with('|')) {
            let Some(shown_by) = row.rsplit('|').nth(1) else {
                continue;
            };
            let mut file: Option<PathBuf> = None;
            let mut code = String::new();
            for named in shown_by.split('`').skip(1).step_by(2) {
                let is_file = PathBuf::from(named)
                    .extension()
                    .is_some_and(|extension| extension == "rs");
                // A file without a crate, before any with one, names files of several crates.
                if is_file && !named.contains('/') && file.is_none() {
                    break;
                }
                if is_file {
                    file = resolve(named, file.as_ref());
                    let read = file.as_ref().and_then(|path| fs::read_to_string(path).ok());
                    code = read.unwrap_or_else(|| panic!("{page} names {named}, which is none"));
                } else if file.is_some() {
                    let function = format!("fn {named}(");
                    assert!(code.contains(&function), "{page}: no {named} in {file:?}");
                    found += 1;
                }
            }
        }
    }
    assert!(found > 45, "{found} names: the tables were not read");
}

const AUDIT: &str = include_str!("../../../docs/audit.md");

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// In docs/audit.md a row names test files and fuzz targets; a file without a folder stands beside the
/// last one, or in the `tests/` of the crate that its part of the table is about.
#[test]
fn what_carries_each_claim_of_the_audit_exists() {
    let (mut found, mut part) = (0, None);
    for row in AUDIT.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (claim, carried_by) = (cells[1], cells[2]);
        if let Some(name) = claim.strip_prefix("**") {
            let tests = root().join("crates").join(name.trim_end_matches('*'));
            part = Some(tests.join("tests/any")).filter(|_| tests.exists());
            continue;
        }
        let mut last = part.clone();
        for phrase in carried_by.split(';') {
            for named in phrase.split('`').skip(1).step_by(2) {
                let is_test = named.ends_with(".rs") || named.ends_with(".py");
                let path = if is_test {
                    last = resolve(named, last.as_ref());
                    last.clone()
                } else if phrase.trim().starts_with("fuzz ") {
                    Some(root().join(format!("fuzz/fuzz_targets/{named}.rs")))
                } else if named.starts_with("scripts/") {
                    Some(root().join(named))
                } else {
                    continue;
                };
                let exists = path.is_some_and(|path| path.is_file());
                assert!(exists, "`{named}` for \"{claim}\"");
                found += 1;
            }
        }
    }
    assert!(found > 50, "{found} names: the table was not read");
}

/// All of a crate's source counts, with docs and blank lines.
#[test]
fn the_audit_counts_the_lines_of_the_cores() {
    for name in ["oath-otp", "ott-core"] {
        let (_, rest) = AUDIT.split_once(&format!("`{name}` (")).expect("a number");
        let (said, _) = rest.split_once(" lines").expect("a number of lines");
        let said: f64 = said.replace(',', "").parse().expect("a number");
        let folder = root().join("crates").join(name).join("src");
        let lines = lines_below(&folder);
        let off = said / lines as f64 - 1.0;
        assert!(off.abs() < 0.04, "{name}: {lines} lines, not {said}");
    }
}

/// Of all files in a folder, and in the folders in it.
fn lines_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("sources");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let lines = paths.map(|path| match path.is_dir() {
        true => lines_below(&path),
        false => fs::read_to_string(path).expect("text").lines().count(),
    });
    lines.sum()
}
