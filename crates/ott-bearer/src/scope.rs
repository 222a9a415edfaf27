//! What a token may do.

use core::fmt;
use std::collections::BTreeSet;

/// One thing that a token may allow: an enumeration of the application. [`scopes!`](crate::scopes!) writes one.
pub trait Scope: Copy + fmt::Debug + Ord + Send + Sync + 'static {
    /// Every scope there is.
    const ALL: &'static [Self];

    /// Its name: visible ASCII without `"` and `\` (RFC 6749 section 3.3). Rows have it: never give it to another.
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

/// Writes an enumeration of scopes with their names. A name that cannot be one does not compile.
///
/// ```
/// ott_bearer::scopes! {
///     /// What a token may do here.
///     pub enum Wiki { Read = "wiki:read", Write = "wiki:write" }
/// }
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
                    $(Self::$One => const { $crate::checked_scope_name($name) }),+
                }
            }
        }
    };
}
/// A name that a scope can have.
///
/// # Panics
/// If it is none: at compile time in a constant.
#[doc(hidden)]
#[must_use]
pub const fn checked_scope_name(name: &'static str) -> &'static str {
    let bytes = name.as_bytes();
    assert!(
        !bytes.is_empty() && bytes.len() <= 64,
        "a scope's name has 1 to 64 bytes"
    );
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        assert!(
            first.is_ascii_graphic() && *first != b'"' && *first != b'\\',
            "a scope's name is visible ASCII without quotes and backslashes"
        );
        rest = tail;
    }
    name
}
