//! Encrypted files of other programs, which other libraries wrote: `fixtures/make.py`.

mod support;

use core::time::Duration;
use std::time::Instant;

use otp_vault::ImportError;
use support::{PASSWORD, SEALED, accounts, assert_same, fixture, import, import_with};

/// Each encrypted file opens with its password, and gives the accounts that were put in.
#[test]
fn sealed_files_open_with_their_password() {
    for (name, format, count) in SEALED {
        let imported =
            import_with(&fixture(name), PASSWORD).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(imported.format, format);
        assert_eq!(imported.skipped, []);
        assert_same(&imported.entries, &accounts()[..count]);
    }
}

/// A wrong password is refused, and the refusal names the password.
#[test]
fn sealed_files_refuse_a_wrong_password() {
    for (name, ..) in SEALED {
        for wrong in ["correct horsE", "", "correct horse "] {
            let begun = Instant::now();
            let error = import_with(&fixture(name), wrong).expect_err(name);
            assert!(
                matches!(error, ImportError::WrongPassword(_)),
                "{name}: {error}"
            );
            assert!(error.to_string().contains("password"));
            assert!(begun.elapsed() < Duration::from_secs(10), "{name}");
        }
    }
}

/// Without a password the file says that it needs one.
#[test]
fn sealed_files_ask_for_a_password() {
    for (name, ..) in SEALED {
        let error = import(&fixture(name)).expect_err(name);
        assert!(
            matches!(error, ImportError::PasswordNeeded(_)),
            "{name}: {error}"
        );
    }
}

/// A file that is cut off anywhere near its end is no shorter vault.
#[test]
fn sealed_files_cut_off_are_refused() {
    for (name, ..) in SEALED {
        let file = fixture(name);
        for length in [
            file.len() / 4,
            file.len() / 2,
            file.len() - 17,
            file.len() - 2,
            file.len() - 1,
        ] {
            assert!(
                import_with(&file[..length], PASSWORD).is_err(),
                "{name} to {length}"
            );
        }
    }
}

/// A changed byte of what is sealed is noticed; without a MAC, old Stratum files cannot promise it.
#[test]
fn sealed_files_changed_are_refused() {
    for (name, ..) in SEALED
        .into_iter()
        .filter(|(name, ..)| !name.starts_with("stratum-legacy"))
    {
        let file = fixture(name);
        let is_text = file[0] == b'{';
        // In a text, from letter to letter, so that it stays base64.
        let places = (0..file.len()).filter(|at| {
            !is_text || file[*at].is_ascii_alphabetic() && file[at - 1].is_ascii_alphanumeric()
        });
        // Inside of the longest field, which is what is sealed.
        let middle = places
            .skip(if is_text { file.len() / 3 } else { 60 })
            .step_by(file.len() / 5)
            .take(2);
        for at in middle {
            let mut changed = file.clone();
            changed[at] = if is_text && changed[at] == b'A' {
                b'B'
            } else if is_text {
                b'A'
            } else {
                changed[at] ^ 1
            };
            assert!(import_with(&changed, PASSWORD).is_err(), "{name} at {at}");
        }
    }
}

/// What Bitwarden sealed is not opened where only its MAC was changed.
#[test]
fn bitwarden_mac_is_checked() {
    let text = String::from_utf8(fixture("bitwarden-pbkdf2.json")).expect("a text");
    for field in ["encKeyValidation_DO_NOT_EDIT", "data"] {
        let begin = text.find(&format!("\"{field}\"")).expect("the field");
        let mac = begin + text[begin..].match_indices('|').nth(1).expect("two bars").0 + 1;
        let other = if text[mac..].starts_with('A') {
            "B"
        } else {
            "A"
        };
        let changed = format!("{}{other}{}", &text[..mac], &text[mac + 1..]);
        assert!(
            import_with(&changed.into_bytes(), PASSWORD).is_err(),
            "{field}"
        );
    }
}
