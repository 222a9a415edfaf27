//! What a token is good for.

/// What a token is good for: `sign-in`, `password-recovery`, …
///
/// It enters every digest, so a token of one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Purpose(&'static str);

impl Purpose {
    /// A purpose by its name: 1 to 64 bytes of `a-z`, `0-9` and `-`.
    ///
    /// # Panics
    /// If the name is another: at compile time in a constant.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(
            !bytes.is_empty() && bytes.len() <= 64,
            "a purpose has 1 to 64 bytes"
        );
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            assert!(
                matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'-'),
                "a purpose is made of a-z, 0-9 and -"
            );
            rest = tail;
        }
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}
