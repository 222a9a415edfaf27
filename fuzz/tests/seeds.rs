//! Every target holds for every input of `fuzz/seeds`: what earlier fuzzing found that reaches much.

#![cfg(not(feature = "libfuzzer"))]

use std::{collections::BTreeSet, fs};

#[path = "../fuzz_targets/base32.rs"]
mod base32;
#[path = "../fuzz_targets/hotp_resync.rs"]
mod hotp_resync;
#[path = "../fuzz_targets/otpauth_parse.rs"]
mod otpauth_parse;
#[path = "../fuzz_targets/record_histories.rs"]
mod record_histories;
#[path = "../fuzz_targets/sealed_open.rs"]
mod sealed_open;
#[path = "../fuzz_targets/showcase_forms.rs"]
mod showcase_forms;
#[path = "../fuzz_targets/stored_open.rs"]
mod stored_open;
#[path = "../fuzz_targets/token_present.rs"]
mod token_present;
#[path = "../fuzz_targets/totp_verify.rs"]
mod totp_verify;

/// Defines a test for each target, which replays its seeds, and `TARGETS`.
macro_rules! replayed {
    ($($target:ident),*) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];
        mod seeds {
            $(
                #[test]
                fn $target() {
                    super::replay(stringify!($target), crate::$target::replay);
                }
            )*
        }
    };
}

replayed!(
    base32,
    hotp_resync,
    otpauth_parse,
    record_histories,
    sealed_open,
    showcase_forms,
    stored_open,
    token_present,
    totp_verify
);

fn replay(target: &str, tried: fn(&[u8])) {
    let folder = format!("{}/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the target has seeds") {
        let file = entry.expect("a file").path();
        // What breaks is named: `scripts/fuzz` tries one file again.
        println!("{}", file.display());
        tried(&fs::read(file).expect("a file"));
        count += 1;
    }
    assert!(count > 0, "no seeds");
}

/// A target that is new is replayed too.
#[test]
fn targets_are_all_here() {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets"));
    let files: BTreeSet<_> = folder
        .expect("the targets")
        .map(|entry| entry.expect("a file").path())
        .filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()))
        .collect();
    let here = TARGETS.iter().map(ToString::to_string).collect();
    assert_eq!(files, here);
}
