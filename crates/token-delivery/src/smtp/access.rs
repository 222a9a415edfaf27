//! Signing in by access tokens, which somebody else issues.

use core::{error::Error, fmt};

use async_trait::async_trait;
use zeroize::Zeroizing;

/// Where access tokens of the mail account come from: the application's OAuth 2.0 client.
#[async_trait]
pub trait AccessTokens: Send + Sync {
    /// A token that the mail server takes for another minute at least. It is asked for with each new connection:
    /// keep one until it expires, as [`CachedTokens`](crate::CachedTokens) does.
    ///
    /// `anew` where the server just refused the one that was given, because it was revoked before its time, say: get
    /// another one from its issuer. Each connection asks so once at most.
    ///
    /// # Errors
    /// Whatever kept it away. It becomes the source of [`DeliveryError::Unavailable`](crate::DeliveryError::Unavailable),
    /// and is logged: no token and no secret of the client belongs into its text.
    async fn access_token(&self, anew: bool) -> Result<AccessToken, Box<dyn Error + Send + Sync>>;
}

/// An access token of OAuth 2.0 (RFC 6750). It is wiped when dropped.
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// The token as its issuer wrote it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(Zeroizing::new(token.into()))
    }

    /// The same token once more, for who keeps it.
    pub(super) fn again(&self) -> Self {
        Self(self.0.clone())
    }

    /// The text, where it can be a token: RFC 6750 section 2.1 has letters, digits and `-._~+/=`.
    pub(super) fn expose_secret(&self) -> Option<&str> {
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let token = self.0.as_str();
        (!token.is_empty() && token.bytes().all(belongs)).then_some(token)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}
