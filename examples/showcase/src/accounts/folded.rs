//! One person's address, however they write it.

use twofa_providers::token_store::ott_core::Destination;
use unicode_normalization::UnicodeNormalization as _;

/// The form under which an address is looked up and is unique: lower case, compatibility forms and accents in
/// one way (Unicode NFKC). Nothing is ever sent to it: that goes to the spelling that its owner confirmed.
pub(crate) fn folded(email: &Destination) -> String {
    let lower = email.address().nfkc().flat_map(char::to_lowercase);
    lower.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::{Destination, folded};

    /// Spellings that a person takes for one address are one; others are not.
    #[test]
    fn spellings_of_one_address_fold_to_one() {
        let form = |email: &str| folded(&Destination::email(email).expect("an address"));
        for (one, other) in [
            ("Bob@Example.org", "bob@example.org"),
            ("BOB@EXAMPLE.ORG", "bob@example.org"),
            ("Zoe\u{308}@example.org", "ZO\u{cb}@example.org"),
            ("\u{ff42}ob@example.org", "bob@example.org"),
            ("\u{212a}im@example.org", "kim@example.org"),
            ("o\u{fb03}ce@example.org", "office@example.org"),
        ] {
            assert_eq!(form(one), form(other), "{one} and {other}");
            assert_eq!(form(&form(one)), form(one), "once is enough for {one}");
        }
        for (one, other) in [
            ("bob@example.org", "b.ob@example.org"),
            ("bob@example.org", "bob+news@example.org"),
            ("zoe@example.org", "zo\u{eb}@example.org"),
        ] {
            assert_ne!(form(one), form(other), "{one} and {other}");
        }
    }
}
