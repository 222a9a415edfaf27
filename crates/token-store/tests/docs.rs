//! Each test that SECURITY.md and docs/known-failures.md name exists.

use std::{fs, path::PathBuf};

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
