//! Options, files, and what stands after the end.

use core::time::Duration;
use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use contract_server::testing::Request;
use serde_json::json;

use crate::support::{PASSWORD, PROGRAM, Site, account, with_factor};

/// What is told at the first address, and the file that describes the rest.
#[test]
fn first_page_names_the_version() {
    let accounts = json!({"accounts": []});
    let site = Site::with(&accounts, &json!({"api_version": "v7"}));
    let hello = site.send(&Request::new("GET", "/")).json();
    assert_eq!(
        (&hello["message"], &hello["version"]),
        (&json!("Lavaboom API"), &json!("v7"))
    );
    assert!(hello["docs_url"].is_string());
    let openapi = site.send(&Request::new("GET", "/openapi.json")).json();
    assert_eq!(openapi["openapi"], "3.1.0");
}

/// What was acknowledged stands after SIGKILL, and SIGTERM ends it within a second, or little more on a busy machine.
#[test]
fn acknowledged_changes_outlive_the_process() {
    let mut site = Site::start();
    let (kept, ended) = (site.sign_in("johndoe"), site.sign_in("johndoe"));
    assert_eq!(
        site.call(&ended, "DELETE", "/tokens", &json!(null)).status,
        200
    );
    site.again();
    assert_eq!(site.get(&kept, "/tokens").status, 200);
    assert_eq!(site.get(&ended, "/tokens").status, 401);
    let (status, took) = site.server.terminate();
    assert!(
        status.success() && took < Duration::from_millis(2_500),
        "{status:?} {took:?}"
    );
}

/// A bad option or file is told before anything listens.
#[test]
fn bad_files_are_told_at_the_start() {
    let folder = Site::start();
    let write = |name: &str, text: &str| {
        let path = folder.server.folder().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let cases = [
        (
            "--settings",
            write("a", r#"{"session_durations": 1}"#),
            "session_durations",
        ),
        (
            "--settings",
            write("b", r#"{"session_duration": 0}"#),
            "nonzero",
        ),
        (
            "--accounts",
            write("c", r#"{"accounts": [{"user": "x"}]}"#),
            "user",
        ),
        (
            "--accounts",
            write(
                "d",
                r#"{"accounts": [{"username": "a.b"}, {"username": "ab"}]}"#,
            ),
            "twice",
        ),
        ("--accounts", write("e", "{"), "accounts"),
        ("--listen", "nowhere".into(), "--listen"),
        ("--unheard", "x".into(), "--unheard"),
    ];
    for (option, value, named) in cases {
        let data = folder.server.folder().join("other").display().to_string();
        let outbox = write("outbox2", "");
        let output = Command::new(PROGRAM)
            .args(["--data", &data, "--outbox", &outbox, option, &value])
            .output();
        let output = output.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{option}: {told}"
        );
        assert!(told.contains(named), "{option}: {told}");
    }
}

/// Nothing that guards an account stands in a file in clear, and every file is its owner's alone.
#[test]
fn secrets_stand_in_no_file() {
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let site = Site::of(&[
        account("johndoe"),
        with_factor("jane", "authenticator", &[secret]),
    ]);
    let token = site.sign_in("johndoe");
    let body = json!({"username": "ann", "alt_email": "ann@example.org"});
    assert_eq!(site.post("/accounts", &body).status, 201);
    let code = site.server.outbox()[0]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let data = site.server.folder().join("data");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        let bytes = fs::read(&path).unwrap();
        for secret in [
            PASSWORD,
            token.as_str(),
            &code,
            secret,
            "12345678901234567890",
        ] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {path:?}");
        }
        files += 1;
    }
    assert!(files >= 2);
}
