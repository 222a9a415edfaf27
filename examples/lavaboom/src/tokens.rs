//! Tokens: who is signed in, and what one sees and ends of them.

use actix_web::{
    HttpRequest,
    http::header::AUTHORIZATION,
    web::{Data, Path},
};
use ott_bearer::{
    Bearer, Facts,
    token_store::ott_core::{Reason, chrono::SecondsFormat},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Reply},
    app::App,
    user::{User, rfc3339},
};

/// Who is signed in, and with what.
pub(crate) struct SignedIn {
    pub(crate) user: User,
    bearer: Bearer,
    text: String,
}

const LOGGED_OUT: &str = "Successfully logged out";

impl App {
    /// Who is signed in. An expired token is told once, and deleted with that.
    pub(crate) async fn signed_in(&self, request: &HttpRequest) -> Result<SignedIn, Reply> {
        let refused = |message| Reply::refused(401, message);
        let mut headers = request.headers().get_all(AUTHORIZATION);
        let header = headers
            .next()
            .ok_or_else(|| refused("Missing auth token"))?;
        let invalid = || refused("Invalid authorization header");
        // What is no ASCII is another thing than nothing.
        let text = header.to_str().map_err(|_| invalid())?;
        let token = match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["Bearer", token] if !token.is_empty() && headers.next().is_none() => *token,
            _ if text.is_empty() => return Err(refused("Missing auth token")),
            _ => return Err(invalid()),
        };
        let unknown = || refused("Invalid authorization token");
        let bearer = match self.bearers.authenticate("", token).await {
            Ok(bearer) => bearer,
            Err(error) if error.reason() == Some(Reason::Expired) => {
                let ended = self.bearers.revoke_text("", token).await?;
                let expired = || Reply::refused(419, "Authorization token has expired");
                // Of several requests at once, one is told.
                return Err(if ended { expired() } else { unknown() });
            }
            Err(error) if error.reason().is_some() => return Err(unknown()),
            Err(error) => return Err(error.into()),
        };
        let user = self.user(bearer.subject().id()).await?;
        Ok(SignedIn {
            user: user.ok_or_else(unknown)?,
            bearer,
            text: token.into(),
        })
    }

    /// The signed-in user's token with this id.
    async fn own(&self, signed_in: &SignedIn, id: &str) -> Result<Bearer, Reply> {
        let unknown = || Reply::refused(404, "Invalid token ID");
        match self.bearers.authenticate("", id).await {
            Ok(bearer) if bearer.subject() == signed_in.bearer.subject() => Ok(bearer),
            Ok(_) => Err(unknown()),
            Err(error) if error.reason().is_some() => Err(unknown()),
            Err(error) => Err(error.into()),
        }
    }
}

pub(crate) async fn get(app: Data<App>, request: HttpRequest) -> Answer {
    let signed_in = app.signed_in(&request).await?;
    Ok(told(&signed_in.text, &signed_in.bearer))
}

pub(crate) async fn get_one(app: Data<App>, request: HttpRequest, id: Path<String>) -> Answer {
    let signed_in = app.signed_in(&request).await?;
    let bearer = app.own(&signed_in, &id).await?;
    Ok(told(&id, &bearer))
}

pub(crate) async fn delete(app: Data<App>, request: HttpRequest) -> Answer {
    let signed_in = app.signed_in(&request).await?;
    app.bearers.revoke_text("", &signed_in.text).await?;
    Ok(Reply::done(200, LOGGED_OUT))
}

pub(crate) async fn delete_one(app: Data<App>, request: HttpRequest, id: Path<String>) -> Answer {
    let signed_in = app.signed_in(&request).await?;
    app.own(&signed_in, &id).await?;
    if !app.bearers.revoke_text("", &id).await? {
        return Err(Reply::refused(404, "Invalid token ID"));
    }
    Ok(Reply::done(200, LOGGED_OUT))
}

/// Both shapes that the contract's servers ever had.
fn told(text: &str, facts: &Facts) -> Reply {
    let reply = Reply::of(200, json!({"success": true, "token": shown(text, facts)}));
    reply
        .with("created", rfc3339(facts.issued_at()))
        .with("expires", facts.expires_at().map(rfc3339))
}

/// A token as its owner sees it: its id is the secret.
pub(crate) fn shown(text: &str, facts: &Facts) -> Value {
    let whole = |end: ott_bearer::token_store::ott_core::chrono::DateTime<_>| {
        end.to_rfc3339_opts(SecondsFormat::Secs, true)
    };
    let end = facts.expires_at();
    json!({
        "id": text, "date_created": rfc3339(facts.issued_at()), "date_modified": rfc3339(facts.issued_at()),
        "name": format!("Auth token expiring on {}", end.map(whole).unwrap_or_default()),
        "owner": facts.subject().id(), "expiry_date": end.map(rfc3339), "type": "auth",
    })
}
