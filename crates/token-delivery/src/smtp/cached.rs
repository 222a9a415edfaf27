//! Access tokens that are kept until shortly before their end.

use core::{error::Error, fmt, time::Duration};

use async_trait::async_trait;
use tokio::{sync::Mutex, time::Instant};

use super::access::{AccessToken, AccessTokens};

/// How long before its end a token is renewed: a sign-in must not meet the end half-way.
const BEFORE_THE_END: Duration = Duration::from_secs(60);

/// Who issues access tokens: the application's OAuth 2.0 client.
#[async_trait]
pub trait TokenIssuer: Send + Sync {
    /// A new token, and for how long it is good (`expires_in`, RFC 6749 section 5.1).
    ///
    /// # Errors
    /// Whatever kept it away. It is logged: no token and no secret of the client belongs into its text.
    async fn issue(&self) -> Result<(AccessToken, Duration), Box<dyn Error + Send + Sync>>;
}

/// Keeps the token of an issuer until a minute before its end. Whoever asks while it is renewed waits, and gets the new one.
pub struct CachedTokens<I> {
    issuer: I,
    kept: Mutex<Option<(AccessToken, Instant)>>,
}

impl<I: TokenIssuer> CachedTokens<I> {
    /// Keeps what this issuer gives. It is asked when a token is needed first.
    pub fn new(issuer: I) -> Self {
        Self {
            issuer,
            kept: Mutex::default(),
        }
    }
}

#[async_trait]
impl<I: TokenIssuer> AccessTokens for CachedTokens<I> {
    async fn access_token(&self, anew: bool) -> Result<AccessToken, Box<dyn Error + Send + Sync>> {
        let mut kept = self.kept.lock().await;
        if let Some((token, renewed_at)) = &*kept
            && !anew
            && Instant::now() < *renewed_at
        {
            return Ok(token.again());
        }
        // An issuer that fails leaves nothing behind that a server refused.
        *kept = None;
        let (token, good_for) = self.issuer.issue().await?;
        let now = Instant::now();
        let left = good_for.saturating_sub(BEFORE_THE_END);
        if let Some(renewed_at) = now.checked_add(left) {
            *kept = Some((token.again(), renewed_at));
        }
        Ok(token)
    }
}

impl<I> fmt::Debug for CachedTokens<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedTokens").finish_non_exhaustive()
    }
}
