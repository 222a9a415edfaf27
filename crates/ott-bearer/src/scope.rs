//! What a token may do.

use core::fmt;
use std::collections::BTreeSet;

/// One thing that a token may allow: an enumeration of the application. [`scopes!`](crate::scopes!) writes one.
pub trait Scope: Copy + fmt::Debug + Ord + Send + Sync + 'static {
    /// Every scope there is.
    const ALL: &'static [Self];

    /// Its name, which no other one has: visible ASCII without `"` and `\` (RFC 6749 section 3.3). Rows have it: never give
    /// it to another. [`Bearers::new`](crate::Bearers::new) checks that.
    fn name(self) -> &'static str;
}

/// Scopes of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes<S>(BTreeSet<S>);

impl<S: Scope> Scopes<S> {
    /// None at all.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn has(&self, scope: S) -> bool {
        self.0.contains(&scope)
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = S> {
        self.0.iter().copied()
    }

    /// What of these is missing.
    #[must_use]
    pub fn lacks(&self, needed: &[S]) -> Self {
        needed
            .iter()
            .copied()
            .filter(|one| !self.has(*one))
            .collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads names with blanks between them, as a form has them. `None` if one is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let names = text.split(' ').filter(|name| !name.is_empty());
        names.map(named).collect()
    }
}

/// The scope of this name.
pub(crate) fn named<S: Scope>(name: &str) -> Option<S> {
    S::ALL.iter().copied().find(|scope| scope.name() == name)
}

impl<S: Scope> FromIterator<S> for Scopes<S> {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// The names with blanks between them (RFC 6749 section 3.3).
impl<S: Scope> fmt::Display for Scopes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.iter().enumerate() {
            let blank = if at == 0 { "" } else { " " };
            write!(f, "{blank}{}", scope.name())?;
        }
        Ok(())
    }
}

/// For tokens that have no scopes: their owner may do everything with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoScope {}

impl Scope for NoScope {
    const ALL: &'static [Self] = &[];

    fn name(self) -> &'static str {
        match self {}
    }
}

/// Writes an enumeration of scopes with their names. A name that cannot be one, and one that two have, does not compile.
///
/// ```
/// ott_bearer::scopes! {
///     /// What a token may do here.
///     pub enum Wiki { Read = "wiki:read", Write = "wiki:write" }
/// }
/// ```
///
/// ```compile_fail
/// ott_bearer::scopes! { pub enum Wiki { Read = "wiki:read", Write = "wiki:read" } }
/// ```
#[macro_export]
macro_rules! scopes {
    ($(#[$meta:meta])* $visible:vis enum $Scope:ident { $($(#[$inner:meta])* $One:ident = $name:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        $visible enum $Scope { $($(#[$inner])* $One),+ }

        impl $crate::Scope for $Scope {
            const ALL: &'static [Self] = &[$(Self::$One),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$One => $name),+
                }
            }
        }

        const _: () = $crate::check_scope_names(&[$($name),+]);
    };
}

/// Whether each has a name that a scope can have, and no other one has.
pub(crate) fn names_are_sound<S: Scope>() -> bool {
    let names: BTreeSet<_> = S::ALL.iter().map(|scope| scope.name()).collect();
    names.len() == S::ALL.len() && names.into_iter().all(is_name)
}

/// Names that the scopes of an application can have.
///
/// # Panics
/// If one is none, or two are one: at compile time in a constant.
#[doc(hidden)]
pub const fn check_scope_names(names: &[&str]) {
    let mut rest = names;
    while let [name, others @ ..] = rest {
        assert!(
            is_name(name),
            "a scope's name is 1 to 64 bytes of visible ASCII without quotes and backslashes"
        );
        let mut after = others;
        while let [other, tail @ ..] = after {
            assert!(!are_same(name, other), "two scopes have one name");
            after = tail;
        }
        rest = others;
    }
}

const fn is_name(name: &str) -> bool {
    let mut rest = name.as_bytes();
    let fits = !rest.is_empty() && rest.len() <= 64;
    while let [first, tail @ ..] = rest {
        if !first.is_ascii_graphic() || *first == b'"' || *first == b'\\' {
            return false;
        }
        rest = tail;
    }
    fits
}

const fn are_same(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let ([first, one_tail @ ..], [second, other_tail @ ..]) = (one, other) {
        if *first != *second {
            return false;
        }
        (one, other) = (one_tail, other_tail);
    }
    one.is_empty() && other.is_empty()
}

#[cfg(test)]
mod tests {
    use token_store::{
        MemoryStore, Tokens, TokensError,
        ott_core::{KeyRing, Purpose},
    };

    use super::*;
    use crate::{Bearers, Kind};

    /// As `scopes!` checks them when it is compiled.
    #[test]
    fn names_of_scopes_are_checked() {
        let refused = |names: &'static [&'static str]| {
            std::panic::catch_unwind(|| check_scope_names(names)).is_err()
        };
        assert!(!refused(&[
            "mail:read",
            "mail:rea",
            "mail:readd",
            "Mail:read"
        ]));
        assert!(refused(&["mail:read", "mail:send", "mail:read"]));
        assert!(refused(&["a", "b", "b"]));
        for name in ["", " ", "a b", "a\"", "a\\", "é"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name(&"x".repeat(64)) && !is_name(&"x".repeat(65)));
    }

    /// An enumeration that was written by hand.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Hand {
        Read,
        Write,
    }

    impl Scope for Hand {
        const ALL: &'static [Self] = &[Self::Read, Self::Write];

        fn name(self) -> &'static str {
            "mail:read"
        }
    }

    crate::scopes! { enum Mail { Read = "mail:read", Send = "mail:send" } }

    /// Two scopes with one name read back as the first one: nothing is built of them.
    #[test]
    fn scopes_with_one_name_are_not_sound() {
        assert!(!names_are_sound::<Hand>());
        assert!(names_are_sound::<Mail>() && names_are_sound::<NoScope>());
        let kind = Kind::session(Purpose::new("session"));
        let tokens = Tokens::builder(KeyRing::generate().expect("keys"), MemoryStore::new());
        let tokens = tokens.policy(kind.policy()).build().expect("tokens");
        let built = Bearers::<Hand>::new(&tokens.shared(), kind);
        assert!(matches!(built, Err(TokensError::Misuse(_))));
    }
}
