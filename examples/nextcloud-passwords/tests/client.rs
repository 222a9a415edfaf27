//! The clients of the contract, from npm, in Node, over TLS.
//!
//! The packages come from the npm registry, in the versions and with the hashes that `clients/package-lock.json` names.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test says so"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{SystemTime, UNIX_EPOCH},
};

use contract_server::testing::Running;
use pwdv1r1::solve;
use serde_json::{Value, json};
use twofa_providers::oath_otp::{Secret, Totp};

const PASSWORD: &str = "correct horse battery";
const TOTP: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
/// The key that the keychain holds, and the keychain, encrypted with the password by CSEv1r1. Made for this test.
const KEY: &str = "c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7";
const KEYCHAIN: &str = concat!(
    "05060708090a0b0c0d0e0f101112131432333435363738393a3b3c3d3e3f40414243444546474849864954b86064fb2f9cc9ee8b884716fe",
    "4738a9a12d72c582bd59315a480c8074f82a8ad8cd0a3c51b5d4e0f0c8334d55214e6368bc51bdbeffb776780b54d9635a6344cd61a57ccd",
    "783d9d50c28120fb95a7c5732197691bd454766d9c62ed17cbf9ce389c9e13a81eda670d44b9e2175df68bdf41a7261d57fe42fc62b89b7e",
    "3e13056d1c8d7e14cddb96cf183a31277b40bc28253e0aff45911346accf32ac482df333f0e36d7b1331fefe8a8bdc6cc95c2766bb",
);

#[track_caller]
fn ran(what: &str, output: std::io::Result<Output>) -> Output {
    let output = output.unwrap_or_else(|error| {
        panic!("{what} does not start ({error}): install the Debian packages `npm` and `nodejs`")
    });
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {told}");
    output
}

/// The program, bundled once into the target folder.
fn program() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nextcloud-passwords-clients");
    fs::create_dir_all(&folder).expect("a folder");
    for file in ["package.json", "package-lock.json", "run.js"] {
        fs::copy(source.join(file), folder.join(file)).expect("a copy");
    }
    // It checks the hashes, and does nothing where all is there.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    ran("npm", npm.current_dir(&folder).output());
    let mut esbuild = Command::new(folder.join("node_modules/.bin/esbuild"));
    esbuild.args([
        "run.js",
        "--bundle",
        "--platform=node",
        "--format=cjs",
        "--outfile=run.cjs",
        "--log-level=error",
    ]);
    ran("esbuild", esbuild.current_dir(&folder).output());
    folder.join("run.cjs")
}

fn salts() -> [String; 3] {
    let run = |first: u32, length: u32| -> String {
        let bytes = (first..first + length).map(|byte| format!("{:02x}", byte % 256));
        bytes.collect()
    };
    [run(0, 256), run(1, 64), run(2, 16)]
}

fn account(name: &str, solution: &str) -> Value {
    json!({
        "id": name, "password": "a password of hers", "email": format!("{name}@example.org"),
        "app_tokens": [format!("{name}-token-1")], "totp": {"secret": TOTP}, "backup_codes": ["Backup0000000001"],
        "notification": true, "mail": true, "challenge": {"salts": salts(), "secret": solution},
        "keychain": {"CSEv1r1": KEYCHAIN},
    })
}

/// 000-7: npm's `passwords-client` opens a session over TLS with a TOTP, an e-mail code, a backup code and an approved
/// notification, and reads the keychain.
#[test]
fn row_07_npm_client_opens_with_each_token() {
    let program = program();
    let solution = solve(PASSWORD, &salts()).expect("a solution");
    let users = ["totp", "email", "backup", "wrong", "notification", "legacy"];
    let users = users.map(|name| account(name, &solution));
    let server = Running::start(
        env!("CARGO_BIN_EXE_nextcloud-passwords"),
        &json!({"users": users}),
        &json!({}),
        &[],
    );
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let secret = Secret::from_base32(TOTP).expect("a secret");
    let code = Totp::default().generate(&secret, now.as_secs());
    let place = json!({
        "url": server.url(), "outbox": server.folder().join("outbox"), "password": PASSWORD,
        "totp": code.expose_secret(),
    });
    let mut node = Command::new("node");
    node.arg(program)
        .env("WHERE", place.to_string())
        .env("NODE_EXTRA_CA_CERTS", server.authority());
    let output = ran("node", node.output());
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");

    let tokens = json!([
        ["user-token", "totp", false],
        ["request-token", "twofactor_nextcloud_notification", true],
        ["user-token", "email", true],
        ["user-token", "backup_codes", false],
    ]);
    assert_eq!(told["tokens"], tokens);
    let success = json!({"success": true});
    let opened = json!({"authorised": true, "key": KEY, "again": success, "closed": success});
    assert_eq!(told["totp"], opened);
    let opened = json!({"authorised": true, "key": KEY});
    assert_eq!(told["email"], opened);
    assert_eq!(told["backup"], opened);
    let approved = json!({"authorised": true, "key": KEY, "object": 401, "approved": 202});
    assert_eq!(told["notification"], approved);
    let legacy =
        json!({"asked": true, "length": 40, "approved": 202, "opened": true, "closed": success});
    assert_eq!(told["legacy"], legacy);
    // The client makes errors of its own of what is refused.
    assert_eq!(told["wrong"]["error"], "UnauthorizedError", "{told}");
    assert_eq!(told["closed"]["error"], "PreconditionFailedError", "{told}");
}
