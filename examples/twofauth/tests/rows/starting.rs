//! Options, files, and what stands after the end.

use core::time::Duration;
use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use contract_server::testing::Request;
use serde_json::{Value, json};

use crate::support::{PASSWORD, PROGRAM, SECRET, Site, T, token};

/// What was acknowledged stands after SIGKILL, and SIGTERM ends it within a second.
#[test]
fn acknowledged_changes_outlive_the_process() {
    let mut site = Site::start();
    let id = site
        .by("alice")
        .add(&json!({"otp_type": "hotp", "account": "a", "secret": SECRET}));
    let path = format!("{T}/{id}/otp");
    assert_eq!(site.by("alice").get(&path).json()["counter"], 1);
    site.server.kill_and_restart();
    assert_eq!(site.by("alice").get(&path).json()["counter"], 2);
    let (status, took) = site.server.terminate();
    assert!(
        status.success() && took < Duration::from_millis(2_500),
        "{status:?} {took:?}"
    );
}

/// A bad option or file is told before anything listens.
#[test]
fn bad_files_are_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let twice = json!({"users": [{"email": "a@b"}, {"email": "A@b", "name": "c"}]}).to_string();
    let cases = [
        ("--settings", write("a", r#"{"throttle": 1}"#), "throttle"),
        (
            "--settings",
            write("b", r#"{"throttle_api": "many"}"#),
            "number",
        ),
        (
            "--settings",
            write("c", r#"{"userpref_locked": ["unheard"]}"#),
            "unheard",
        ),
        (
            "--settings",
            write("d", r#"{"login_throttle": -1}"#),
            "number",
        ),
        (
            "--settings",
            write("h", r#"{"trusted_proxies": 17}"#),
            "trusted_proxies",
        ),
        (
            "--accounts",
            write("e", r#"{"users": [{"mail": "x"}]}"#),
            "mail",
        ),
        ("--accounts", write("f", &twice), "twice"),
        ("--accounts", write("g", "{"), "accounts"),
        ("--listen", "nowhere".into(), "--listen"),
        ("--database", "mysql://x".into(), "--database"),
        ("--unheard", "x".into(), "--unheard"),
    ];
    for (at, (option, value, named)) in cases.into_iter().enumerate() {
        let data = folder
            .path()
            .join(format!("data{at}"))
            .display()
            .to_string();
        let outbox = write("outbox", "");
        let output = Command::new(PROGRAM)
            .args(["--data", &data, "--outbox", &outbox, option, &value])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{option}: {told}"
        );
        assert!(told.contains(named), "{option}: {told}");
    }
}

/// 002-19. Nothing of an account, and nothing that guards one, stands in a file in clear, whatever the setting says.
#[test]
fn row_19_secrets_stand_in_no_file() {
    let site = Site::start();
    let alice = site.by("alice");
    let uri = format!(
        "otpauth://totp/Hidden%20Service:hidden.account?secret={SECRET}&issuer=Hidden%20Service"
    );
    alice.add(&json!({"uri": uri}));
    let code = alice.get(&format!("{T}?withOtp=1")).json()[0]["otp"]["password"].clone();
    let browser = site.sign_in("alice");
    let made = browser
        .call(
            "POST",
            "/oauth/personal-access-tokens",
            &json!({"name": "x"}),
        )
        .json();
    let session = browser
        .cookies
        .split("; ")
        .find_map(|cookie| cookie.strip_prefix("twofauth_session="))
        .unwrap();
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0h123456\"/></svg>";
    assert_eq!(
        alice.upload("/api/v1/icons", "icon", "a.svg", svg).status,
        201
    );
    let secrets = [
        PASSWORD,
        SECRET,
        &token("alice"),
        session,
        made["accessToken"].as_str().unwrap(),
        "Hidden Service",
        "hidden.account",
        "Hidden%20Service",
        "h123456",
    ];
    let path = "/api/v1/settings/useEncryption";
    for on in [false, true, false] {
        let set = alice.call("PUT", path, &json!({"value": on}));
        assert_eq!(
            (set.status, &alice.get(path).json()["value"]),
            (200, &json!(on))
        );
        let data = site.server.folder().join("data");
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data), 0o700);
        let mut files = 0;
        for entry in fs::read_dir(&data).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{path:?}");
            let bytes = fs::read(&path).unwrap();
            for secret in secrets {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} in {path:?}");
            }
            files += 1;
        }
        assert!(files >= 2);
    }
    assert!(code.is_string());
}

/// 002-19. Without its keys a server does not start on what they sealed.
#[test]
fn row_19_missing_keys_refuse_to_start() {
    let mut site = Site::start();
    site.by("alice").add_totp("a");
    let data = site.server.folder().join("data");
    assert!(site.server.terminate().0.success());
    let keys = fs::read(data.join("keys")).unwrap();
    fs::remove_file(data.join("keys")).unwrap();
    let folder = site.server.folder();
    let output = Command::new(PROGRAM)
        .args([
            "--data",
            data.to_str().unwrap(),
            "--outbox",
            folder.join("outbox").to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("keys: the key file is missing"), "{told}");
    // No other key takes the place of the one that is gone: put back, it opens what it sealed.
    assert!(!data.join("keys").exists());
    fs::write(data.join("keys"), keys).unwrap();
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(data.join("keys"), mode).unwrap();
    site.server.kill_and_restart();
    assert_eq!(site.by("alice").ids().len(), 1);
}

/// Without an option a made-up user is there, and how to try it is told.
#[test]
fn trial_tells_how_to_try_it() {
    use std::io::{BufRead as _, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(PROGRAM)
        .env("TMPDIR", folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.take(6).map(Result::unwrap).collect();
    assert!(
        lines[0].starts_with("listening on http://127.0.0.1:"),
        "{}",
        lines[0]
    );
    let curl = lines
        .iter()
        .find(|line| line.contains("all codes"))
        .unwrap();
    let ran = Command::new("sh")
        .args(["-c", curl.trim_start().trim_start_matches("all codes")])
        .output()
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&ran.stdout).unwrap(),
        json!([])
    );
}

/// The OpenAPI file is served.
#[test]
fn openapi_is_served() {
    let site = Site::start();
    let openapi = site.send(&Request::new("GET", "/openapi.json")).json();
    assert_eq!(openapi["openapi"], "3.1.0");
}
