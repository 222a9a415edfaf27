//! No secret stands in an error, a report or a `Debug` text.

mod support;

use otp_vault::{Import, Vault, export};
use support::{LONG, SHORT, accounts, import, password};

/// `Debug` of everything that holds a secret says so and nothing more.
#[test]
fn debug_texts_hold_no_secret() {
    let mut entries = accounts();
    entries[0].note = Some("hidden note".into());
    entries[0].pin = Some(zeroize::Zeroizing::new("hidden pin".into()));
    let uris = format!("otpauth://totp/hidden?secret={SHORT}");
    let import = Import::new(uris.as_bytes());
    let texts = [
        format!("{:?}", entries),
        format!("{:?}", entries[0].secret),
        format!("{:?}", password("hidden")),
        format!("{:?}", import),
        format!("{:?}", import.read().expect("one")),
        format!("{:?}", entries[0].code(59).expect("a code")),
        format!("{:?}", otp_vault::qr::Code::new("hidden").expect("short")),
        format!("{:?}", Vault { entries }),
    ];
    for text in texts {
        assert!(
            ![SHORT, LONG, "hidden", "996554"]
                .iter()
                .any(|secret| text.contains(secret)),
            "{text}"
        );
    }
}

/// Reports and errors of wrong files hold nothing of the file but an entry's name.
#[test]
fn errors_hold_no_secret() {
    let file = format!(
        "otpauth://totp/a?secret={SHORT}\notpauth://totp/a?secret={LONG}0\notpauth://nonsense/a?secret={LONG}\n{LONG}\n"
    );
    let imported = import(file.as_bytes()).expect("one");
    assert_eq!(imported.skipped.len(), 3);
    for skipped in imported.skipped {
        let text = format!("{skipped:?} {}", skipped.reason);
        assert!(!text.contains(LONG) && !text.contains(SHORT), "{text}");
    }
    for wrong in [format!("{{\"entries\": [\"{LONG}\""), LONG.to_owned()] {
        let error = import(wrong.as_bytes()).expect_err("damaged");
        assert!(!format!("{error} {error:?}").contains(LONG));
    }
    let exported = export("google-migration", &accounts(), None).expect("one fits");
    assert!(!format!("{:?}", exported.left_out).contains(LONG));
}
