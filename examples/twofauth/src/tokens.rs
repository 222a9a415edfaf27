//! Personal access tokens: for a session alone.

use axum::extract::Path;
use ott_bearer::{
    New,
    token_store::{
        Revoke,
        ott_core::{
            RecordId,
            chrono::{DateTime, TimeDelta},
        },
    },
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError, nothing, ok},
    app::{App, GIVEN, stamp},
    call::Call,
    fields::Fields,
    users::User,
};

/// A token makes no tokens.
fn in_session(call: &Call) -> Result<(), ApiError> {
    call.session.map(drop).ok_or_else(ApiError::unauthenticated)
}

/// A token, as its owner sees it.
struct Item {
    id: RecordId,
    created_at: String,
    expires_at: Option<String>,
}

impl Item {
    fn shape(&self, user: &User, owner: i64) -> Value {
        json!({
            "id": self.id.to_string(), "user_id": owner, "name": user.tokens.get(&self.id.to_string()), "scopes": [],
            "revoked": false, "created_at": self.created_at, "updated_at": self.created_at,
            "expires_at": self.expires_at,
        })
    }
}

/// Those of a user that are live.
async fn live(app: &App, owner: &otp_vault::store::Subject) -> Result<Vec<Item>, ApiError> {
    let mut items = Vec::new();
    for found in app.engine.tokens.list(&GIVEN, owner).await? {
        items.push(Item {
            id: *found.id(),
            created_at: stamp(found.stored().issued_at),
            expires_at: None,
        });
    }
    for facts in app.pats.list(owner).await? {
        items.push(Item {
            id: *facts.id(),
            created_at: stamp(facts.issued_at()),
            expires_at: facts.expires_at().map(stamp),
        });
    }
    Ok(items)
}

pub(crate) async fn count(app: &App, owner: &otp_vault::store::Subject) -> Result<usize, ApiError> {
    Ok(live(app, owner).await?.len())
}

pub(crate) async fn list(call: Call) -> Answer {
    in_session(&call)?;
    let user = User::read(call.app(), call.id).await?;
    let items = live(call.app(), &call.subject).await?;
    let items: Vec<_> = items
        .iter()
        .map(|item| item.shape(&user, call.id))
        .collect();
    ok(&items.into())
}

pub(crate) async fn create(call: Call) -> Answer {
    in_session(&call)?;
    let app = call.app();
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let name = fields.needed_text("name");
    if name.chars().count() > 255 {
        fields.wrong("name", "field must not be longer than 255 characters.");
    }
    match fields.get("scopes") {
        None => {}
        Some(Value::Array(scopes)) if scopes.is_empty() => {}
        Some(_) => fields.wrong("scopes", "field names a scope that does not exist."),
    }
    let asked = fields.text("expires_at").map(DateTime::parse_from_rfc3339);
    let asked = match asked {
        Some(Ok(end)) if end > app.now() => Some(end.to_utc()),
        Some(_) => {
            fields.wrong("expires_at", "field must be a time to come (RFC 3339).");
            None
        }
        None => None,
    };
    fields.check()?;
    let mut new = New::of(&call.subject);
    if let Some(end) = asked {
        new = new.expires_at(end);
    }
    if let Some(days) = app.settings.pat_lifetime_days {
        let end = app.now().checked_add_signed(TimeDelta::days(days.into()));
        let end =
            end.ok_or_else(|| ApiError::outage(&"pat_lifetime_days is beyond every clock"))?;
        new = new.expires_at(asked.map_or(end, |asked| asked.min(end)));
    }
    let issued = app.pats.issue(&new).await;
    let issued = issued.map_err(|error| ApiError::outage(&error))?;
    let id = *issued.facts.id();
    let named = |user: &mut User| {
        user.tokens.insert(id.to_string(), name.to_owned());
    };
    User::change(app, call.id, named).await?;
    let user = User::read(app, call.id).await?;
    let item = Item {
        id,
        created_at: stamp(issued.facts.issued_at()),
        expires_at: issued.facts.expires_at().map(stamp),
    };
    ok(&json!({
        "accessToken": issued.token.expose_secret(), "accessTokenId": id.to_string(),
        "token": item.shape(&user, call.id),
    }))
}

pub(crate) async fn revoke(call: Call, Path(of): Path<String>) -> Answer {
    in_session(&call)?;
    let app = call.app();
    let id = RecordId::parse(&of).map_err(|_| ApiError::not_found())?;
    let live = live(app, &call.subject).await?;
    if !live.iter().any(|item| item.id == id) {
        return Err(ApiError::not_found());
    }
    app.engine
        .tokens
        .revoke(&Revoke::own(&call.subject, id))
        .await?;
    let forget = |user: &mut User| {
        user.tokens.remove(&id.to_string());
    };
    User::change(app, call.id, forget).await?;
    nothing()
}

/// All tokens of a user end; sessions stay.
pub(crate) async fn revoke_all(
    app: &App,
    owner: &otp_vault::store::Subject,
) -> Result<(), ApiError> {
    for item in live(app, owner).await? {
        app.engine
            .tokens
            .revoke(&Revoke::own(owner, item.id))
            .await?;
    }
    Ok(())
}
