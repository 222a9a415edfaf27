//! What a browser sends, read as text and nothing more: forms and cookies.
//!
//! Nothing else of the application is named here, so that `fuzz/` builds this alone.

use std::collections::BTreeSet;

use axum_extra::extract::CookieJar;
use serde::{Deserialize, de::DeserializeOwned};

/// Why a form was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormFault {
    /// Without the hidden field of this visit's forms, or with another one.
    Forged,
    /// A field is missing, stands twice, or cannot be what it should.
    Incomplete,
    /// Control characters, or bytes that are no UTF-8.
    Strange,
    /// Not a form at all.
    Unreadable,
}

#[derive(Deserialize)]
struct Guarded {
    csrf: String,
}

/// Whether this content type says that a form follows.
pub fn is_form(kind: Option<&str>) -> bool {
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded")
}

/// The fields of a form whose hidden field has the expected value.
///
/// # Errors
/// Why it was not read.
pub fn form<T: DeserializeOwned>(body: &[u8], expected: &str) -> Result<T, FormFault> {
    let guarded: Guarded = serde_urlencoded::from_bytes(body).map_err(|_| FormFault::Forged)?;
    // Hashes of a random value: what a comparison's time tells of one is of no use.
    if guarded.csrf != expected {
        return Err(FormFault::Forged);
    }
    let fields: Vec<(String, String)> =
        serde_urlencoded::from_bytes(body).map_err(|_| FormFault::Unreadable)?;
    if fields.iter().any(|(_, value)| value.contains(is_strange)) {
        return Err(FormFault::Strange);
    }
    serde_urlencoded::from_bytes(body).map_err(|_| FormFault::Incomplete)
}

/// Every field here is one line of text. What is not (bytes that are no UTF-8 arrive as U+FFFD) would be
/// stored as something that nobody typed.
fn is_strange(c: char) -> bool {
    c.is_control() || c == char::REPLACEMENT_CHARACTER
}

/// The fields of a form whose hidden field has another value than expected, to show them again: none stands
/// twice, each name is a word, and each value one line of text.
#[must_use]
pub fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).ok()?;
    let word =
        |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    let names: BTreeSet<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let plain = |(name, value): &(String, String)| word(name) && !value.contains(is_strange);
    (names.len() == fields.len() && names.contains("csrf") && fields.iter().all(plain))
        .then_some(fields)
}

/// The value of one of our cookies. Over TLS only the name that browsers keep to this host counts.
pub fn cookie(jar: &CookieJar, secure: bool, name: &str) -> Option<String> {
    let host_name;
    let name = if secure {
        host_name = format!("__Host-{name}");
        &host_name
    } else {
        name
    };
    jar.get(name).map(|cookie| cookie.value().to_owned())
}
