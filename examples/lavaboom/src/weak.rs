//! Passwords that everybody tries first.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use sha3::Sha3_256;

/// The most common ones, and those of the settings: as clear text, and as the hexadecimal digests that clients of the
/// contract send in its place.
#[derive(Clone, Debug)]
pub(crate) struct WeakPasswords(BTreeSet<String>);

const MOST_COMMON: &str = include_str!("weak_passwords.txt");

impl WeakPasswords {
    pub(crate) fn new(more: &[String]) -> Self {
        let mut all = BTreeSet::new();
        let common = MOST_COMMON.lines();
        for text in common.chain(more.iter().map(String::as_str)) {
            all.insert(text.into());
            all.insert(hex(&Sha256::digest(text)));
            all.insert(hex(&Sha3_256::digest(text)));
        }
        Self(all)
    }

    pub(crate) fn has(&self, password: &str) -> bool {
        self.0.contains(password) || self.0.contains(&password.to_ascii_lowercase())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A common password is weak in clear and as either digest, and so is one of the settings.
    #[test]
    fn weak_passwords_are_known_in_three_forms() {
        let weak = WeakPasswords::new(&["ours".into()]);
        for text in ["password", "ours"] {
            assert!(weak.has(text) && weak.has(&hex(&Sha256::digest(text))));
            assert!(weak.has(&hex(&Sha3_256::digest(text)).to_uppercase()));
        }
        assert!(!weak.has("correct horse battery staple"));
        assert_eq!(MOST_COMMON.lines().count(), 1_000);
    }
}
