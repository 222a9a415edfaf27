//! What a browser sends, read as text and nothing more: forms and cookies.
//!
//! Nothing else of the application is named here, so that `fuzz/` builds this alone.

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
    // Every field here is one line of text. What is not (bytes that are no UTF-8 arrive as
    // U+FFFD) would be stored as something that nobody typed.
    let fields: Vec<(String, String)> =
        serde_urlencoded::from_bytes(body).map_err(|_| FormFault::Unreadable)?;
    let strange = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    if fields.iter().any(|(_, value)| value.contains(strange)) {
        return Err(FormFault::Strange);
    }
    serde_urlencoded::from_bytes(body).map_err(|_| FormFault::Incomplete)
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
