//! What the memory of a process holds of a secret that was dropped.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that panics fails its test"
)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write, stdin, stdout};
use std::process::{Command, Stdio};

use oath_otp::{Algorithm, Digits, Hotp, Reach, Secret, Totp, Window};
use zeroize::Zeroize;

const TIME: u64 = 1_700_000_000;
/// Names algorithm and length of the secret to the process that is searched.
const SEARCHED: &str = "OATH_OTP_SEARCHED";

/// The bytes of the secret, made where they are put, so that they are nowhere else.
fn fill(bytes: &mut [u8]) {
    let mut state = 7_u32;
    for byte in bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_be_bytes()[0];
    }
}

/// A secret is used in every way and then dropped. Memory then holds no eight bytes of it, plain or
/// masked as HMAC masks a key.
#[test]
fn memory_holds_no_secret_that_was_dropped() {
    if let Ok(searched) = std::env::var(SEARCHED) {
        let (algorithm, length) = searched.split_once(' ').unwrap();
        return use_and_drop(algorithm.parse().unwrap(), length.parse().unwrap());
    }
    for &algorithm in Algorithm::ALL {
        // As long as the hash, and longer than every block, so that the secret is hashed first.
        for length in [algorithm.output_bytes(), 200] {
            let mut searched = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "memory_holds_no_secret_that_was_dropped"])
                .arg("--nocapture")
                .env(SEARCHED, format!("{algorithm} {length}"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(searched.stdout.take().unwrap()).lines();
            for (moment, held) in [("alive", true), ("dropped", false)] {
                assert!(lines.any(|line| line.unwrap().ends_with(moment)));
                let found = search(searched.id(), length);
                assert_eq!(!found.is_empty(), held, "{algorithm}, {moment}: {found:#?}");
                writeln!(searched.stdin.as_ref().unwrap()).unwrap();
            }
            // Its last lines are read, so that it ends.
            assert_ne!(lines.count(), 0);
            assert!(searched.wait().unwrap().success());
        }
    }
}

/// Says when the secret is in use and when it was dropped, and waits each time.
fn use_and_drop(algorithm: Algorithm, length: usize) {
    // Not by `println!`, which the test's harness may keep.
    let wait = |moment: &[u8]| {
        stdout().write_all(moment).unwrap();
        stdin().read_line(&mut String::new()).unwrap();
    };
    let mut bytes = [0; 200];
    fill(&mut bytes[..length]);
    let secret = Secret::from_bytes(&bytes[..length]).unwrap();
    bytes.zeroize();
    let totp = Totp {
        algorithm,
        window: Window {
            past: Reach::MAX,
            future: Reach::MAX,
        },
        ..Totp::default()
    };
    let hotp = Hotp {
        algorithm,
        digits: Digits::Ten,
        ..Hotp::default()
    };
    let code = totp.generate(&secret, TIME);
    let typed = code.expose_secret();
    let step = totp.verify(&secret, typed, TIME, None).unwrap().get();
    assert!(totp.verify(&secret, typed, TIME, Some(step)).is_err());
    let [first, second] = [8, 9].map(|counter| hotp.generate(&secret, counter));
    let (first, second) = (first.expose_secret(), second.expose_secret());
    assert!(hotp.resync(&secret, first, second, Some(3)).is_ok());
    wait(b"alive\n");
    drop(secret);
    wait(b"dropped\n");
}

/// Where memory that can be written holds eight bytes of the secret, plain or masked.
fn search(pid: u32, length: usize) -> Vec<String> {
    let mut secret = vec![0; length];
    fill(&mut secret);
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap());
    let mut pieces = HashMap::new();
    for pad in [0, 0x36, 0x5c] {
        for bytes in secret.windows(8) {
            pieces.insert(number(bytes) ^ u64::from_ne_bytes([pad; 8]), pad);
        }
    }

    const PAGE: [u8; 4096] = [0; 4096];
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut found = Vec::new();
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (start, rest) = map.split_once('-').unwrap();
        let (end, _) = rest.split_once(' ').unwrap();
        let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        memory.seek(SeekFrom::Start(start)).unwrap();
        memory.read_exact(&mut bytes).unwrap();
        // Most pages are empty; seven bytes more than a page, so that no piece is cut in two.
        for place in (0..bytes.len()).step_by(PAGE.len()) {
            let page = &bytes[place..bytes.len().min(place + PAGE.len() + 7)];
            if page.starts_with(&PAGE) {
                continue;
            }
            let pads = page
                .windows(8)
                .filter_map(|bytes| pieces.get(&number(bytes)));
            found.extend(pads.map(|pad| format!("masked with {pad:#x}: {map}")));
        }
    }
    found.dedup();
    found
}
