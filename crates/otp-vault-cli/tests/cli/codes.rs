//! Codes of an account, and counters that go forward.

use std::process::Stdio;

use crate::place::{Place, json, uri};

/// RFC 6238 appendix B with SHA-1: codes of a moment, the next one, and the seconds that are left.
#[test]
fn code_is_that_of_the_rfc() {
    let place = Place::new();
    let uri = uri("totp", "a", "&digits=8");
    assert_eq!(place.ok("code --at 59 -", &uri), "94287082\n");
    assert_eq!(place.ok("code --at 29 --next -", &uri), "94287082\n");
    assert_eq!(place.ok("code --at 59 --remaining -", &uri), "94287082 1\n");
    // Too short a rest: the code that follows.
    assert_eq!(
        place.ok("code --at 29 --min-remaining 2 -", &uri),
        "94287082\n"
    );
    place.fails("code --at 29 --min-remaining 31 -", &uri, 1);
    let row = json(&place.ok("code --json --at 59 -", &uri));
    assert_eq!(
        (row["code"].as_str(), row["remaining"].as_u64()),
        (Some("94287082"), Some(1))
    );
    // The same hash in Steam's letters: RFC 4226 appendix D, counter 1.
    assert_eq!(
        place.ok("code --at 59 -", &self::uri("steam", "a", "")),
        "PV9M4\n"
    );
    place.fails("code -", "hello", 1);
}

/// A query means one account or none; several are listed, and a whole name wins.
#[test]
fn query_means_one_account() {
    let place = Place::new();
    let names = ["GitHub:alice", "GitHub:alice2", "Example:bob"];
    let list: String = names.iter().map(|name| uri("totp", name, "")).collect();
    place.write("list", list.as_bytes());
    assert_eq!(place.ok("code --file list BOB", "").len(), 7);
    assert_eq!(place.ok("code --file list github:ALICE", "").len(), 7);
    let said = place.fails("code --file list git", "", 1);
    assert!(said.contains("GitHub:alice2") && !said.contains("bob"));
    place.fails("code --file list nobody", "", 1);
    place.fails("code --file missing a", "", 1);
}

/// Processes that ask one counting account at the same moment get different codes.
#[test]
fn counters_are_used_once_under_races() {
    let place = Place::new();
    place.ok("init --password-file pw", "");
    place.ok(
        "add --password-file pw",
        &uri("hotp", "bob", "&counter=0&digits=8"),
    );
    let line = "code --password-file pw bob";
    let children: Vec<_> = (0..8)
        .map(|_| {
            place
                .command(line)
                .stdout(Stdio::piped())
                .spawn()
                .expect("it")
        })
        .collect();
    let mut codes: Vec<_> = children
        .into_iter()
        .map(|child| child.wait_with_output().expect("an end").stdout)
        .collect();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 8);
}

/// A counter of another program's file cannot be stored, and that is said.
#[test]
fn counter_that_is_not_stored_is_said() {
    let output = Place::new().run("code -", &uri("hotp", "a", "&counter=0"));
    assert_eq!(output.stdout, b"755224\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("not stored"));
}

/// The next code of an account that counts is that of the counter behind, and nothing is used up.
#[test]
fn next_code_of_a_counter_only_looks() {
    let place = Place::new();
    place.ok("init --password-file pw", "");
    place.ok("add --password-file pw", &uri("hotp", "bob", "&counter=0"));
    // RFC 4226 appendix D.
    for _ in 0..2 {
        assert_eq!(
            place.ok("code --next --password-file pw bob", ""),
            "287082\n"
        );
    }
    assert_eq!(place.ok("code --password-file pw bob", ""), "755224\n");
    let row = json(&place.ok("code --next --json -", &uri("hotp", "bob", "&counter=0")));
    assert_eq!(
        (row["code"].as_str(), row["counter"].as_u64()),
        (Some("287082"), Some(1))
    );
    place.fails(
        "code --at 18446744073709551615 --next -",
        &uri("totp", "a", ""),
        1,
    );
}
