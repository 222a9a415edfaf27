//! What a request brings. Reading it fails in the handler, where the contract's order of errors is kept.

use core::convert::Infallible;

use ott_flows::{
    token_delivery::Phrase,
    token_store::{
        Claimed,
        ott_core::{Destination, Handle, OwnedBinding},
    },
};
use rocket::{
    Request,
    data::{self, Data, FromData, ToByteUnit as _},
    request::{self, FromRequest},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    answer::ApiError,
    app::{APP_BEARER, App, SESSION},
    user::{Account, KeyKind},
};

/// The largest body, in KiB.
const LARGEST: u64 = 256;

/// Who asks: nothing of it is believed yet.
pub(crate) struct Caller {
    bearer: Option<String>,
    pub(crate) network: String,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Infallible> {
        let mut headers = request.headers().get("authorization");
        let bearer = headers.next().map(|text| match text.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim().into(),
            _ => String::from(text.trim()),
        });
        let bearer = bearer.filter(|_| headers.next().is_none());
        // The connection's own address: a header that says another is the visitor's to write.
        let network = request.remote().map(|remote| remote.ip().to_string());
        request::Outcome::Success(Self {
            bearer,
            network: network.unwrap_or_default(),
        })
    }
}

impl App {
    /// Who is signed in.
    pub(crate) async fn signed_in(&self, caller: &Caller) -> Result<Account, ApiError> {
        let bearer = caller
            .bearer
            .as_deref()
            .filter(|text| !text.is_empty() && text.len() <= 4_096);
        let bearer = bearer.ok_or(ApiError::SIGN_IN)?;
        let owner =
            async |claimed: Claimed| -> Result<Option<OwnedBinding>, contract_server::Fault> {
                Ok(claimed.owner_alone())
            };
        let tokens = self.tokens();
        let name = self.given.name(bearer);
        let record = match tokens.authenticate(&APP_BEARER, "", &name, owner).await {
            Ok(record) => record,
            Err(error) if error.reason().is_some() => {
                tokens.authenticate(&SESSION, "", bearer, owner).await?
            }
            Err(error) => return Err(error.into()),
        };
        let owner = record.stored().owner().ok_or(ApiError::SIGN_IN)?;
        self.account(owner.id()).await?.ok_or(ApiError::SIGN_IN)
    }
}

/// A body of JSON.
pub(crate) struct Body(Result<Vec<u8>, ApiError>);

#[rocket::async_trait]
impl<'r> FromData<'r> for Body {
    type Error = Infallible;

    async fn from_data(
        request: &'r Request<'_>,
        data: Data<'r>,
    ) -> data::Outcome<'r, Self, Infallible> {
        data::Outcome::Success(Self(read(request, data).await))
    }
}

async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Vec<u8>, ApiError> {
    let named = request.headers().get_one("content-type");
    if named.is_some() && !request.content_type().is_some_and(|named| named.is_json()) {
        return Err(ApiError::of_status(415));
    }
    let body = data.open(LARGEST.kibibytes()).into_bytes().await;
    let body = body.map_err(|_| ApiError::of_status(400))?;
    if !body.is_complete() {
        return Err(ApiError::of_status(413));
    }
    Ok(body.into_inner())
}

impl Body {
    /// Reads it strictly: every field that is named, once.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        let bytes = self.0?;
        serde_json::from_slice(&bytes).map_err(|_| ApiError::form("The body cannot be read"))
    }
}

/// The query.
pub(crate) struct Query(Result<Vec<(String, String)>, ApiError>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Query {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Infallible> {
        let query = request.uri().query().map_or("", |query| query.as_str());
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let read = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        let read: Option<Vec<_>> = read.collect();
        request::Outcome::Success(Self(read.ok_or(ApiError::form("The query cannot be read"))))
    }
}

impl Query {
    /// The value of a name that stands there once.
    pub(crate) fn one(self, name: &str) -> Result<String, ApiError> {
        let mut found = self.0?.into_iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            _ => Err(ApiError::form("A parameter is missing, or there twice")),
        }
    }
}

/// A part of a query, with `%XX` and `+` decoded.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let value = digit(rest.next())?
                    .checked_mul(16)?
                    .checked_add(digit(rest.next())?)?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// An address in a request: of which kind it is shows in itself.
pub(crate) fn user_key(text: &str) -> Result<Destination, ApiError> {
    let key = if text.contains('@') {
        Destination::email(text).ok()
    } else {
        Destination::phone(text).ok()
    };
    key.ok_or(ApiError::form(
        "That is no e-mail address and no phone number",
    ))
}

/// An address of this kind.
pub(crate) fn key_of(kind: KeyKind, text: &str) -> Result<Destination, ApiError> {
    let key = user_key(text)?;
    (KeyKind::of(&key) == kind)
        .then_some(key)
        .ok_or(ApiError::form("That is a key of another kind"))
}

/// A new password.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct NewPassword(pub(crate) String);

impl TryFrom<String> for NewPassword {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let length = text.chars().count();
        ((8..=256).contains(&length))
            .then_some(Self(text))
            .ok_or("a password has 8 to 256 characters")
    }
}

/// A new anti-phishing code.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct NewPhrase(pub(crate) Phrase);

impl TryFrom<String> for NewPhrase {
    type Error = ott_flows::token_delivery::InvalidPhrase;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Phrase::new(text).map(Self)
    }
}

/// A handle that was kept.
pub(crate) fn handle(text: &str) -> Result<Handle, ApiError> {
    Handle::parse(text).map_err(|_| ApiError::PROCESS)
}
