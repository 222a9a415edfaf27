//! The header `Authorization`, and what is answered to it.

use core::fmt;

use token_store::TokensError;

use crate::{InsufficientScope, StepUpNeeded};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 4_096;

/// The token of a header `Authorization: Bearer …`, or of a cookie: what the client sent, not yet proved.
///
/// Specification: RFC 6750 section 2.1, RFC 9110 section 11.4; RFC 6265 section 4.2 for cookies.
pub struct Credential<'h>(&'h str);

/// Why a header has no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is there more than once, or is no token of the scheme Bearer's form: 400.
    #[error("the header Authorization cannot be read")]
    Malformed,
    /// There is none, or one of another scheme: 401 without an error code.
    #[error("there is no bearer token")]
    Missing,
}

impl<'h> Credential<'h> {
    /// Reads every value of the header.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn read(values: impl IntoIterator<Item = &'h [u8]>) -> Result<Self, HeaderError> {
        let mut values = values.into_iter();
        let value = values.next().ok_or(HeaderError::Missing)?;
        if values.next().is_some() {
            return Err(HeaderError::Malformed);
        }
        let space = value.iter().position(|byte| *byte == b' ');
        let (scheme, rest) = value.split_at(space.unwrap_or(value.len()));
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Err(HeaderError::Missing);
        }
        // 1*SP, and what servers allow around a field's value.
        Self::token(rest.trim_ascii())
    }

    /// Reads the cookie of this name from every value of the header `Cookie` (RFC 6265 section 4.2). A name that is there
    /// twice is malformed: another host of the domain may have set one of them.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn read_cookie(
        values: impl IntoIterator<Item = &'h [u8]>,
        name: &str,
    ) -> Result<Self, HeaderError> {
        let pairs = values
            .into_iter()
            .flat_map(|value| value.split(|byte| *byte == b';'));
        let mut found = pairs.filter_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=")
        });
        let value = found.next().ok_or(HeaderError::Missing)?;
        if found.next().is_some() {
            return Err(HeaderError::Malformed);
        }
        Self::token(value)
    }

    fn token(text: &'h [u8]) -> Result<Self, HeaderError> {
        let token = core::str::from_utf8(text).map_err(|_| HeaderError::Malformed)?;
        if token.len() > LONGEST || !is_b64token(token) {
            return Err(HeaderError::Malformed);
        }
        Ok(Self(token))
    }

    /// The text. It is the secret.
    #[must_use]
    pub const fn expose_secret(&self) -> &'h str {
        self.0
    }
}

/// RFC 6750 section 2.1: letters, digits, `-._~+/`, then `=`.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(allowed)
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// What a client is told that did not get through: a status, and the header `WWW-Authenticate`.
///
/// Specification: RFC 6750 section 3, RFC 9470 section 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    status: u16,
    value: String,
}

impl Challenge {
    /// For a request without a token. No error code: the client did not know.
    #[must_use]
    pub fn missing(realm: &str) -> Self {
        Self::new(401, realm, &[])
    }

    /// For a header that cannot be read.
    #[must_use]
    pub fn malformed(realm: &str) -> Self {
        Self::new(400, realm, &[("error", "invalid_request")])
    }

    /// For a token that was refused. It does not say why.
    #[must_use]
    pub fn refused(realm: &str) -> Self {
        Self::new(401, realm, &[("error", "invalid_token")])
    }

    /// For a token that lacks a scope.
    #[must_use]
    pub fn insufficient(realm: &str, needed: &InsufficientScope) -> Self {
        let error = ("error", "insufficient_scope");
        Self::new(403, realm, &[error, ("scope", &needed.scope)])
    }

    /// For a token whose owner has to prove who they are again.
    #[must_use]
    pub fn step_up(realm: &str, needed: &StepUpNeeded) -> Self {
        let error = ("error", "insufficient_user_authentication");
        let longest = needed.longest.num_seconds().max(0).to_string();
        Self::new(401, realm, &[error, ("max_age", &longest)])
    }

    /// For a header that has no token.
    #[must_use]
    pub fn of_header(realm: &str, error: HeaderError) -> Self {
        match error {
            HeaderError::Malformed => Self::malformed(realm),
            HeaderError::Missing => Self::missing(realm),
        }
    }

    /// For a token that was not authenticated; `None` where that was an outage or a mistake, which is no matter of the
    /// client's: see [`TokensError::answer`].
    #[must_use]
    pub fn of_tokens(realm: &str, error: &TokensError) -> Option<Self> {
        matches!(error, TokensError::Rejected(_)).then(|| Self::refused(realm))
    }

    fn new(status: u16, realm: &str, parameters: &[(&str, &str)]) -> Self {
        let mut value = String::from("Bearer realm=");
        push_quoted(&mut value, realm);
        for (name, text) in parameters {
            value.push_str(", ");
            value.push_str(name);
            value.push('=');
            push_quoted(&mut value, text);
        }
        Self { status, value }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// A quoted string of RFC 9110 section 5.6.4. What cannot stand in one is left out.
fn push_quoted(value: &mut String, text: &str) {
    value.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => value.extend(['\\', character]),
            ' '..='~' => value.push(character),
            _ => {}
        }
    }
    value.push('"');
}
