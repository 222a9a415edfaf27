//! The engine stays small: what does not prove, guard or list factors is a service beside it.

use std::{fs, path::Path};

/// Everything that `impl TwoFactor` makes public and a caller awaits, in every file below this folder.
fn verbs(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            verbs(&path, found);
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source file");
        for block in source.split("\nimpl TwoFactor {").skip(1) {
            let (block, _) = block.split_once("\n}").expect("its end");
            let names = block.split("    pub async fn ").skip(1);
            let name = |rest: &str| rest.split(['(', '<']).next().unwrap_or_default().to_owned();
            found.extend(names.map(name));
        }
    }
}

/// `TwoFactor` has at most twelve verbs.
#[test]
fn engine_has_at_most_twelve_verbs() {
    let mut found = Vec::new();
    verbs(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
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
