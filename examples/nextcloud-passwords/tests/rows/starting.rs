//! How it is started, stopped and looked at from outside.

use core::time::Duration;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use contract_server::testing::{OpenApi, Request, Running};
use serde_json::{Value, json};

use crate::support::{
    BASE, PASSWORD, PROGRAM, Site, TOTP, code, refused, salts, solution, sqlite, whole, with, wrong,
};

/// Starts it in a way that it refuses: what it says.
fn refusal(arguments: &[&str]) -> String {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    output.read_line(&mut line).expect("a line, or none");
    if !line.is_empty() {
        child.kill().expect("a signal");
    }
    let output = child.wait_with_output().expect("an end");
    assert_eq!(line, "", "it listens: {arguments:?}");
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// A bad file or option is told before anything listens, and names what is wrong.
#[test]
fn bad_options_and_files_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("a file");
        path(name)
    };
    let (data, outbox) = (path("data"), path("outbox"));
    let with = |more: &[&str]| {
        let base = ["--data", &data, "--outbox", &outbox];
        refusal(&[&base[..], more].concat())
    };
    assert!(refusal(&["--nothing"]).contains("--nothing"));
    assert!(refusal(&["--listen", "nowhere"]).contains("nowhere"));
    assert!(refusal(&["--data", &data]).contains("--outbox"));
    assert!(with(&["--database", "mysql://localhost/x"]).contains("postgres"));
    assert!(with(&["--database", "sqlite::memory:"]).contains("lost"));
    assert!(with(&["--accounts", &path("none")]).contains("none"));
    let unknown = file("unknown.json", r#"{"users":[{"id":"a","colour":"red"}]}"#);
    assert!(with(&["--accounts", &unknown]).contains("colour"));
    let deep = file(
        "deep.json",
        r#"{"users":[{"id":"a","totp":{"secret":"MZXW6YTBOI","digits":6}}]}"#,
    );
    assert!(with(&["--accounts", &deep]).contains("digits"));
    let twice = file("twice.json", r#"{"users":[{"id":"a"},{"id":"a"}]}"#);
    assert!(with(&["--accounts", &twice]).contains("twice"));
    let shared = file(
        "shared.json",
        r#"{"users":[{"id":"a","app_tokens":["t"]},{"id":"b","app_tokens":["t"]}]}"#,
    );
    assert!(with(&["--accounts", &shared]).contains("app token"));
    for array in [
        r#"[[]]"#,
        r#"{"users":[["a"]]}"#,
        r#"{"users":[{"id":"a","totp":["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP","sha1"]}]}"#,
        r#"{"users":[{"id":"a","keychain":["00"]}]}"#,
    ] {
        let array = file("array.json", array);
        assert!(with(&["--accounts", &array]).contains("expected struct"));
    }
    for (text, named) in [
        ("[600, 3600]", "expected struct"),
        (r#"{"open_limit": [10, 30]}"#, "expected struct"),
        (r#"{"session_life": 1}"#, "session_life"),
        (r#"{"open_limit": {"count": 1, "second": 1}}"#, "second"),
        (r#"{"open_limit": {"count": 0, "seconds": 1}}"#, "rate"),
        (r#"{"failed_attempts": 0}"#, "zero"),
        (r#"{"session_lifetime_seconds": -1}"#, "-1"),
    ] {
        let settings = file("settings.json", text);
        let told = with(&["--settings", &settings]);
        assert!(told.contains(named), "{text}: {told}");
    }
}

/// An account that cannot be made leaves none: the corrected file makes all of them.
#[test]
fn first_start_makes_all_accounts_or_none() {
    for (field, bad) in [
        ("totp", json!({"secret": "0189"})),
        ("totp", json!({"secret": TOTP, "algorithm": "md5"})),
        (
            "challenge",
            json!({"salts": ["00", "00", "00"], "secret": solution()}),
        ),
        ("challenge", json!({"salts": salts(), "secret": "short"})),
        ("email", json!("no address")),
        ("backup_codes", json!(["twice", "twice"])),
        ("id", json!("\u{0}")),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (accounts, data, outbox) = (path("accounts"), path("data"), path("outbox"));
        let broken = with("bob", &json!({field: bad}));
        let users = json!({"users": [whole("alice"), broken]});
        fs::write(&accounts, users.to_string()).expect("a file");
        let arguments = [
            ["--data", &data],
            ["--outbox", &outbox],
            ["--accounts", &accounts],
        ];
        refusal(arguments.as_flattened());
        let database = folder.path().join("data/data.db");
        let rows = sqlite(
            &database,
            "SELECT (SELECT count(*) FROM ott_tokens) + (SELECT count(*) FROM ott_factors)
             + (SELECT count(*) FROM contract_documents WHERE kind <> 'server')",
        );
        assert_eq!(rows, "0", "{field}");
    }
}

/// Everything under the data folder is its owner's alone, and holds no secret as a text that can be searched for.
#[test]
fn data_is_private_and_sealed() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    let asked = alice
        .get("token/twofactor_nextcloud_notification/request")
        .json();
    let waiting = asked["data"]["token"].as_str().expect("a token").to_owned();
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    let reset = alice.get("account/reset").json()["code"]
        .as_str()
        .expect("a code")
        .to_owned();
    let session = alice.session.clone().expect("a session");
    let mut secrets: Vec<Vec<u8>> = [
        PASSWORD,
        "alice-token-1",
        "alice-token-9",
        TOTP,
        "Backup0000000001",
        &solution(),
        "keychain of alice",
        &waiting,
        &reset,
        &session,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    let totp = twofa_providers::oath_otp::Secret::from_base32(TOTP).expect("a secret");
    secrets.push(totp.expose_secret().to_vec());
    secrets.push([0xab; 32].to_vec());
    let data = site.server.folder().join("data");
    assert_eq!(mode(&data), 0o700);
    let mut files = 0;
    let mut folders = vec![data];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                assert_eq!(mode(&path), 0o700, "{}", path.display());
                folders.push(path);
                continue;
            }
            files += 1;
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            let bytes = fs::read(&path).expect("a file");
            for secret in &secrets {
                let there = bytes.windows(secret.len()).any(|window| window == secret);
                assert!(
                    !there,
                    "{}: {}",
                    path.display(),
                    String::from_utf8_lossy(secret)
                );
            }
        }
    }
    assert!(files >= 5, "database, log, keys, certificates");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

/// SIGTERM ends it within a second, with exit status 0, also while connections lie idle.
#[test]
fn sigterm_ends_within_a_second() {
    let mut site = Site::start();
    let address = site.server.url().trim_start_matches("https://").to_owned();
    let idle: Vec<_> = (0..5)
        .map(|_| std::net::TcpStream::connect(&address).expect("a connection"))
        .collect();
    assert_eq!(
        site.with_token("alice", 1).get("session/keepalive").status,
        200
    );
    let (status, took) = site.server.terminate();
    assert_eq!(status.code(), Some(0));
    // A third of a second by itself; the rest is for whoever else uses this machine.
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    drop(idle);
}

/// Another file takes the place of the one in the data folder.
#[test]
fn database_may_be_another_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("elsewhere.db");
    let url = format!("sqlite:{}", file.display());
    let accounts = json!({"users": [whole("alice")]});
    let server = Running::start(PROGRAM, &accounts, &json!({}), &["--database", &url]);
    let site = Site {
        server,
        _schema: None,
    };
    assert_eq!(
        site.with_token("alice", 1)
            .open(&json!({"totp": code(0)}))
            .status,
        200
    );
    assert_eq!(mode(&file), 0o600);
    assert!(!site.server.folder().join("data/data.db").exists());
}

/// A second start goes on where the first ended, and reads the accounts for their syntax alone.
#[test]
fn second_start_goes_on() {
    let mut site = Site::start();
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    let accounts = site.server.folder().join("accounts.json");
    fs::write(
        &accounts,
        json!({"users": [with("carol", &json!({}))]}).to_string(),
    )
    .expect("a file");
    site.server.kill_and_restart();
    alice.client = site.client();
    assert_eq!(
        alice.get("keychain/get").json(),
        json!({"CSEv1r1": "keychain of alice"})
    );
    let again = json!({"backup_codes": "Backup0000000001"});
    assert_eq!(site.with_token("alice", 2).open(&again).status, 200);
    assert_eq!(
        site.with_token("carol", 1).get("session/request").status,
        401
    );
    // Nor judged for more than its syntax.
    let twice = json!({"users": [{"id": "a"}, {"id": "a"}]});
    fs::write(&accounts, twice.to_string()).expect("a file");
    site.server.kill_and_restart();
    let settings = site.server.folder().join("settings.json");
    fs::write(&accounts, "{").expect("a file");
    let text = |path: &Path| path.display().to_string();
    let data = text(&site.server.folder().join("data"));
    let told = refusal(&[
        "--data",
        &data,
        "--outbox",
        &text(&site.server.folder().join("outbox")),
        "--accounts",
        &text(&accounts),
        "--settings",
        &text(&settings),
    ]);
    assert!(told.contains("accounts"), "{told}");
}

/// A clock that cannot be read keeps what it said last.
#[test]
fn unreadable_clock_keeps_its_last_value() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    let first = alice
        .get("session/keepalive")
        .header("x-api-session")
        .map(str::to_owned);
    site.server.ahead(700);
    let second = alice
        .get("session/keepalive")
        .header("x-api-session")
        .map(str::to_owned);
    assert_ne!(first, second);
    for text in ["", "x", "-5", "9223372036854775807", "99999999999999999999"] {
        fs::write(site.server.folder().join("clock"), text).expect("a file");
        let third = alice
            .get("session/keepalive")
            .header("x-api-session")
            .map(str::to_owned);
        assert_eq!(third, second, "{text}");
    }
}

/// A clock that is set back makes nobody wait, and breaks nothing; app tokens do not mind any.
#[test]
fn clock_that_is_set_back_breaks_nothing() {
    let mut site = Site::start();
    site.server.ahead(1_000_000);
    let backup = |at: u8| json!({"backup_codes": format!("Backup000000000{at}")});
    for visitor in ["alice", "bob"] {
        assert_eq!(site.with_token(visitor, 1).open(&backup(1)).status, 200);
        assert_eq!(
            site.with_token(visitor, 2)
                .open(&json!({"totp": wrong()}))
                .status,
            401
        );
        assert_eq!(
            site.with_token(visitor, 1)
                .get("token/email/request")
                .status,
            200
        );
    }
    for ahead in [0, 500] {
        site.server.ahead(ahead);
        let mut alice = site.with_token("alice", 1);
        assert_eq!(alice.open(&json!({"totp": wrong()})).status, 401);
        assert_eq!(alice.get("token/email/request").status, 200);
    }
    assert_eq!(site.with_token("alice", 1).open(&backup(2)).status, 200);
    let file = site.server.folder().join("clock");
    fs::remove_dir_all(site.server.folder().join("data")).expect("a first start again");
    fs::write(file, "5000000").expect("a file");
    site.server.kill_and_restart();
    assert_eq!(
        site.with_token("alice", 1).get("session/keepalive").status,
        200
    );
    site.server.ahead(0);
    assert_eq!(
        site.with_token("alice", 1).get("session/keepalive").status,
        200
    );
    assert_eq!(site.with_token("alice", 1).open(&backup(1)).status, 200);
}

/// Without TLS it takes what a proxy forwards from HTTPS, and nothing else.
#[test]
fn row_10_plain_http_is_for_a_proxy() {
    let accounts = json!({"users": [whole("alice")]});
    let server = Running::start(PROGRAM, &accounts, &json!({}), &["--tls", "off"]);
    assert!(server.url().starts_with("http://"));
    let client = server.client();
    let request = || {
        Request::new("GET", &format!("{BASE}/session/keepalive")).basic("alice", "alice-token-1")
    };
    for request in [
        request(),
        request().header("x-forwarded-proto", "http"),
        Request::new("GET", &format!("{BASE}/session/keepalive")),
    ] {
        refused(&client.send(&request), 400, "HTTPS required", "6304571a");
    }
    let forwarded = request().header("x-forwarded-proto", "https");
    assert_eq!(client.send(&forwarded).status, 200);
}

/// Without any option it serves a made-up account, and says how to try it.
#[test]
fn server_without_options_is_a_trial() {
    let mut child = Command::new(PROGRAM)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut output = child.stdout.take().expect("its output");
    let mut text = String::new();
    while !text.contains("/session/open") {
        let mut more = [0; 4_096];
        let read = output.read(&mut more).expect("hints");
        assert_ne!(read, 0, "{text}");
        text.push_str(core::str::from_utf8(&more[..read]).expect("text"));
    }
    let url = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("listening on "));
    let url = url.expect("it listens first");
    let word = |after: &str| {
        let (_, rest) = text.split_once(after).expect("a hint");
        rest.split_whitespace().next().expect("a word").to_owned()
    };
    let (data, credentials) = (word("data "), word("-u "));
    assert_eq!(mode(Path::new(&data)), 0o700);
    let client = contract_server::testing::Client::new(url, &Path::new(&data).join("tls/ca.pem"));
    let (user, token) = credentials.split_once(':').expect("both");
    let request = Request::new("GET", &format!("{BASE}/session/request")).basic(user, token);
    let needed: Value = client.send(&request).json();
    assert!(needed["challenge"].is_object() && needed["token"].is_array());
    child.kill().expect("a signal");
    child.wait().expect("an end");
    fs::remove_dir_all(data).expect("its folder");
}

/// The OpenAPI file is served as it is, to anybody, and names every operation that the tests call.
#[test]
fn openapi_is_served_and_whole() {
    let site = Site::start();
    let served = site.client().send(&Request::new("GET", "/openapi.json"));
    let file: Value = serde_json::from_str(include_str!("../../openapi.json")).expect("JSON");
    assert_eq!((served.status, served.json()), (200, file));
    let operations = OpenApi::new(include_str!("../../openapi.json")).operations();
    let mut alice = site.with_token("alice", 1);
    for (method, path) in operations {
        let path = path.replace("{provider}", "nothing").replace("{id}", "1");
        let request = alice.request(&method, &path);
        let response = alice.send(&request);
        assert!(response.status != 405, "{method} {path}");
    }
}

/// SIGTERM ends it with 0 whenever it comes: at its first warning, and at its first line.
#[test]
fn sigterm_while_starting_exits_with_0() {
    for on_standard_error in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(PROGRAM)
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--outbox")
            .arg(folder.path().join("outbox"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut line = String::new();
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let (mut output, mut errors) = (
            BufReader::new(output.expect("its output")),
            BufReader::new(errors.expect("its errors")),
        );
        if on_standard_error {
            errors.read_line(&mut line).expect("a line");
        } else {
            output.read_line(&mut line).expect("a line");
        }
        assert_ne!(line, "");
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill").success());
        let ended = child.wait().expect("an end");
        assert_eq!(ended.code(), Some(0), "{line}: {ended}");
    }
}

/// A folder of any name will do, and a database that others could read is its owner's alone from the start on.
#[test]
fn folders_of_any_name_and_old_files_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("a%41?b#c d");
    fs::create_dir(&data).expect("a folder");
    let file = data.join("data.db");
    fs::write(&file, "").expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    let text = data.display().to_string();
    let mut child = Command::new(PROGRAM)
        .args(["--data", &text, "--outbox"])
        .arg(folder.path().join("outbox"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    child.kill().expect("a signal");
    child.wait().expect("an end");
    assert!(line.starts_with("listening on "), "{line}");
    assert_eq!(mode(&file), 0o600);
    assert_ne!(
        fs::metadata(&file).expect("a file").len(),
        0,
        "it is another file"
    );
}
