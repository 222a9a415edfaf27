//! API keys: made with a name and scopes, shown once, listed, revoked.
//!
//! `ott-bearer = "0.1"`, over the `Tokens` that the application has already.

use std::sync::Arc;

use ott_bearer::token_store::ott_core::{Purpose, Subject};
use ott_bearer::token_store::{Tokens, TokensError};
use ott_bearer::{Bearers, Door, Granted, Kind, Needs, New, NewError, Refused, Scopes, scopes};

scopes! {
    /// What a key may do. A name that is given away is never given to another scope.
    pub enum Scope {
        /// Reads invoices.
        Read = "invoices:read",
        /// Writes them.
        Write = "invoices:write",
    }
}

/// Until revoked; the prefix lets secret scanners recognise a key that leaked.
pub const KEY: Kind = Kind::api_key(Purpose::new("api-key"), "exa_key_");

/// Give `KEY.policy()` to the builder of the tokens. `keys.list(&owner)` is the page of an owner:
/// name, scopes, last use. `keys.revoke(&owner, &id)` is its button: a stranger's id does nothing.
pub fn keys(tokens: &Arc<Tokens>) -> Result<Bearers<Scope>, TokensError> {
    Bearers::new(tokens, KEY)
}

/// The text of a new key. Show it once: the store has a digest of it and nothing else.
pub async fn make(
    keys: &Bearers<Scope>,
    owner: &Subject,
    name: &str,
    scopes: Scopes<Scope>,
) -> Result<String, NewError> {
    let new = New::of(owner).named(name).scopes(scopes);
    Ok(keys.issue(&new).await?.token.expose_secret().to_owned())
}

/// In front of a handler that writes: from the header `Authorization` to the key, or to the status
/// and the challenge that RFC 6750 asks for.
pub async fn may_write(
    door: &Door<Scope>,
    authorization: &[u8],
) -> Result<Granted<Writes>, Refused> {
    door.grant(door.admit([authorization]).await?)
}

/// What writing needs, as a type.
#[derive(Debug)]
pub struct Writes;

impl Needs for Writes {
    type Scope = Scope;
    const SCOPES: &'static [Scope] = &[Scope::Write];
}
