//! The program as it is run: exit codes, standard output, files, arguments.
#![cfg(unix)]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A folder that goes away, and the program in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        place.write("pw", b"correct horse\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).expect("room");
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_otp-vault"));
        command
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env("OTP_VAULT", self.path("vault"));
        command
    }

    /// Runs the program with this standard input.
    fn run(&self, line: &str, input: &str) -> Output {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        // It may end before it reads.
        let _ = child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input.as_bytes());
        child.wait_with_output().expect("an end")
    }

    /// Standard output of a run that succeeds.
    #[track_caller]
    fn ok(&self, line: &str, input: &str) -> String {
        let output = self.run(line, input);
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// Standard error of a run that ends so, with nothing on standard output.
    #[track_caller]
    fn fails(&self, line: &str, input: &str, code: i32) -> String {
        let output = self.run(line, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(output.stdout.is_empty(), "{line} printed data");
        assert!(!said.contains(SECRET), "{line}: {said}");
        said
    }
}

fn uri(kind: &str, name: &str, rest: &str) -> String {
    format!("otpauth://{kind}/{name}?secret={SECRET}{rest}\n")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .expect("a file")
        .permissions()
        .mode()
        & 0o777
}

/// Import prints one document of exactly the promised fields; one pipe converts.
#[test]
fn import_prints_one_document() {
    let place = Place::new();
    let input = uri("totp", "Example:alice", "&issuer=Example")
        + &uri("hotp", "bob", "&counter=7")
        + "nonsense\n";
    let output = place.run("import -", &input);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("entry 2 was skipped"));
    let found = json(&String::from_utf8(output.stdout).expect("text"));
    assert_eq!(
        found,
        serde_json::json!({
            "format": "uri-list",
            "entries": [
                { "type": "totp", "issuer": "Example", "account": "alice", "secret": SECRET, "algorithm": "SHA1", "digits": 6, "period": 30, "counter": null },
                { "type": "hotp", "issuer": "", "account": "bob", "secret": SECRET, "algorithm": "SHA1", "digits": 6, "period": null, "counter": 7 },
            ],
            "skipped": [{ "index": 2, "reason": "it is not an otpauth URI" }],
        })
    );
    let said = place.fails("export --format aegis -", &found.to_string(), 1);
    assert!(said.contains("entry 2 was skipped") && said.contains("--lossy"));
    let aegis = place.ok("export --format aegis --lossy -", &found.to_string());
    assert_eq!(
        json(&place.ok("import -", &aegis))["entries"],
        found["entries"]
    );
}

/// Damage, wrong passwords, unknown and unreadable files end with 1 and print no data.
#[test]
fn import_refuses_with_one() {
    let place = Place::new();
    let plain = place.ok("import -", &uri("totp", "a", ""));
    let sealed = place.ok("export --format aegis --password-file pw -", &plain);
    place.write("wrong", b"wrong");
    assert_eq!(
        json(&place.ok("import --password-file pw -", &sealed))["entries"],
        json(&plain)["entries"]
    );
    assert!(
        place
            .fails("import --password-file wrong -", &sealed, 1)
            .contains("password")
    );
    assert!(
        place
            .fails("import -", &sealed, 1)
            .contains("needs a password")
    );
    assert!(
        place
            .fails(
                "import --password-file pw -",
                &sealed[..sealed.len() / 2],
                1
            )
            .contains("damaged")
    );
    place.fails("import -", "hello", 1);
    place.fails("import -", "", 1);
    place.fails("import missing", "", 1);
}

/// Wrong options end with 2, and so does a URI among them, which is not repeated.
#[test]
fn usage_ends_with_two() {
    let place = Place::new();
    for line in [
        "",
        "nonsense",
        "import",
        "import --format nonsense -",
        "export --format raivo-json -",
        "export -",
        "qr write x y.svg",
        "code",
    ] {
        place.fails(line, "", 2);
    }
    let uri = uri("totp", "alice", "");
    for line in [
        "code",
        "import",
        "uri",
        "qr show",
        "qr write",
        "code --file x",
    ] {
        let said = place.fails(&format!("{line} {uri}"), "", 2);
        assert!(said.contains("standard input"), "{said}");
    }
    assert!(place.ok("--help", "").contains("import"));
}

/// A reader that goes away is no error, and nothing is said.
#[test]
fn closed_pipe_is_silent() {
    let place = Place::new();
    let mut child = place
        .command("completions bash")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success());
}

/// What a format cannot hold ends with 1 and a list, and nothing is written; --lossy leaves it out.
#[test]
fn export_is_lossless_unless_asked() {
    let place = Place::new();
    let input = uri("totp", "kept", "") + &uri("totp", "long", "&period=60");
    let said = place.fails("export --format google-migration --output out -", &input, 1);
    assert!(said.contains("long") && !said.contains("kept"));
    assert!(!place.path("out").exists());
    let output = place.run(
        "export --format google-migration --lossy --output out -",
        &input,
    );
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("long"));
    assert_eq!(mode(&place.path("out")), 0o600);
    assert_eq!(
        json(&place.ok("import out", ""))["entries"][0]["account"],
        "kept"
    );
    // A password for what is never encrypted would be for nothing.
    place.fails("export --format andotp --password-file pw -", &input, 1);
}

/// Formats are listed with the promised fields, and the first group is read and written.
#[test]
fn formats_are_listed() {
    let formats = json(&Place::new().ok("formats", ""));
    let row = |name: &str| {
        formats
            .as_array()
            .expect("a list")
            .iter()
            .find(|row| row["name"] == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    for name in [
        "uri-list",
        "aegis",
        "2fas",
        "2fauth-json",
        "google-migration",
        "bitwarden-json",
        "ente-text",
        "proton-json",
        "stratum-json",
        "andotp",
        "freeotpplus-json",
    ] {
        assert_eq!(
            (row(name)["import"].as_bool(), row(name)["export"].as_bool()),
            (Some(true), Some(true)),
            "{name}"
        );
    }
    assert_eq!(row("aegis")["encrypted"], true);
    assert!(row("aegis")["title"].is_string());
    assert_eq!(row("keepass-kdbx4")["import"], true);
    assert_eq!(row("bitwarden-account-restricted")["import"], false);
}

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

/// What is drawn is read, mode 0600, one line a code; a picture without one ends with 1.
#[test]
fn qr_codes_go_both_ways() {
    let place = Place::new();
    let uri = uri("totp", "Example:alice", "&issuer=Example");
    place.ok("qr write - a.png", &uri);
    place.ok("qr write - a.svg", &uri);
    assert_eq!(
        (mode(&place.path("a.png")), mode(&place.path("a.svg"))),
        (0o600, 0o600)
    );
    assert_eq!(place.ok("qr read a.png", ""), uri);
    assert_eq!(
        json(&place.ok("qr read --json a.png a.png", ""))
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        json(&place.ok("import a.png", ""))["entries"][0]["account"],
        "alice"
    );
    place.fails("qr read pw", "", 1);
    place.fails("qr write - a.txt", &uri, 2);
    assert!(place.ok("qr show -", &uri).contains('█'));
}

/// The parts of a migration are read straight from several pictures, in any order.
#[test]
fn migration_is_read_from_pictures() {
    let place = Place::new();
    let list: String = (0..12)
        .map(|at| uri("totp", &format!("user{at}"), ""))
        .collect();
    let parts = place.ok("export --format google-migration -", &list);
    for (at, part) in parts.lines().enumerate() {
        place.ok(&format!("qr write - {at}.png"), part);
    }
    let imported = json(&place.ok("import 1.png 0.png", ""));
    let names: Vec<_> = imported["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["account"].clone())
        .collect();
    assert_eq!(
        names,
        (0..12)
            .map(|at| Value::from(format!("user{at}")))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        json(&place.ok("import 1.png", ""))["skipped"][0]["name"],
        "part 1 of 2"
    );
    place.fails("import 1.png pw", "", 2);
}

/// A white picture of 64 by 64 pixels.
const BLANK: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x40\x00\x00\x00\x40\x08\x00\x00\x00\x00\x8f\x02\x2e\x02\x00\x00\x00\x29\x49\x44\x41\x54\x78\xda\xed\xcc\x41\x11\x00\x00\x0c\x02\x20\xfb\x97\xd6\x10\xfb\xed\x20\x00\xe9\x51\x04\x02\x81\x40\x20\x10\x08\x04\x02\x81\x40\x20\x10\x7c\x0f\x06\xa7\x0b\xf0\xe2\xaa\xf0\x0c\x32\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// A picture without a code among others is told: skipped by `import`, a line of `qr read`.
#[test]
fn pictures_without_codes_are_told() {
    let place = Place::new();
    place.write("blank.png", BLANK);
    place.ok("qr write - a.png", &uri("totp", "a", ""));
    let output = place.run("import a.png blank.png", "");
    assert!(output.status.success());
    let found = json(&String::from_utf8(output.stdout).expect("text"));
    assert_eq!(found["entries"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["skipped"][0]["name"], "blank.png");
    let output = place.run("qr read a.png blank.png", "");
    assert!(output.status.success() && !output.stdout.is_empty());
    let said = [
        output.stderr,
        place.run("import a.png blank.png", "").stderr,
    ];
    assert!(
        said.iter()
            .all(|said| String::from_utf8_lossy(said).contains("blank.png"))
    );
    for line in [
        "import blank.png blank.png",
        "import blank.png",
        "qr read blank.png",
    ] {
        assert!(place.fails(line, "", 1).contains("QR code"), "{line}");
    }
}

/// What could not be read is lost by an export too: 1 and a list, unless --lossy.
#[test]
fn export_tells_what_was_skipped() {
    let place = Place::new();
    let list = uri("totp", "kept", "") + &uri("totp", "lost", "&algorithm=MD5");
    let document = place.ok("import -", &list);
    for input in [&list, &document] {
        let said = place.fails("export --format aegis --output out -", input, 1);
        assert!(
            said.contains("entry 1") && said.contains("algorithm"),
            "{said}"
        );
        assert!(!place.path("out").exists());
        assert!(
            place
                .ok("export --format aegis --lossy -", input)
                .contains("kept")
        );
    }
}

/// Fields that a format does not keep are told; the code is the same, so that the file is written.
#[test]
fn export_tells_fields_that_are_dropped() {
    let place = Place::new();
    let document = format!(
        r#"{{"format": "x", "skipped": [], "entries": [{{"type": "totp", "account": "a", "secret": "{SECRET}", "note": "mine"}}]}}"#
    );
    let output = place.run("export --format uri-list -", &document);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("note") && !said.contains("mine"), "{said}");
    let output = place.run("export --format aegis -", &document);
    assert!(output.stderr.is_empty());
}

/// Pipes and folders are refused, not replaced; of a link, the file that it names is.
#[test]
fn export_replaces_files_alone() {
    let place = Place::new();
    let list = uri("totp", "a", "");
    let line = |name: &str| format!("export --format uri-list --output {name} -");
    std::os::unix::fs::symlink("target", place.path("link")).expect("a link");
    place.write("target", b"old");
    place.ok(&line("link"), &list);
    assert!(place.path("link").is_symlink());
    assert_eq!(
        std::fs::read_to_string(place.path("target")).expect("it"),
        place.ok("export --format uri-list -", &list)
    );
    assert_eq!(mode(&place.path("target")), 0o600);
    // No device of the machine: were it replaced, all would miss it.
    std::os::unix::fs::symlink("socket", place.path("to-socket")).expect("a link");
    std::fs::create_dir(place.path("folder")).expect("a folder");
    let _socket = std::os::unix::net::UnixListener::bind(place.path("socket")).expect("a socket");
    for name in ["to-socket", "folder", "socket"] {
        assert!(
            place
                .fails(&line(name), &list, 1)
                .contains("no regular file"),
            "{name}"
        );
    }
    assert!(place.path("to-socket").is_symlink() && !place.path("socket").is_file());
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

/// A byte-order mark changes neither a URI nor a password; two URIs are not one.
#[test]
fn byte_order_marks_are_fine() {
    let place = Place::new();
    let list = uri("totp", "a", "&digits=8");
    assert_eq!(
        place.ok("code --at 59 -", &format!("\u{feff}{list}")),
        "94287082\n"
    );
    place.ok("qr write - a.png", &format!("\u{feff}{list}"));
    assert_eq!(place.ok("qr read a.png", ""), list);
    place.write("bom", "\u{feff}correct horse\r\n".as_bytes());
    let sealed = place.ok("export --format aegis --password-file pw -", &list);
    place.ok("import --password-file bom -", &sealed);
    assert!(
        place
            .fails("code -", &format!("{list}{list}"), 1)
            .contains("one URI")
    );
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

/// No error repeats what was typed: somebody may have typed a secret.
#[test]
fn errors_repeat_no_argument() {
    let place = Place::new();
    for line in [
        "",
        "code a",
        "code --at",
        "completions",
        "qr",
        "import --nonsense",
        "formats",
        "import --into v --vault-key-file x --vault-password-file",
    ] {
        // `fails` looks for it.
        let said = place.fails(&format!("{line} {SECRET}"), "", 2);
        assert!(said.contains("otp-vault: "), "{said}");
    }
    for line in [
        "import",
        "code --file pw --key-file",
        "qr read",
        "list --vault",
    ] {
        place.fails(
            &format!("{line} {SECRET}"),
            "",
            if line.starts_with("code") { 2 } else { 1 },
        );
    }
    place.fails(&format!("import --{SECRET} -"), "", 2);
    assert!(place.fails("export -", "", 2).contains("--format"));
}

/// Where no entry is left, each reason is a line beside the error.
#[test]
fn reasons_stand_beside_the_error() {
    let list = uri("totp", "a", "&digits=4") + &uri("totp", "b", "&algorithm=MD4");
    let said = Place::new().fails("import -", &list, 1);
    for words in ["entry 0", "digits", "entry 1", "algorithm", "no account"] {
        assert!(said.contains(words), "{said}");
    }
}

/// Completions and the man page come from the same options.
#[test]
fn completions_and_man_page_are_made() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            place
                .ok(&format!("completions {shell}"), "")
                .contains("min-remaining"),
            "{shell}"
        );
    }
    assert!(place.ok("man", "").contains("otp\\-vault"));
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
