//! From the header of a request to the token, or to the answer.

use core::fmt;
use std::sync::Arc;

use token_store::{Answer, TokensError, ott_core::chrono::TimeDelta};

use crate::{
    Admitted, Bearer, Bearers, Challenge, Credential, Granted, HeaderError, Needs, Network,
    NoScope, Scope,
};

/// Takes what a request carries in, or says what to answer: all that an adapter of a framework needs. Clones are one door.
#[derive(Clone, Debug)]
pub struct Door<S = NoScope> {
    bearers: Bearers<S>,
    realm: &'static str,
    tenant: String,
    own: Arc<()>,
}

/// Why a request does not get in: a status, and a header `WWW-Authenticate` where there is one.
#[derive(Debug)]
pub struct Refused {
    status: u16,
    challenge: Option<String>,
    outage: Option<TokensError>,
}

impl<S: Scope> Door<S> {
    /// Of an application with one tenant. Clients show the realm to a person (RFC 9110 section 11.5).
    #[must_use]
    pub fn new(bearers: Bearers<S>, realm: &'static str) -> Self {
        Self {
            bearers,
            realm,
            tenant: String::new(),
            own: Arc::default(),
        }
    }

    /// Of this tenant: another door.
    #[must_use]
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            own: Arc::default(),
            ..self
        }
    }

    /// The tokens behind it.
    #[must_use]
    pub const fn bearers(&self) -> &Bearers<S> {
        &self.bearers
    }

    /// Reads every value of the header `Authorization`, and authenticates its token.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn admit(
        &self,
        authorization: impl IntoIterator<Item = &[u8]>,
    ) -> Result<Bearer<S>, Refused> {
        self.admit_from(authorization, None).await
    }

    /// The same for a request from this class of networks: see [`Bearers::authenticate_from`].
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn admit_from(
        &self,
        authorization: impl IntoIterator<Item = &[u8]>,
        network: Option<&Network>,
    ) -> Result<Bearer<S>, Refused> {
        self.prove(Credential::read(authorization), network).await
    }

    /// The same once a request: what this door let in before is taken again. What another door let in is not, though it is of
    /// the same scopes.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn admit_once(
        &self,
        before: Option<&Admitted<S>>,
        authorization: impl IntoIterator<Item = &[u8]>,
        network: Option<&Network>,
    ) -> Result<Admitted<S>, Refused> {
        if let Some(before) = before.filter(|before| Arc::ptr_eq(&before.by, &self.own)) {
            return Ok(before.clone());
        }
        Ok(Admitted {
            by: Arc::clone(&self.own),
            bearer: self.admit_from(authorization, network).await?,
        })
    }

    /// Reads the cookie of this name from every value of the header `Cookie`, and authenticates its token: a session.
    ///
    /// # Errors
    /// [`Refused`]. A browser does nothing with the challenge: a page leads to the sign-in instead.
    ///
    /// # Security
    /// A browser sends a cookie along with requests that other sites cause. Set it with `SameSite`, and check `Origin` where
    /// a request changes something.
    pub async fn admit_cookie(
        &self,
        cookie: impl IntoIterator<Item = &[u8]>,
        name: &str,
    ) -> Result<Bearer<S>, Refused> {
        self.admit_cookie_from(cookie, name, None).await
    }

    /// The same for a request from this class of networks: see [`Bearers::authenticate_from`].
    ///
    /// # Errors
    /// As [`Door::admit_cookie`].
    pub async fn admit_cookie_from(
        &self,
        cookie: impl IntoIterator<Item = &[u8]>,
        name: &str,
        network: Option<&Network>,
    ) -> Result<Bearer<S>, Refused> {
        self.prove(Credential::read_cookie(cookie, name), network)
            .await
    }

    async fn prove(
        &self,
        credential: Result<Credential<'_>, HeaderError>,
        network: Option<&Network>,
    ) -> Result<Bearer<S>, Refused> {
        let credential =
            credential.map_err(|error| Refused::told(&Challenge::of_header(self.realm, error)))?;
        let text = credential.expose_secret();
        let network = network.map(|Network(name)| name.as_str());
        let proved = self.bearers.authenticate_from(&self.tenant, text, network);
        proved
            .await
            .map_err(|error| match Challenge::of_tokens(self.realm, &error) {
                Some(challenge) => Refused::told(&challenge),
                None => Refused {
                    status: recorded(&error).status(),
                    challenge: None,
                    outage: Some(error),
                },
            })
    }

    /// The token with the scopes of `N`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn grant<N: Needs<Scope = S>>(&self, bearer: Bearer<S>) -> Result<Granted<N>, Refused> {
        let granted = bearer.granted();
        granted.map_err(|needed| Refused::told(&Challenge::insufficient(self.realm, &needed)))
    }

    /// Whether the token's owner proved who they are at most so long ago, by all of these methods.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn recent(
        &self,
        bearer: &Bearer<S>,
        longest: TimeDelta,
        methods: &[&str],
    ) -> Result<(), Refused> {
        let recent = bearer.proved_within(longest, methods, self.bearers.now());
        recent.map_err(|needed| Refused::told(&Challenge::step_up(self.realm, &needed)))
    }
}

/// The answer to an outage or a mistake: the client learns nothing of it, and with `tracing` the log does.
#[cfg(not(feature = "tracing"))]
const fn recorded(error: &TokensError) -> Answer {
    error.answer()
}

#[cfg(feature = "tracing")]
fn recorded(error: &TokensError) -> Answer {
    Answer::traced(Recorded(error))
}

/// An error that stays with its [`Refused`].
#[cfg(feature = "tracing")]
#[derive(Debug)]
struct Recorded<'a>(&'a TokensError);

#[cfg(feature = "tracing")]
impl fmt::Display for Recorded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "tracing")]
impl core::error::Error for Recorded<'_> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(feature = "tracing")]
impl From<Recorded<'_>> for Answer {
    fn from(recorded: Recorded<'_>) -> Self {
        recorded.0.answer()
    }
}

impl Refused {
    fn told(challenge: &Challenge) -> Self {
        Self {
            status: challenge.status(),
            challenge: Some(challenge.value().into()),
            outage: None,
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        self.challenge.as_deref()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was not let in")
    }
}

impl core::error::Error for Refused {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.outage.as_ref().map(|error| error as _)
    }
}
