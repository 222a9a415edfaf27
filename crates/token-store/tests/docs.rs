//! Each test and each source file that a page names exists. `scripts/book.py` counts the lines of docs/audit.md.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    fs::canonicalize(root).expect("the workspace")
}

/// Every file below a folder whose name ends so, but what was built.
fn below(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let built = ["target", "node_modules", "corpus"].contains(&&*name);
            if !built && !name.starts_with('.') {
                below(&path, end, found);
            }
        } else if name.ends_with(end) {
            found.push(path);
        }
    }
}

fn all(end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    below(&root(), end, &mut found);
    found
}

/// A page's cells and paragraphs, each in one line: what a name without a folder refers to stands in the same one.
fn parts(page: &str) -> Vec<String> {
    let (mut parts, mut paragraph, mut is_code) = (Vec::new(), String::new(), false);
    for line in page.lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if is_fence || is_code || line.trim().is_empty() {
            parts.push(core::mem::take(&mut paragraph));
        } else if line.starts_with('|') {
            parts.extend(line.split('|').map(str::to_owned));
        } else {
            paragraph += line;
            paragraph.push(' ');
        }
    }
    parts.push(paragraph);
    parts
}

/// How many words of small letters and digits a name has, joined by `_`; none if it is no such name.
fn words_of(named: &str) -> usize {
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let words = named.split('_');
    let are_words = words
        .clone()
        .all(|word| !word.is_empty() && word.chars().all(letters));
    if are_words { words.count() } else { 0 }
}

/// What tests and laws a file has: functions, and what a macro makes one of, by name and sentence.
fn has_test(code: &str, named: &str) -> bool {
    code.contains(&format!("fn {named}(")) || code.contains(&format!("\n    {named}: \""))
}

/// What stands in one cell or paragraph, in its order.
struct Part<'a> {
    page: &'a str,
    sources: &'a [PathBuf],
    /// The files that the last path may mean.
    files: Vec<&'a PathBuf>,
    found: usize,
    faults: Vec<String>,
}

impl<'a> Part<'a> {
    /// A path names the files that end with it; one without a folder the file beside the last one, if there is one.
    fn file(&mut self, named: &str) {
        let beside: Vec<PathBuf> = match named.contains('/') {
            true => Vec::new(),
            false => {
                let folders = self.files.iter().filter_map(|file| file.parent());
                folders.map(|folder| folder.join(named)).collect()
            }
        };
        let sources = self.sources.iter();
        let mut files: Vec<&PathBuf> = sources
            .clone()
            .filter(|file| beside.contains(file))
            .collect();
        if files.is_empty() {
            files = sources.filter(|file| file.ends_with(named)).collect();
        }
        if files.is_empty() {
            self.faults
                .push(format!("{}: there is no {named}", self.page));
        }
        self.files = files;
        self.found = self.found.saturating_add(1);
    }

    /// A test is in one of the last path's files.
    fn test(&mut self, named: &str) {
        self.found_in(named, &self.files.clone(), has_test);
    }

    /// Without a path it may be a test, a setting or a verb, so that its name stands in some source.
    fn anything(&mut self, named: &str) {
        let sources: Vec<&PathBuf> = self.sources.iter().collect();
        self.found_in(named, &sources, |code, named| code.contains(named));
    }

    fn found_in(&mut self, named: &str, files: &[&PathBuf], stands: fn(&str, &str) -> bool) {
        let found = files.iter().any(|file| {
            let code = fs::read_to_string(file).expect("a source file");
            stands(&code, named)
        });
        if !found {
            let few = files.get(..8).unwrap_or(files);
            self.faults
                .push(format!("{}: no {named} in {few:?}", self.page));
        }
        self.found = self.found.saturating_add(1);
    }
}

/// A test stands after its file and a colon, in a list, or is a link to its file. A name of five words
/// stands in the sources, wherever the page has it.
fn read(part: &mut Part<'_>, text: &str) {
    let pieces: Vec<&str> = text.split('`').collect();
    let mut is_listed = false;
    for around in pieces.windows(3).step_by(2) {
        let &[before, named, after] = around else {
            continue;
        };
        let link = after.strip_prefix("](").unwrap_or_default();
        let target = link.split([')', '#']).next().unwrap_or_default();
        let goes_on = matches!(before.trim(), ":" | "," | "and" | ", and" | "(");
        if named.ends_with(".rs") && !named.contains(['*', '<', ' ']) {
            part.file(named);
            is_listed = true;
        } else if words_of(named) >= 3 && target.ends_with(".rs") {
            part.file(target.trim_start_matches("../"));
            part.test(named);
        } else if words_of(named) >= 2 && is_listed && goes_on {
            part.test(named);
        } else {
            is_listed = false;
            if words_of(named) >= 5 {
                part.anything(named);
            }
        }
    }
}

/// Whatever the page: SECURITY.md, the book, a decision.
#[test]
fn tests_that_a_page_names_exist() {
    let mut sources = all(".rs");
    sources.extend(all(".lua"));
    let (mut found, mut faults) = (0, Vec::new());
    for path in all(".md") {
        // What was is told by its name of then.
        if path.ends_with("CHANGELOG.md") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a page");
        let page = path.strip_prefix(root()).expect("below").to_string_lossy();
        for text in parts(&text) {
            let mut part = Part {
                page: &page,
                sources: &sources,
                files: Vec::new(),
                found: 0,
                faults: Vec::new(),
            };
            read(&mut part, &text);
            found += part.found;
            faults.extend(part.faults);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(found > 500, "{found} names: the pages were not read");
}

const AUDIT: &str = include_str!("../../../docs/audit.md");

/// A test file's path, with its crate or example; one without a folder stands beside the last.
fn resolve(named: &str, last: Option<&PathBuf>) -> Option<PathBuf> {
    if named.contains('/') {
        let folders = [root().join("crates"), root().join("examples")];
        return folders
            .map(|folder| folder.join(named))
            .into_iter()
            .find(|path| path.exists());
    }
    Some(last?.parent()?.join(named))
}

/// In docs/audit.md a row names test files and fuzz targets; a file without a folder stands beside the
/// last one, or in the `tests/` of the crate that its part of the table is about.
#[test]
fn audit_names_what_is_there() {
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
