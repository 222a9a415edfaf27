//! The vault's file: its password, its key ring, its links.

use std::process::Stdio;

use crate::place::{Place, SECRET, json, mode, uri};

/// From another program's file to codes: a vault is made, filled, asked, changed and verified.
#[test]
fn vault_is_kept() {
    let place = Place::new();
    place.fails("list --password-file pw", "", 1);
    place.ok("init --password-file pw", "");
    assert_eq!(mode(&place.path("vault")), 0o600);
    place.fails("init --password-file pw", "", 1);
    place.write(
        "list",
        (uri("totp", "a:alice", "") + &uri("hotp", "b:bob", "&counter=0")).as_bytes(),
    );
    place.ok("import --into vault --vault-password-file pw list", "");
    let output = place.run("import --into vault --vault-password-file pw list", "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("already here: a:alice"));
    place.ok("add --password-file pw", &uri("totp", "c:carol", ""));
    assert_eq!(
        place.ok("list --password-file pw", ""),
        "a:alice\nb:bob\nc:carol\n"
    );
    assert!(
        !place
            .ok("list --json --password-file pw", "")
            .contains(SECRET)
    );
    // RFC 4226 appendix D, each once.
    assert_eq!(place.ok("code --password-file pw bob", ""), "755224\n");
    assert_eq!(place.ok("code --password-file pw bob", ""), "287082\n");
    assert!(
        place
            .ok("uri --password-file pw carol", "")
            .contains(SECRET)
    );
    place.fails("rm --password-file pw carol", "", 1);
    place.ok("rm --yes --password-file pw carol", "");
    place.write("new", b"another");
    place.ok("passwd --password-file pw --new-password-file new", "");
    assert!(
        place
            .fails("verify --password-file pw", "", 1)
            .contains("password")
    );
    assert_eq!(
        json(&place.ok("verify --json --password-file new", ""))["accounts"],
        2
    );
    assert_eq!(
        json(&place.ok("import --password-file new vault", ""))["format"],
        "otp-vault-sealed"
    );
    // Nothing but the vault and its lock is left behind.
    let mut names: Vec<_> = std::fs::read_dir(place.0.path())
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["list", "new", "pw", "vault", "vault.lock"]);
}

/// A vault under a key ring asks nobody, and its ring is made with it.
#[test]
fn vault_under_a_key_ring_asks_nobody() {
    let place = Place::new();
    place.ok("init --key-file ring", "");
    assert_eq!(mode(&place.path("ring")), 0o600);
    place.ok("add --key-file ring", &uri("hotp", "bob", "&counter=0"));
    assert_eq!(place.ok("code --key-file ring bob", ""), "755224\n");
    assert!(
        place
            .fails("code --password-file pw bob", "", 1)
            .contains("key ring")
    );
    place.ok("passwd --key-file ring --new-password-file pw", "");
    assert_eq!(place.ok("code --password-file pw bob", ""), "287082\n");
}

/// Where the source needs no password, the one that is given opens the vault.
#[test]
fn import_into_takes_the_only_password() {
    let place = Place::new();
    place.ok("init --password-file pw", "");
    place.write("plain", uri("totp", "a", "").as_bytes());
    place.ok("import --into vault --password-file pw plain", "");
    assert_eq!(place.ok("list --password-file pw", ""), "a\n");
    // A sealed source used it up.
    let sealed = place.ok("export --format aegis --password-file pw plain", "");
    place.write("sealed", sealed.as_bytes());
    place.fails("import --into vault --password-file pw sealed", "", 1);
}

/// Standard input is one thing only.
#[test]
fn standard_input_is_read_once() {
    let place = Place::new();
    let said = place.fails("import --password-file - -", &uri("totp", "a", ""), 2);
    assert!(said.contains("standard input"), "{said}");
}

/// Commands that say something about accounts say it as JSON too.
#[test]
fn vault_commands_have_json() {
    let place = Place::new();
    place.ok("init --password-file pw", "");
    place.ok("add --password-file pw", &uri("totp", "a", ""));
    let row = json(&place.ok("uri --json --password-file pw a", ""));
    assert!(row["uri"].as_str().is_some_and(|uri| uri.contains(SECRET)));
    let row = json(&place.ok("rm --json --yes --password-file pw a", ""));
    assert_eq!(row["removed"], "a");
    assert!(json(&place.ok("formats --json", "")).is_array());
}

/// A link to a vault and its path are one vault with one lock: counters are used once under both names.
#[test]
fn link_and_path_are_one_vault() {
    let place = Place::new();
    std::fs::create_dir(place.path("folder")).expect("room");
    std::os::unix::fs::symlink("folder", place.path("way")).expect("a link");
    place.ok("init --vault folder/vault --password-file pw", "");
    std::os::unix::fs::symlink("folder/vault", place.path("link")).expect("a link");
    place.ok(
        "add --vault link --password-file pw",
        &uri("hotp", "bob", "&counter=0"),
    );
    let mut codes: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = [
            "link",
            "folder/vault",
            "way/vault",
            "link",
            "./folder/../way/vault",
        ]
        .into_iter()
        .map(|path| {
            let mut command = place.command("code --password-file pw bob");
            command
                .env("OTP_VAULT", place.path(path))
                .stdin(Stdio::null());
            scope.spawn(move || command.output().expect("the program"))
        })
        .collect();
        runs.into_iter()
            .map(|run| {
                let output = run.join().expect("an end");
                assert!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                String::from_utf8(output.stdout).expect("text")
            })
            .collect()
    });
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 5, "{codes:?}");
    let locks =
        ["link.lock", "way/link.lock", "folder/vault.lock"].map(|name| place.path(name).exists());
    assert_eq!(locks, [false, false, true]);
    assert!(place.path("link").is_symlink());
}

/// A name that is not there yet has its lock where it would be made.
#[test]
fn init_behind_a_link_has_one_lock() {
    let place = Place::new();
    std::fs::create_dir(place.path("folder")).expect("room");
    std::os::unix::fs::symlink("folder", place.path("way")).expect("a link");
    place.ok("init --vault way/vault --password-file pw", "");
    assert!(place.path("folder/vault.lock").exists());
    assert!(
        place
            .fails("init --vault folder/vault --password-file pw", "", 1)
            .contains("already")
    );
}
