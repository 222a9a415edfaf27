//! Answers a folder of test vectors for HOTP, TOTP, base32, otpauth URIs and OTPs of Yubikeys, and says for each file
//! how many rows it held against us: `vectors FOLDER`.
//!
//! The vectors are not part of this repository. Its own tests have a case of their own for each
//! kind of oddity; this shows that other people's agree. `scripts/vectors` runs it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a check that a person starts; an overflow fails it"
)]

mod differential;
mod encoding;
mod rfc;
mod rows;
mod uri;
mod yubico;

use core::panic::AssertUnwindSafe;
use std::{io, panic::catch_unwind, path::Path, process::ExitCode};

use rows::Rows;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

/// A file and what holds its rows against us.
type Check = (&'static str, fn(&str, &mut Rows));

const CHECKS: [Check; 13] = [
    ("rfc/rfc2202_rfc4231_hmac.json", rfc::hmac),
    ("rfc/rfc4226_hotp.json", rfc::hotp),
    ("rfc/rfc4648_base32.json", rfc::base32),
    ("rfc/rfc6238_totp.json", rfc::totp),
    (
        "differential/hotp_other_hashes.csv",
        differential::other_hashes,
    ),
    ("differential/hotp_totp.csv", differential::hotp_totp),
    ("differential/window.csv", differential::window),
    ("uri/edent_suite.json", uri::edent),
    ("uri/keyuri.json", uri::keyuri),
    ("uri/keyuri_build.json", uri::keyuri_build),
    ("algorithms/base32.json", encoding::base32),
    ("algorithms/hmac_zero_padding.json", encoding::zero_padding),
    ("algorithms/yubico_otp.json", yubico::otps),
];

/// What the rows of a file came to, whatever is in it.
fn checked((file, check): Check, text: io::Result<String>) -> Rows {
    let mut rows = Rows::default();
    match text {
        // A row of another shape ends the check of its file, and is a fault; the other files are read all the same.
        Ok(text) => {
            let ended = catch_unwind(AssertUnwindSafe(|| check(&text, &mut rows)));
            if ended.is_err() {
                rows.fail(file, "the check ended at a row that it cannot read");
            }
        }
        Err(error) => rows.fail(file, &error.to_string()),
    }
    // A check that read nothing has shown nothing.
    if rows.right() == 0 {
        rows.fail(file, "no row was read");
    }
    rows
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        println!("usage: vectors FOLDER");
        return ExitCode::from(2);
    };
    let (mut failed, mut total) = (0, 0);
    for check in CHECKS {
        let (file, _) = check;
        let rows = checked(
            check,
            std::fs::read_to_string(Path::new(&folder).join(file)),
        );
        println!(
            "{file:<36} {:>5} right {:>4} wrong {:>4} not ours",
            rows.right(),
            rows.wrong().len(),
            rows.not_ours()
        );
        for wrong in rows.wrong() {
            println!("    {wrong}");
        }
        failed += rows.wrong().len();
        total += rows.right();
    }
    println!("{total} rows right, {failed} wrong");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
