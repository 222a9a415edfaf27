//! What an authorization server is asked about tokens, and what it answers, as plain data.

use core::fmt;

use zeroize::Zeroizing;

use crate::{Bearer, Scope};

/// The body of a request to revoke (RFC 7009 section 2.1) or to introspect (RFC 7662 section 2.1), a form.
///
/// A hint of the type is not needed here: a token is looked for where it says that it belongs.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct TokenRequest {
    /// The token.
    pub token: Zeroizing<String>,
    /// What the client takes it for.
    #[cfg_attr(feature = "serde", serde(default))]
    pub token_type_hint: Option<String>,
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("token_type_hint", &self.token_type_hint)
            .finish_non_exhaustive()
    }
}

/// What is told of a token (RFC 7662 section 2.2): all of a live one, of any other one that it is not active.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub struct Introspection {
    /// Whether it is good now.
    pub active: bool,
    /// What it may do, with blanks in between.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub scope: Option<String>,
    /// `Bearer`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub token_type: Option<&'static str>,
    /// From when on it is dead, in seconds since 1970.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub exp: Option<i64>,
    /// When it was issued, in seconds since 1970.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub iat: Option<i64>,
    /// Whose it is, within the tenant.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub sub: Option<String>,
    /// Its public name.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub jti: Option<String>,
    /// When its owner proved who they are, in seconds since 1970 (RFC 9470 section 6.2).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub auth_time: Option<i64>,
    /// How they did (RFC 8176).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub amr: Vec<String>,
}

impl Introspection {
    /// Of an unknown, expired or revoked token: nothing else is told.
    #[must_use]
    pub fn inactive() -> Self {
        Self::default()
    }

    /// Of an authenticated one.
    #[must_use]
    pub fn of<S: Scope>(bearer: &Bearer<S>) -> Self {
        let ends = [bearer.expires_at(), bearer.idles_at()];
        let proved = bearer.proved();
        let scope = (!bearer.scopes().is_empty()).then(|| bearer.scopes().to_string());
        Self {
            active: true,
            scope,
            token_type: Some("Bearer"),
            exp: ends.into_iter().flatten().min().map(|end| end.timestamp()),
            iat: Some(bearer.issued_at().timestamp()),
            sub: Some(bearer.subject().id().into()),
            jti: Some(bearer.id().to_string()),
            auth_time: proved.map(|proved| proved.at.timestamp()),
            amr: proved
                .map(|proved| proved.methods.clone())
                .unwrap_or_default(),
        }
    }
}
