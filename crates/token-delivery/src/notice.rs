//! News about an account.

use core::{fmt, net::IpAddr};
use std::borrow::Cow;

use ott_core::chrono::{DateTime, Utc};

/// What happened to an account: what, when, from where.
///
/// Every part is a type that no request can fill with words of its choosing: a notice with an
/// attacker's sentence in it would be a phishing mail under the application's name.
///
/// Send it to every verified address of the account, the old one included when an address changes.
///
/// Specification: NIST SP 800-63B-4 section 4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened, in the application's own words: `a second step was added to your account`. Templates of other languages
    /// have [clauses](crate::Template::clauses) for it.
    pub what: NoticeText,
    /// When.
    pub at: DateTime<Utc>,
    /// From which network address, where that is known.
    pub from: Option<IpAddr>,
}

/// Words of the program: made of a text that was there when it was compiled, and of nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct NoticeText(Cow<'static, str>);

impl NoticeText {
    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Words that were queued, and sealed meanwhile.
    #[cfg(feature = "queue")]
    pub(crate) const fn unsealed(words: String) -> Self {
        Self(Cow::Owned(words))
    }
}

impl From<&'static str> for NoticeText {
    fn from(words: &'static str) -> Self {
        Self(Cow::Borrowed(words))
    }
}

impl fmt::Debug for NoticeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
