//! Beside other people's programs: `oathtool`, `zbarimg`, `qrencode`. `scripts/test` installs them, and a test fails without.
#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// What a program prints, given this on standard input. It must succeed.
#[track_caller]
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}, which scripts/test installs: {error}"));
    let mut pipe = child.stdin.take().expect("a pipe");
    // It may end before it reads.
    let _ = pipe.write_all(input);
    drop(pipe);
    let output = child.wait_with_output().expect("an end");
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[track_caller]
fn ours(line: &str, input: &[u8]) -> String {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let text = run(env!("CARGO_BIN_EXE_otp-vault"), &arguments, input);
    String::from_utf8(text).expect("text")
}

#[track_caller]
fn oathtool(line: &str) -> String {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let text = run("oathtool", &arguments, SECRET.as_bytes());
    String::from_utf8(text).expect("text").trim().to_owned()
}

/// oathtool makes the same codes: every hash, length and period that it has, counters, and the code that follows.
#[test]
fn codes_are_those_of_oathtool() {
    for (algorithm, digits, period, at) in [
        ("SHA1", 6, 30, 59_u64),
        ("SHA1", 8, 30, 1_111_111_109),
        ("SHA256", 7, 60, 1_234_567_890),
        ("SHA256", 6, 30, 20_000_000_000),
        ("SHA512", 8, 1, 1_700_000_000),
        ("SHA512", 6, 86_400, 2_000_000_000),
    ] {
        let uri = format!(
            "otpauth://totp/a?secret={SECRET}&algorithm={algorithm}&digits={digits}&period={period}"
        );
        let options = format!("-b --totp={algorithm} -d {digits} -s {period}s");
        let now = ours(&format!("code --at {at} -"), uri.as_bytes());
        assert_eq!(
            now.trim(),
            oathtool(&format!("{options} --now @{at} -")),
            "{uri}"
        );
        let next = ours(&format!("code --at {at} --next -"), uri.as_bytes());
        let later = at + period;
        assert_eq!(
            next.trim(),
            oathtool(&format!("{options} --now @{later} -")),
            "{uri}"
        );
    }
    for (counter, digits) in [(0_u64, 6), (7, 8), (4_294_967_296, 7)] {
        let uri = format!("otpauth://hotp/a?secret={SECRET}&counter={counter}&digits={digits}");
        let wanted = oathtool(&format!("-b --hotp -c {counter} -d {digits} -"));
        assert_eq!(ours("code -", uri.as_bytes()).trim(), wanted, "{uri}");
    }
}

fn uris() -> [String; 3] {
    let migration = ours(
        "export --format google-migration -",
        format!("otpauth://totp/Example:alice?secret={SECRET}&issuer=Example").as_bytes(),
    );
    [
        format!(
            "otpauth://totp/Zo%C3%AB:me?secret={SECRET}&issuer=Zo%C3%AB&algorithm=SHA512&digits=8"
        ),
        migration.trim().to_owned(),
        format!("otpauth://totp/{}?secret={SECRET}", "x".repeat(600)),
    ]
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// zbarimg reads what is drawn.
#[test]
fn drawn_codes_are_read_by_zbarimg() {
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("code.png");
    for uri in uris() {
        ours(&format!("qr write - {}", text(&file)), uri.as_bytes());
        let read = run(
            "zbarimg",
            &[
                "--quiet",
                "--raw",
                "-Sdisable",
                "-Sqrcode.enable",
                text(&file),
            ],
            b"",
        );
        assert_eq!(String::from_utf8_lossy(&read).trim(), uri);
    }
}

/// What qrencode draws is read: every level, small and large modules, as picture and as account.
#[test]
fn codes_of_qrencode_are_read() {
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("code.png");
    for (level, size) in [("L", "3"), ("M", "2"), ("Q", "4"), ("H", "8")] {
        for uri in uris() {
            run(
                "qrencode",
                &["-l", level, "-s", size, "-o", text(&file)],
                uri.as_bytes(),
            );
            let read = ours(&format!("qr read {}", text(&file)), b"");
            assert_eq!(read.trim(), uri, "{level} {size}");
            assert!(ours(&format!("import {}", text(&file)), b"").contains(SECRET));
        }
    }
}
