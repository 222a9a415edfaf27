//! The engine stays small: what does not prove, guard or list factors is a service beside it.

use std::{fs, path::Path};

/// What tells how an engine was built, and asks and changes nothing.
const ACCESSORS: [&str; 3] = ["builder", "guess_bound", "providers"];

/// The name of a function that a caller outside of the crate has, by the line on which it begins.
fn public_function(line: &str) -> Option<String> {
    let mut rest = line.trim_start().strip_prefix("pub ")?;
    for word in ["const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?.split(['(', '<']).next();
    name.map(str::to_owned)
}

/// Whether an `impl` is of the engine itself, whatever stands between: lifetimes, a path, a trait.
fn is_of_the_engine(header: &str) -> bool {
    let (ours, _) = header.split_once(" where ").unwrap_or((header, ""));
    let of = ours.rsplit([' ', ':']).next().unwrap_or_default();
    of.split('<').next() == Some("TwoFactor")
}

/// What every `impl` of `TwoFactor` in a source makes public, also one in a module or behind an attribute.
fn in_source(source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((indent, _)) = line.split_once("impl") else {
            continue;
        };
        let block: String = lines
            .iter()
            .skip(at)
            .flat_map(|line| [line, "\n"])
            .collect();
        let Some((header, body)) = block.split_once('{') else {
            continue;
        };
        let header = header.split_whitespace().collect::<Vec<_>>().join(" ");
        if indent.trim().is_empty() && is_of_the_engine(&header) {
            let end = format!("{indent}}}");
            let body = body.lines().take_while(|line| *line != end);
            found.extend(body.filter_map(public_function));
        }
    }
    found
}

/// In every file below this folder.
fn public_functions(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            public_functions(&path, found);
        } else {
            found.extend(in_source(
                &fs::read_to_string(&path).expect("a source file"),
            ));
        }
    }
}

/// `TwoFactor` has at most twelve verbs.
#[test]
fn engine_has_at_most_twelve_verbs() {
    let mut found = Vec::new();
    public_functions(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
    for accessor in ACCESSORS {
        assert!(found.iter().any(|name| name == accessor), "{accessor}");
    }
    found.retain(|name| !ACCESSORS.contains(&name.as_str()));
    let expected = [
        "confirm",
        "enrol",
        "factors",
        "fresh",
        "goes_to",
        "import",
        "offered",
        "remove",
        "remove_last_too",
        "rename",
        "request",
        "verify",
    ];
    assert_eq!(found, expected);
}

/// No spelling of an `impl` or of a function hides a verb; what is of the crate alone is none.
#[test]
fn verbs_are_found_however_they_are_written() {
    let source = "
impl TwoFactor {
    pub fn plain(&self) {}
    pub const fn constant(&self) {}
    pub(crate) fn of_the_crate(&self) {}
    fn private(&self) {}
}
impl<'a> crate::TwoFactor {
    pub async fn awaited<T>(&self) {}
}
mod inner {
    impl<T> super::TwoFactor<T>
    where
        T: Clone,
    {
        pub async fn of_a_module(&self) {}
    }
}
impl TwoFactorBuilder {
    pub fn of_another(&self) {}
}
impl From<TwoFactor> for Other {
    pub fn of_a_third(&self) {}
}
";
    let expected = ["plain", "constant", "awaited", "of_a_module"];
    assert_eq!(in_source(source), expected);
}
