//! Signing in at a mail server.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{
    access::AccessTokens,
    offers::Offers,
    reply::{Broken, Phase, Reply, misconfigured},
    wire::Wire,
};
use crate::DeliveryError;

/// The longest command line with its end (RFC 5321 section 4.5.3.1.4): what does not fit follows on a line of its own.
const LONGEST_COMMAND: usize = 512;

/// By what one signs in. It has no `Debug` text.
#[derive(Clone)]
pub(super) enum SignIn {
    Password {
        user: String,
        password: Zeroizing<String>,
    },
    Token {
        user: String,
        source: Arc<dyn AccessTokens>,
    },
}

impl SignIn {
    /// Whether names and password can be said at all.
    pub(super) fn is_sayable(&self) -> bool {
        let (user, password) = match self {
            Self::Password { user, password } => (user, password.as_str()),
            Self::Token { user, .. } => (user, ""),
        };
        !user.is_empty() && !user.chars().chain(password.chars()).any(char::is_control)
    }

    /// Signs in by the best mechanism that the server offers.
    ///
    /// Specification: RFC 4954.
    pub(super) async fn sign_in(
        &self,
        wire: &mut Wire,
        offers: &Offers,
        (host, port): (&str, u16),
    ) -> Result<(), DeliveryError> {
        let reply = match self {
            Self::Password { user, password } => {
                if offers.signs_in_by("PLAIN") {
                    // RFC 4616 section 2.
                    let message = Zeroizing::new(format!("\0{user}\0{}", password.as_str()));
                    begin(wire, "PLAIN", &message).await?
                } else if offers.signs_in_by("LOGIN") {
                    login(wire, user, password).await?
                } else if offers.signs_in_by("OAUTHBEARER") || offers.signs_in_by("XOAUTH2") {
                    let which =
                        "the server takes access tokens and no password: give it a source of them";
                    return Err(misconfigured(which, None));
                } else {
                    let which = "the server offers no password sign-in here";
                    return Err(misconfigured(which, None));
                }
            }
            Self::Token { user, source } => {
                let by_token = ByToken::new(offers, user, host, port)?;
                let refused = match by_token.sign_in(wire, &**source, false).await? {
                    reply if reply.class() == 5 => reply,
                    reply => return taken(&reply),
                };
                // It may have been revoked before its time. A server that hung up said why before.
                match by_token.sign_in(wire, &**source, true).await {
                    Ok(reply) => reply,
                    Err(TokenError::Broken(_)) => refused,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        taken(&reply)
    }
}

fn taken(reply: &Reply) -> Result<(), DeliveryError> {
    if reply.class() == 2 {
        Ok(())
    } else {
        Err(reply.error(Phase::Authenticate))
    }
}

/// Signing in by an access token, as far as the token does not matter.
struct ByToken<'a> {
    mechanism: &'static str,
    /// What the client answers once the server has said, in a challenge, why it refuses.
    bow: &'static str,
    user: &'a str,
    host: &'a str,
    port: u16,
}

/// Why a token was not tried to the end.
enum TokenError {
    Broken(Broken),
    Other(DeliveryError),
}

impl From<Broken> for TokenError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<TokenError> for DeliveryError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Broken(broken) => broken.into(),
            TokenError::Other(error) => error,
        }
    }
}

impl<'a> ByToken<'a> {
    fn new(
        offers: &Offers,
        user: &'a str,
        host: &'a str,
        port: u16,
    ) -> Result<Self, DeliveryError> {
        let (mechanism, bow) = if offers.signs_in_by("OAUTHBEARER") {
            ("OAUTHBEARER", "AQ==")
        } else if offers.signs_in_by("XOAUTH2") {
            ("XOAUTH2", "")
        } else {
            return Err(misconfigured(
                "the server takes no access tokens here",
                None,
            ));
        };
        Ok(Self {
            mechanism,
            bow,
            user,
            host,
            port,
        })
    }

    async fn sign_in(
        &self,
        wire: &mut Wire,
        source: &dyn AccessTokens,
        anew: bool,
    ) -> Result<Reply, TokenError> {
        let Self {
            mechanism,
            user,
            host,
            port,
            ..
        } = self;
        let token = source.access_token(anew).await;
        let token = token.map_err(|error| TokenError::Other(DeliveryError::Unavailable(error)))?;
        let bearer = token.expose_secret().ok_or_else(|| {
            TokenError::Other(misconfigured(
                "the source of access tokens gave what is none",
                None,
            ))
        })?;
        let message = Zeroizing::new(if *mechanism == "XOAUTH2" {
            format!("user={user}\x01auth=Bearer {bearer}\x01\x01")
        } else {
            // RFC 7628 section 3.1; RFC 5801 section 4 for the name.
            let user = user.replace('=', "=3D").replace(',', "=2C");
            format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {bearer}\x01\x01")
        });
        let reply = begin(wire, mechanism, &message).await?;
        if reply.code() == CHALLENGE {
            Ok(wire.command(self.bow).await?)
        } else {
            Ok(reply)
        }
    }
}

/// The server waits for the next line of the mechanism.
const CHALLENGE: u16 = 334;

/// Starts a mechanism whose client speaks first.
async fn begin(wire: &mut Wire, mechanism: &str, message: &str) -> Result<Reply, Broken> {
    let message = encode(message);
    let whole = Zeroizing::new(format!("AUTH {mechanism} {}", message.as_str()));
    // With its line end.
    if whole.len().saturating_add(2) <= LONGEST_COMMAND {
        return wire.command(&whole).await;
    }
    let reply = wire.command(&format!("AUTH {mechanism}")).await?;
    answer(wire, reply, &message).await
}

/// LOGIN: a name and a password, each on demand. Its prompts differ between servers and are not read.
async fn login(wire: &mut Wire, user: &str, password: &str) -> Result<Reply, Broken> {
    let mut reply = wire.command("AUTH LOGIN").await?;
    for text in [user, password] {
        reply = answer(wire, reply, &encode(text)).await?;
    }
    Ok(reply)
}

/// Says the next line where the server waits for it; else its reply is the last word.
async fn answer(wire: &mut Wire, challenge: Reply, line: &str) -> Result<Reply, Broken> {
    match challenge.class() {
        _ if challenge.code() == CHALLENGE => wire.command(line).await,
        // Nobody is signed in who said nothing yet.
        2 => Err(Broken::Unreadable),
        _ => Ok(challenge),
    }
}

fn encode(text: &str) -> Zeroizing<String> {
    Zeroizing::new(BASE64_STANDARD.encode(text))
}
