//! Options, files, and what stands after the end.

use core::time::Duration;
use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use contract_server::testing::{Request, Running};
use serde_json::json;

use crate::{
    support::{PASSWORD, PROGRAM, Site, account, with_factor},
    yubikeys::Soft,
};

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

/// The validation server inside is asked over loopback, wherever the API listens and whatever certificates the machine has.
#[test]
fn validation_inside_is_asked_over_loopback() {
    let key = Soft::new(1);
    let accounts = json!({
        "accounts": [with_factor("johndoe", "yubicloud", &[&key.id()])],
        "yubikeys": [key.in_a_file()],
    });
    let nowhere = [("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")];
    for listen in ["0.0.0.0:0", "[::]:0", "127.0.0.1:0"] {
        let more = ["--listen", listen];
        let server = Running::start_within(PROGRAM, &accounts, &json!({}), &more, &nowhere);
        let site = Site::over(server);
        let signed_in = site.try_sign_in("johndoe", PASSWORD, &key.typed(1, 1));
        assert_eq!(signed_in.status, 201, "{listen}: {}", signed_in.json());
    }
}

/// A validation server that is asked over TLS takes the machine's certificates: without any, nothing listens.
#[test]
fn validation_elsewhere_takes_certificates() {
    let folder = Site::start();
    let settings = folder.server.folder().join("elsewhere");
    let elsewhere = json!({"yubicloud_url": "https://api.example.org/x", "yubicloud_id": 1});
    fs::write(&settings, elsewhere.to_string()).unwrap();
    let output = Command::new(PROGRAM)
        .envs([("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")])
        .arg("--data")
        .arg(folder.server.folder().join("other"))
        .arg("--outbox")
        .arg(folder.server.folder().join("outbox2"))
        .arg("--settings")
        .arg(settings)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{told}"
    );
    assert!(told.contains("certificates"), "{told}");
}
