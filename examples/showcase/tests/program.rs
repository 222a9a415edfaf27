//! The program as an operator starts it.

#![cfg(unix)]
#[path = "common/support.rs"]
mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use support::{Person, code_at, codes_on};
use twofa_providers::token_store::{Clock as _, SystemClock, ott_core::chrono::TimeDelta};

const PROGRAM: &str = env!("CARGO_BIN_EXE_showcase");

/// A showcase in a process of its own, killed when it is dropped.
struct Running {
    child: Child,
    origin: String,
    printed: Vec<String>,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .arg("--keys")
            .arg(folder.join("keys"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = child.stdout.take().expect("what it prints");
        let mut printed = Vec::new();
        for line in BufReader::new(output).lines() {
            printed.push(line.expect("a line"));
            if printed.last().is_some_and(|line| line.contains("Ctrl-C")) {
                break;
            }
        }
        let first = printed.first().expect("a first line");
        let (_, origin) = first.split_once("Open ").expect("a place to open");
        Self {
            origin: origin.to_owned(),
            child,
            printed,
        }
    }

    fn person(&self) -> Person {
        let address = self.origin.strip_prefix("http://").expect("plain HTTP");
        Person::at(address.parse().expect("an address"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL: nothing is written on the way out.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

fn run(args: &[&str]) -> (Output, String) {
    let output = Command::new(PROGRAM).args(args).output();
    let output = output.expect("the program runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, words)
}

#[tokio::test]
async fn accounts_and_factors_outlive_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path());
    assert!(
        running.origin.starts_with("http://127.0.0.1:"),
        "{:?}",
        running.printed
    );
    assert_eq!(mode(&folder.path().join("keys")), 0o600);
    assert_eq!(mode(&folder.path().join("data")), 0o700);
    let inside = fs::read_dir(folder.path().join("data")).expect("a folder");
    let names: Vec<_> = inside
        .map(|entry| entry.expect("a file").file_name())
        .collect();
    let is_database = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("showcase.db");
    assert!(names.iter().all(is_database), "{names:?}");

    let mut person = running.person();
    assert_eq!(
        person.register("kill@example.org").await.leads_to(),
        "/welcome"
    );
    let fields = [("provider", "totp"), ("label", "Phone")];
    let page = person.post("/welcome", &fields).await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    // The step before, which is still good: so the present one stays for the second sign-in.
    let earlier = SystemClock.now() - TimeDelta::seconds(30);
    let code = code_at(&secret, earlier);
    let answer = person
        .confirm("/welcome/confirm", "totp", &factor, &code)
        .await;
    assert_eq!(answer.leads_to(), "/account/recovery", "{answer:?}");
    let keys = fs::read(folder.path().join("keys")).expect("keys");
    let cookie = person.cookies.get("session").expect("a session").clone();
    drop(running);

    let running = Running::start(folder.path());
    assert_eq!(fs::read(folder.path().join("keys")).expect("keys"), keys);
    let mut person = running.person();
    person.cookies.insert("session".into(), cookie);
    assert_eq!(
        person.get("/account").await.status,
        200,
        "the session lives on"
    );
    let mut person = running.person();
    assert_eq!(
        person.password("kill@example.org").await.leads_to(),
        "/second-factor"
    );
    assert_eq!(
        person.code(&code).await.status,
        401,
        "the code was used before the kill"
    );
    let answer = person.code(&code_at(&secret, SystemClock.now())).await;
    assert_eq!(answer.leads_to(), "/account", "{answer:?}");
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    let data = folder.path().join("data");
    fs::write(&keys, "").expect("a file");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).expect("a mode");
    let (keys, data) = (keys.to_string_lossy(), data.to_string_lossy());
    let (output, words) = run(&["--listen", "127.0.0.1:0", "--data", &data, "--keys", &keys]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("0600"), "{words}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_key_file_with_the_data_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_string_lossy().into_owned();
    let keys = format!("{data}/keys");
    let (output, words) = run(&["--listen", "127.0.0.1:0", "--data", &data, "--keys", &keys]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("outside"), "{words}");
    assert!(
        !Path::new(&keys).exists(),
        "no key is made in the wrong place"
    );
}

#[test]
fn a_start_that_cannot_be_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path());
    let (_, taken) = running.origin.split_once("//").expect("an origin");
    let data = folder.path().join("other").to_string_lossy().into_owned();
    let keys = folder.path().join("keys").to_string_lossy().into_owned();
    let (output, words) = run(&["--listen", taken, "--data", &data, "--keys", &keys]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words.contains(taken) && words.contains("--listen"),
        "{words}"
    );
    let (output, words) = run(&["--listen", "0.0.0.0:0", "--data", &data, "--keys", &keys]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("--origin"), "{words}");
}

#[test]
fn arguments_are_checked() {
    for args in [
        &["--nonsense"][..],
        &["now"],
        &["--listen"],
        &["--listen", "here"],
        &["--origin", "login.example.org"],
        &["--origin", "https://login.example.org/path"],
        &["--origin", "https://user@login.example.org"],
    ] {
        let (output, words) = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {words}");
        assert!(!words.is_empty());
    }
    for help in ["--help", "-h"] {
        let (output, _) = run(&[help]);
        assert_eq!(output.status.code(), Some(0));
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        for option in ["--listen", "--data", "--keys", "--origin", "--show-outbox"] {
            assert!(words.contains(option), "{words}");
        }
    }
}

/// Two processes over one database: a sign-in that is begun at one ends at the other, and so does a proof.
#[tokio::test]
async fn sign_in_travels_between_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (Running::start(folder.path()), Running::start(folder.path()));
    let mut person = one.person();
    let registered = person.register("two@example.org").await;
    assert_eq!(registered.leads_to(), "/welcome");
    // Enrolled at one, confirmed at the other.
    let fields = [("provider", "totp"), ("label", "Phone")];
    let page = person.post("/welcome", &fields).await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let now = SystemClock.now();
    let code = code_at(&secret, now - TimeDelta::seconds(30));
    person.go_to(&other.person());
    let confirmed = person
        .confirm("/welcome/confirm", "totp", &factor, &code)
        .await;
    assert_eq!(confirmed.leads_to(), "/account/recovery", "{confirmed:?}");
    // The proof of that is taken up at the first, and again at the second.
    person.go_to(&one.person());
    let page = person.get("/account/recovery").await;
    assert_eq!(page.status, 200, "{page:?}");
    person.go_to(&other.person());
    let made = person
        .post("/account/recovery", &[("instead_of", "none")])
        .await;
    let codes = codes_on(&made.body);
    assert_eq!(codes.len(), 10, "{made:?}");
    // The password at one, a code from the sheet at the other.
    person.sign_out().await;
    person.go_to(&one.person());
    let half = person.password("two@example.org").await;
    assert_eq!(half.leads_to(), "/second-factor", "{half:?}");
    person.go_to(&other.person());
    let whole = person.recover(&codes[0]).await;
    assert_eq!(whole.leads_to(), "/account", "{whole:?}");
    person.go_to(&one.person());
    assert_eq!(person.get("/account").await.status, 200);
    // And what was used at one is used at the other.
    person.sign_out().await;
    person.password("two@example.org").await;
    let again = person.recover(&codes[0]).await;
    assert_eq!(again.status, 401, "{again:?}");
}
