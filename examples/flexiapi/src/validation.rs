//! What an account's name may be.

/// What is wrong with a username.
pub(crate) fn username(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_uppercase) {
        return Some("The username must not contain uppercase letters.");
    }
    let fits = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || "+_.-".contains(one);
    if !text.chars().all(fits) {
        return Some("The username has letters, digits, plus, dots, dashes and underscores.");
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    let number = (7..=15).contains(&digits.len()) && digits.bytes().all(|one| one.is_ascii_digit());
    number.then_some("The username should not be a phone number.")
}

#[cfg(test)]
mod tests {
    use super::username;

    /// Lower case, and no phone number.
    #[test]
    fn usernames_are_lower_case_and_no_number() {
        for good in [
            "a",
            "alice",
            "alice.b-c_d+1",
            "0123",
            "1234567a",
            "+33-612345678",
        ] {
            assert_eq!(username(good), None, "{good}");
        }
        for bad in [
            "Alice",
            "al ice",
            "+33612345678",
            "0612345678",
            "a\u{0}",
            "é",
            "alice\n",
        ] {
            assert!(username(bad).is_some(), "{bad}");
        }
    }
}
