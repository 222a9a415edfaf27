//! The program as an operator starts it.

#![cfg(unix)]
#[path = "common/running.rs"]
mod running;
#[path = "common/support.rs"]
mod support;

use core::time::Duration;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use running::{PROGRAM, Running};
use support::{Answer, PASSWORD, Person, REGISTER, code_at, codes_on};
use twofa_providers::token_store::{
    Clock as _, SystemClock,
    ott_core::chrono::{DateTime, TimeDelta, Utc},
};

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

/// Accounts, sessions, factors and the use of codes outlive a kill of the program. Its files are its owner's alone.
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
    // With the files of the write-ahead log, which hold what the database holds.
    assert_eq!(names.len(), 3, "{names:?}");
    for name in &names {
        let file = folder.path().join("data").join(name);
        assert_eq!(mode(&file), 0o600, "{name:?}");
    }

    let mut person = running.person();
    assert_eq!(
        person.register("kill@example.org").await.leads_to(),
        "/welcome"
    );
    let fields = [("provider", "totp"), ("label", "Phone")];
    let page = person.open("/welcome", &fields).await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    // The step before, which is still good: so the present one stays for the second sign-in.
    let code = code_at(&secret, early().await - TimeDelta::seconds(30));
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

/// The program does not start on a key file that others may read, and says which mode it wants.
#[test]
fn key_file_that_others_may_read_is_refused() {
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

/// Now, when a step of an app has ten seconds left: the code of the step before is good for so long.
async fn early() -> DateTime<Utc> {
    while SystemClock.now().timestamp().rem_euclid(30) > 20 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    SystemClock.now()
}

/// What others may read is refused, and says what to do: the folder, the database, its log.
#[test]
fn data_that_others_may_read_is_refused() {
    for (name, spoilt) in [
        ("", 0o750),
        ("", 0o705),
        ("showcase.db", 0o640),
        ("showcase.db", 0o604),
        ("showcase.db-wal", 0o644),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        drop(Running::start(folder.path()));
        let file = data.join(name);
        if !file.exists() {
            fs::write(&file, "").expect("a file");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(spoilt)).expect("a mode");
        let keys = folder.path().join("keys");
        let (keys, data) = (keys.to_string_lossy(), data.to_string_lossy());
        let (output, words) = run(&["--listen", "127.0.0.1:0", "--data", &data, "--keys", &keys]);
        assert_eq!(output.status.code(), Some(1), "{name}: {words}");
        assert!(
            words.contains("chmod go=") && words.contains(name),
            "{words}"
        );
    }
}

/// The program does not start with its key file among the data, and makes no key there.
#[test]
fn key_file_with_the_data_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("a mode");
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

/// A start that cannot be names the option that would change it.
#[test]
fn start_that_cannot_be_says_what_to_do() {
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

/// Wrong arguments end the program with code 2 and words, and `--help` names every option.
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
        &["--trusted-proxies", "1"],
        &["--smtp", "smtp.example.org"],
        &["--mail-from", "no-reply@example.org"],
        &["--smtp-user", "showcase", "--smtp-password", "file"],
        &[
            "--smtp",
            "smtp.example.org",
            "--mail-from",
            "no-reply@example.org",
            "--smtp-user",
            "showcase",
        ],
        &[
            "--trusted-proxies",
            "0",
            "--origin",
            "https://login.example.org",
        ],
        &[
            "--trusted-proxies",
            "-1",
            "--origin",
            "https://login.example.org",
        ],
        &[
            "--trusted-proxies",
            "nginx",
            "--origin",
            "https://login.example.org",
        ],
    ] {
        let (output, words) = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {words}");
        assert!(!words.is_empty());
    }
    for help in ["--help", "-h"] {
        let (output, _) = run(&[help]);
        assert_eq!(output.status.code(), Some(0));
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        for option in [
            "--listen",
            "--data",
            "--keys",
            "--origin",
            "--trusted-proxies",
            "--smtp",
            "--show-outbox",
        ] {
            assert!(words.contains(option), "{words}");
        }
    }
}

/// Which host came and which was expected stands in the log, and what the proxies did not say.
#[tokio::test]
async fn log_says_what_the_proxy_does_wrong() {
    let behind = [
        "--origin",
        "https://login.example.org",
        "--trusted-proxies",
        "1",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start_with(folder.path(), &behind);
    let mut person = running.person();
    let upstream = [("Host", "showcase_upstream")];
    for _ in 0..100 {
        let answer = person.send("GET", "/sign-in", &upstream, b"").await;
        assert_eq!(answer.status, 421);
    }
    let log = running.log();
    assert!(
        log.contains("\"showcase_upstream\"") && log.contains("https://login.example.org"),
        "{log}"
    );
    assert!(
        log.lines().count() < 10,
        "no visitor makes the log long: {log}"
    );

    let running = Running::start_with(folder.path(), &behind);
    let mut person = running.person();
    person.always = vec![
        ("Host".into(), "login.example.org".into()),
        ("Origin".into(), "https://login.example.org".into()),
    ];
    let answer = person.password("somebody@example.org").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let log = running.log();
    assert!(
        log.contains("neither Forwarded nor X-Forwarded-For"),
        "{log}"
    );
}

/// With a mail server there is no outbox, and whoever registers is answered before it is.
#[tokio::test]
async fn smtp_takes_the_place_of_the_outbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let smtp = ["--smtp", "127.0.0.1", "--mail-from", "no-reply@example.org"];
    let running = Running::start_with(folder.path(), &smtp);
    let mut person = running.person();
    assert_eq!(person.get("/outbox").await.status, 404);
    let asked = person.ask_to_register("mail@example.org").await;
    assert_eq!(asked.leads_to(), REGISTER, "{asked:?}");
    let page = person.get(REGISTER).await;
    assert!(page.body.contains("Start again"), "{page:?}");
}

/// What SMTP needs is checked at the start, and its password is for the owner's eyes alone.
#[test]
fn smtp_that_cannot_be_is_said_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (data, keys, password) = (path("data"), path("keys"), path("password"));
    let start = |more: &[&str]| {
        let args = ["--listen", "127.0.0.1:0", "--data", &data, "--keys", &keys];
        let (output, words) = run(&[&args, more].concat());
        assert_eq!(output.status.code(), Some(1), "{words}");
        words
    };
    let sender = ["--mail-from", "no-reply@example.org"];
    let words = start(&[&["--smtp", "no host"], &sender[..]].concat());
    assert!(words.contains("host"), "{words}");
    let words = start(&["--smtp", "smtp.example.org", "--mail-from", "nobody"]);
    assert!(
        words.contains("address") || words.contains("sender"),
        "{words}"
    );
    let user = ["--smtp-user", "showcase", "--smtp-password", &password];
    let with_user = [&["--smtp", "smtp.example.org"], &sender[..], &user[..]].concat();
    assert!(start(&with_user).contains("password"));
    fs::write(&password, "secret\n").expect("a file");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).expect("a mode");
    let words = start(&with_user);
    assert!(
        words.contains("chmod go=") && !words.contains("secret"),
        "{words}"
    );
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
    let page = person.open("/welcome", &fields).await;
    let (secret, factor) = (page.secret(), page.factor().to_owned());
    let now = early().await;
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

/// What an answer gives: status, page, cookies, and what is on it.
fn told(answer: &Answer) -> (u16, &str, Vec<&str>, &str) {
    let headers = answer.headers.iter();
    let set = headers.filter(|(name, _)| name == "set-cookie");
    let set = set.map(|(_, cookie)| cookie.as_str()).collect();
    (answer.status, answer.leads_to(), set, &answer.body)
}

/// Sends a form twice, as a button that is pressed twice does: once to each process, at once or one after the other. Both
/// answers are one; it is returned with who got it.
async fn press_twice(
    person: &Person,
    at: [&Running; 2],
    at_once: bool,
    (path, fields): (&str, &[(&str, &str)]),
) -> (Person, Answer) {
    let press = async |running: &Running| {
        let mut person = person.clone();
        person.go_to(&running.person());
        let answer = person.post(path, fields).await;
        (person, answer)
    };
    let [first, second] = at;
    let ((_, dropped), (person, kept)) = if at_once {
        tokio::join!(press(first), press(second))
    } else {
        (press(first).await, press(second).await)
    };
    assert_eq!(told(&dropped), told(&kept), "{path}, at once: {at_once}");
    (person, kept)
}

/// Two processes over one database: a button that is pressed twice does its step once, also where the second press lands on
/// the other process. The second answer is the one that a browser keeps.
#[tokio::test]
async fn second_press_may_land_on_the_other_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (Running::start(folder.path()), Running::start(folder.path()));
    for (number, at_once) in [false, true].into_iter().enumerate() {
        let email = format!("twice{number}@example.org");
        let mut person = one.person();
        person.register(&email).await;
        let fields = [("provider", "totp"), ("label", "Phone")];
        let page = person.open("/welcome", &fields).await;
        let (secret, factor) = (page.secret(), page.factor().to_owned());
        let now = early().await;
        let code = code_at(&secret, now - TimeDelta::seconds(30));
        let confirmed = person
            .confirm("/welcome/confirm", "totp", &factor, &code)
            .await;
        assert_eq!(confirmed.leads_to(), "/account/recovery", "{confirmed:?}");
        person.sign_out().await;

        // A form that signs in: the password, and a code that is good once.
        let mut person = one.person();
        person.csrf().await;
        let password = [("email", email.as_str()), ("password", PASSWORD)];
        let form = ("/sign-in", &password[..]);
        let (mut person, half) = press_twice(&person, [&one, &other], at_once, form).await;
        assert_eq!(half.leads_to(), "/second-factor", "{half:?}");
        person.csrf().await;
        let code = code_at(&secret, now);
        let code = [("provider", "totp"), ("code", code.as_str())];
        let form = ("/second-factor", &code[..]);
        let (mut person, whole) = press_twice(&person, [&other, &one], at_once, form).await;
        assert_eq!(whole.leads_to(), "/account", "{whole:?}");
        let account = person.get("/account").await;
        assert_eq!(account.status, 200, "{account:?}");

        // One that changes something: ten codes are made, and those are shown that are good.
        person.get("/account/recovery").await;
        let make = [("instead_of", "none")];
        let form = ("/account/recovery", &make[..]);
        let (mut person, made) = press_twice(&person, [&one, &other], at_once, form).await;
        let codes = codes_on(&made.body);
        assert_eq!(codes.len(), 10, "{made:?}");
        person.sign_out().await;
        person.password(&email).await;
        let recovered = person.recover(&codes[0]).await;
        assert_eq!(recovered.leads_to(), "/account", "{recovered:?}");

        // A name: said once, on the page that is shown.
        person.csrf().await;
        let name = [("factor", factor.as_str()), ("label", "Tablet")];
        let form = ("/account/rename", &name[..]);
        let (mut person, renamed) = press_twice(&person, [&other, &one], at_once, form).await;
        assert_eq!(renamed.leads_to(), "/account", "{renamed:?}");
        let account = person.get("/account").await;
        assert!(account.body.contains("Tablet"), "{account:?}");
        // The session ends at both.
        person.csrf().await;
        let form = ("/sign-out", &[][..]);
        let (mut person, out) = press_twice(&person, [&one, &other], at_once, form).await;
        assert_eq!(out.leads_to(), "/", "{out:?}");
        assert_eq!(person.get("/account").await.leads_to_path(), "/sign-in");
    }
}
