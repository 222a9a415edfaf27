//! `docs/migrating.md` shows this crate, whole: a program of at most 60 lines, and the provider of old codes.

const PAGE: &str = include_str!("../../../docs/migrating.md");
const MANIFEST: &str = include_str!("../Cargo.toml");
const PROGRAM: &str = include_str!("../src/main.rs");
const OLD_CODES: &str = include_str!("../src/lib.rs");

/// The page's Rust blocks are the crate's two files, from the first line to the last.
#[test]
fn page_shows_both_files_whole() {
    let blocks: Vec<&str> = PAGE
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or(rest))
        .collect();
    assert_eq!(blocks, [PROGRAM, OLD_CODES]);
}

/// The program counts with its comments and blank lines, and is all there is beside the old codes.
#[test]
fn program_has_at_most_60_lines() {
    let lines = PROGRAM.lines().count();
    assert!(lines <= 60, "{lines}");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let sources = std::fs::read_dir(sources).expect("sources");
    assert_eq!(sources.count(), 2, "files of which the page says nothing");
}

/// Whoever copies the two files has the dependency lines too, with the features that are asked for.
#[test]
fn page_has_every_dependency() {
    let lines = |text: &str| -> Vec<(String, Vec<String>)> {
        let (_, rest) = text.split_once("[dependencies]\n").expect("dependencies");
        let lines = rest
            .lines()
            .take_while(|line| !line.starts_with(['[', '`']));
        let named = lines.filter_map(|line| line.split_once(" = "));
        let mut all: Vec<_> = named
            .map(|(name, rest)| {
                let (_, features) = rest.split_once(" features = [").unwrap_or_default();
                let (features, _) = features.split_once(']').unwrap_or_default();
                let features = features.split('"').skip(1).step_by(2);
                (name.to_owned(), features.map(str::to_owned).collect())
            })
            .collect();
        all.sort();
        all
    };
    let built = lines(MANIFEST);
    assert!(built.len() > 3, "{built:?}");
    assert_eq!(lines(PAGE), built);
}
