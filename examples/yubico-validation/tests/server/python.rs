//! Independent implementations, of PyPI: `yubico-client` asks our server, and our client asks `yubival`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use twofa_providers::{
    oath_otp::yubico::Otp,
    yubico::{ApiKey, Status, ValidationClient, ValidationError},
};

use crate::{
    http::in_memory,
    support::{API_KEY, PUBLIC_ID, Running, Soft},
};

#[track_caller]
fn ran(what: &str, output: std::io::Result<Output>) -> String {
    let output = output.unwrap_or_else(|error| {
        panic!("{what} does not start ({error}): install the Debian package `python3-venv`")
    });
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {told}");
    String::from_utf8(output.stdout).expect("text")
}

/// A Python with the packages, in the versions and with the hashes that `requirements.txt` names.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let system = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let wanted = script("requirements.txt");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("yubico-validation-python");
        let (python, there) = (folder.join("bin/python"), folder.join("requirements.txt"));
        let text = fs::read(&wanted).expect("a file");
        if fs::read(&there).is_ok_and(|there| there == text) {
            return python;
        }
        let mut venv = Command::new(system);
        ran(
            "venv",
            venv.args(["-m", "venv", "--clear"]).arg(&folder).output(),
        );
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        pip.args(["--require-hashes", "--only-binary=:all:", "-r"]);
        ran("pip", pip.arg(&wanted).output());
        // Last, so that it is not taken for whole before.
        fs::write(there, text).expect("a file");
        python
    })
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/python")
        .join(name)
}

/// 001-14: `yubico-client` believes an answer once, reads the counters, and learns of every refusal.
#[tokio::test]
async fn yubico_client_reads_our_answers() {
    let (server, key) = (Running::new(in_memory().await), Soft::new());
    let url = format!("http://{}/wsapi/2.0/verify", server.address);
    let ask = |client: &str, api: &str, otps: &[&str]| {
        let mut ask = Command::new(python());
        ask.arg(script("ask.py"))
            .args([&url, client, api])
            .args(otps);
        ran("ask.py", ask.output())
    };
    let (first, second) = (key.typed(3, 255), key.typed(4, 0));
    let foreign = second.replace(PUBLIC_ID, "vvccccccccbc");
    let told = ask("1", API_KEY, &[&first, &first, &foreign, &second, &first]);
    let expected = [
        "OK 3 255 66051",
        "StatusCodeError REPLAYED_OTP",
        // What it says where no server said OK, and none said replayed.
        "Exception NO_VALID_ANSWERS",
        "OK 4 0 66051",
        "StatusCodeError REPLAYED_OTP",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    let third = key.typed(5, 0);
    // Its own key does not open what ours signed.
    let told = ask("1", "b3RoZXIga2V5IG9mIDIwIGJ5", &[&third]);
    assert!(told.starts_with("SignatureVerificationError"), "{told}");
    assert_eq!(ask("1", API_KEY, &[&third]), "OK 5 0 66051\n");
}

/// Our client believes `yubival` once, and learns of its refusals.
#[tokio::test]
async fn yubival_answers_our_client() {
    const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODk=";
    let (folder, key) = (tempfile::tempdir().expect("a folder"), Soft::new());
    let mut serve = Command::new(python());
    serve.arg(script("serve.py")).arg(folder.path());
    serve.args([KEY, PUBLIC_ID, &"07".repeat(6), &"09".repeat(16)]);
    let serve = serve.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut serve = serve.spawn().expect("it starts");
    let mut line = String::new();
    let output = serve.stdout.take().expect("an output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let (port, id) = line.trim().split_once(' ').expect("port and id");
    let url = format!("http://127.0.0.1:{port}/wsapi/2.0/verify");
    let id: u64 = id.parse().expect("a number");
    let client = |key: &str| {
        let key = ApiKey::from_base64(key).expect("base64");
        let client = ValidationClient::builder(id).key(key).server(&url);
        client.sync_level(100).build().expect("a client")
    };
    let (own, other) = (client(KEY), client(API_KEY));
    let (first, second) = (key.press(1, 1), key.press(1, 2));
    own.verify(&first).await.expect("the right OTP");
    let again = own.verify(&first).await;
    assert!(
        matches!(again, Err(ValidationError::Refused(Status::ReplayedOtp))),
        "{again:?}"
    );
    let mut foreign = second.to_modhex().expose_secret().to_owned();
    foreign.replace_range(..12, "vvccccccccbc");
    let foreign = own.verify(&Otp::parse(&foreign).expect("an OTP")).await;
    assert!(
        matches!(foreign, Err(ValidationError::Refused(Status::BadOtp))),
        "{foreign:?}"
    );
    // It signs what it says of a wrong signature, by a key that this client has not.
    assert!(matches!(
        other.verify(&second).await,
        Err(ValidationError::Fault(_))
    ));
    own.verify(&second).await.expect("it was not spent");
    drop(serve.stdin.take());
    assert!(serve.wait().expect("it ends").success());
}
