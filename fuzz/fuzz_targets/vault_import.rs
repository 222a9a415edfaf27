//! Whatever a file is, it is read or refused, and what was read is written and read again as
//! the same accounts.
#![cfg_attr(feature = "libfuzzer", no_main)]

use otp_vault::{Entry, Import, export};

fuzz::fuzz_target!(|file: &[u8]| {
    // Without a password: derivations are slow on purpose, and no part of what is looked for.
    let Ok(imported) = Import::new(file).read() else {
        return;
    };
    for format in [
        "otp-vault",
        "aegis",
        "stratum-json",
        "uri-list",
        "google-migration",
    ] {
        let written = export(format, &imported.entries, None)
            .expect("no password, and the system's randomness");
        let held = imported.entries.len() - written.left_out.len();
        if held == 0 {
            continue;
        }
        let again = Import::new(&written.file)
            .format(format)
            .read()
            .expect("what was written is read");
        assert_eq!(again.entries.len(), held, "{format}");
        if written.left_out.is_empty() {
            let codes = |entries: &[Entry]| -> Vec<_> {
                entries
                    .iter()
                    .map(|entry| {
                        entry
                            .code(59)
                            .ok()
                            .map(|code| code.expose_secret().to_owned())
                    })
                    .collect()
            };
            assert_eq!(codes(&again.entries), codes(&imported.entries), "{format}");
        }
    }
});
