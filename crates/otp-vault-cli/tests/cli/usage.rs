//! Usage, errors, completions and man page.

use std::process::Stdio;

use crate::place::{Place, SECRET, uri};

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
