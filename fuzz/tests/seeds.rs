//! Every target holds for every input of `fuzz/seeds`: what earlier fuzzing found that reaches much.

#![cfg(not(feature = "libfuzzer"))]

use std::{collections::BTreeSet, fs};

#[path = "../fuzz_targets/authorization_header.rs"]
mod authorization_header;
#[path = "../fuzz_targets/base32.rs"]
mod base32;
#[path = "../fuzz_targets/device_decision.rs"]
mod device_decision;
#[path = "../fuzz_targets/gateway_answer.rs"]
mod gateway_answer;
#[path = "../fuzz_targets/google_migration.rs"]
mod google_migration;
#[path = "../fuzz_targets/hotp_resync.rs"]
mod hotp_resync;
#[path = "../fuzz_targets/icon_read.rs"]
mod icon_read;
#[path = "../fuzz_targets/importer_each.rs"]
mod importer_each;
#[path = "../fuzz_targets/kdbx.rs"]
mod kdbx;
#[path = "../fuzz_targets/message_template.rs"]
mod message_template;
#[path = "../fuzz_targets/otpauth_parse.rs"]
mod otpauth_parse;
#[path = "../fuzz_targets/push_answer.rs"]
mod push_answer;
#[path = "../fuzz_targets/pwdv1r1_challenge.rs"]
mod pwdv1r1_challenge;
#[path = "../fuzz_targets/qr_picture.rs"]
mod qr_picture;
#[path = "../fuzz_targets/record_histories.rs"]
mod record_histories;
#[path = "../fuzz_targets/sealed_open.rs"]
mod sealed_open;
#[path = "../fuzz_targets/showcase_forms.rs"]
mod showcase_forms;
#[path = "../fuzz_targets/smtp_reply.rs"]
mod smtp_reply;
#[path = "../fuzz_targets/stored_open.rs"]
mod stored_open;
#[path = "../fuzz_targets/token_present.rs"]
mod token_present;
#[path = "../fuzz_targets/totp_verify.rs"]
mod totp_verify;
#[path = "../fuzz_targets/validation_query.rs"]
mod validation_query;
#[path = "../fuzz_targets/vault_import.rs"]
mod vault_import;
#[path = "../fuzz_targets/yubico_otp.rs"]
mod yubico_otp;

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
    authorization_header,
    base32,
    device_decision,
    gateway_answer,
    google_migration,
    hotp_resync,
    icon_read,
    importer_each,
    kdbx,
    message_template,
    otpauth_parse,
    push_answer,
    pwdv1r1_challenge,
    qr_picture,
    record_histories,
    sealed_open,
    showcase_forms,
    smtp_reply,
    stored_open,
    token_present,
    totp_verify,
    validation_query,
    vault_import,
    yubico_otp
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
