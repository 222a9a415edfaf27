//! One call: who, and what they sent.

use core::net::IpAddr;
use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, Method, header, request::Parts},
};
use contract_server::{Peer, warn};
use otp_vault::{store::Subject, weigh_json};
use ott_bearer::{
    Bearer,
    token_store::{TokensError, ott_core::RecordId},
};
use serde_json::{Map, Value};

use crate::{
    answer::ApiError,
    app::{App, GIVEN, subject},
    fields::tidy,
    options, preferences,
    users::{Member, User, Users},
};

/// What was sent, or why it is refused, as an extension of the request.
pub(crate) type Body = Arc<Result<Vec<u8>, ApiError>>;

/// What came, before anybody is known.
pub(crate) struct Visit {
    pub(crate) app: Arc<App>,
    pub(crate) headers: HeaderMap,
    pub(crate) address: String,
    query: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Where a request comes from, as an extension of it; none where a trusted proxy hides it.
#[derive(Clone, Copy)]
pub(crate) struct Address(pub(crate) Option<IpAddr>);

impl Address {
    /// The peer's, or what the outermost of the trusted proxies saw.
    pub(crate) fn of(app: &App, parts: &Parts) -> Result<Self, ApiError> {
        let address = match app.settings.trusted_proxies {
            0 => parts.extensions.get::<Peer>().map(|Peer(peer)| peer.ip()),
            count => forwarded::hop(&parts.headers, count).map_err(|why| {
                // Once a minute: a visitor's own headers can contradict what the proxies write.
                let told = app.requests.count("trusted proxies", 1, 1, app.unix());
                if told.refused.is_none() {
                    warn(&format!("trusted proxies: {why}"));
                }
                ApiError::bad("A proxy does not say where the request comes from")
            })?,
        };
        Ok(Self(address.map(|address| address.to_canonical())))
    }
}

/// One call of somebody who is known.
pub(crate) struct Call {
    pub(crate) visit: Visit,
    pub(crate) id: i64,
    pub(crate) member: Member,
    pub(crate) subject: Subject,
    /// The session that they came with; none with a token.
    pub(crate) session: Option<RecordId>,
}

/// Bytes of memory that the values of a body take at most.
const LARGEST: usize = 32 * 1_024 * 1_024;

/// The name of the session's cookie.
pub(crate) const COOKIE: &str = "twofauth_session";

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let body = parts.extensions.remove::<Body>();
        let body = body.and_then(Arc::into_inner);
        let body = body.unwrap_or_else(|| Ok(Vec::new()))?;
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let query = query.map_err(|_| ApiError::bad("The query cannot be read"))?;
        let address = parts.extensions.get::<Address>().and_then(|found| found.0);
        Ok(Self {
            app: Arc::clone(app),
            headers: parts.headers.clone(),
            address: address.map_or_else(|| "unknown".into(), |address| address.to_string()),
            query: query.0,
            body,
        })
    }
}

impl FromRequestParts<Arc<App>> for Call {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let Admitted {
            id,
            member,
            session,
        } = admit(app, parts).await?;
        let visit = Visit::from_request_parts(parts, app).await?;
        Ok(Self {
            visit,
            id,
            member,
            subject: subject(id)?,
            session,
        })
    }
}

/// Somebody who is known, and the session that they came with.
pub(crate) struct Admitted {
    id: i64,
    member: Member,
    session: Option<RecordId>,
}

/// Who sends this, whatever it is.
pub(crate) async fn admit(app: &App, parts: &Parts) -> Result<Admitted, ApiError> {
    // Whether a session was left alone is judged before the next request of it notes a use.
    let _turn = match cookie(&parts.headers, COOKIE) {
        Some(cookie) => app.judging(cookie).await,
        None => None,
    };
    let (id, session) = known(app, &parts.headers).await?;
    let member = Users::read(app).await?.members.remove(&id);
    let member = member.ok_or_else(ApiError::unauthenticated)?;
    if let Some(session) = &session {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        // Reading a counter's code changes it: another origin's page reads nothing either.
        if is_foreign(app, &parts.headers) || !(reads || is_own_page(app, &parts.headers)) {
            return Err(foreign());
        }
        used(app, id, session).await?;
    }
    Ok(Admitted {
        id,
        member,
        session: session.map(|session| *session.id()),
    })
}

/// Ends a session that its user left alone for longer than they wanted, and notes the use of any other one.
async fn used(app: &App, id: i64, session: &Bearer) -> Result<(), ApiError> {
    let user = User::read(app, id).await?;
    let last = session.used_at().unwrap_or(session.issued_at());
    let idle = app.now().signed_duration_since(last);
    if preferences::idle(app, &user).is_some_and(|most| idle > most) {
        app.sessions.revoke(session.subject(), session.id()).await?;
        return Err(ApiError::told(418, "inactivity detected"));
    }
    // The token itself notes a use once a minute; what is counted in minutes needs each.
    let store = app.engine.tokens.store();
    Ok(store.touch(session.id(), app.now()).await?)
}

/// Who this is, and the session that says so.
async fn known(app: &App, headers: &HeaderMap) -> Result<(i64, Option<Bearer>), ApiError> {
    let engine = &app.engine;
    if let Some(header) = headers.get(header::AUTHORIZATION) {
        let text = header.to_str().ok().and_then(|text| text.split_once(' '));
        let text = text.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, text) = text.ok_or_else(ApiError::unauthenticated)?;
        let text = text.trim();
        let owner = match app.pats.authenticate("", text).await {
            Ok(bearer) => Some(bearer.subject().clone()),
            Err(TokensError::Rejected(_)) => {
                let given = engine.given.owner(&engine.tokens, &GIVEN, text).await?;
                given.map(|(owner, _)| owner)
            }
            Err(error) => return Err(error.into()),
        };
        let id = owner.and_then(|owner| owner.id().parse().ok());
        return Ok((id.ok_or_else(ApiError::unauthenticated)?, None));
    }
    let cookie = cookie(headers, COOKIE).ok_or_else(ApiError::unauthenticated)?;
    match app.sessions.authenticate("", cookie).await {
        Ok(bearer) => {
            let id = bearer.subject().id().parse();
            let id = id.map_err(|_| ApiError::unauthenticated())?;
            Ok((id, Some(bearer)))
        }
        Err(TokensError::Rejected(_)) => Err(ApiError::unauthenticated()),
        Err(error) => Err(error.into()),
    }
}

/// A cookie of the request.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// The token that a page of ours sends along: it belongs to the session.
pub(crate) fn xsrf(app: &App, session: &str) -> String {
    app.engine
        .given
        .name(&format!("xsrf {session}"))
        .to_string()
}

/// The refusal of what another origin's page sends.
pub(crate) fn foreign() -> ApiError {
    ApiError::told(419, "CSRF token mismatch.")
}

/// Whether a page of this origin sends what [is not foreign](is_foreign): a browser names it, or the page has the session's
/// token. No cookie proves it, nor does a browser that knows of no page.
fn is_own_page(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("origin").is_some() || text("sec-fetch-site") == Some("same-origin") {
        return true;
    }
    let own = cookie(headers, COOKIE).map(|session| xsrf(app, session));
    let token = text("x-xsrf-token").or(text("x-csrf-token"));
    // A digest under a key of ours: how long the comparison takes tells nothing of use.
    token.is_some() && token == own.as_deref()
}

/// A switch in the spellings of web forms.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" => Some(true),
        "" | "0" | "false" | "off" | "no" => Some(false),
        _ => None,
    }
}

/// Whether a browser says that another origin's page sends this.
pub(crate) fn is_foreign(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or_default();
    let origin = headers.get("origin").is_some_and(|_| match &app.origin {
        Some(own) => text("origin") != Some(own),
        None => {
            let origin = text("origin").and_then(|origin| origin.split_once("://"));
            origin.is_none_or(|(_, of)| of != host)
        }
    });
    let site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none");
    origin || site
}

impl Visit {
    /// Whether the browser speaks TLS, to a proxy before this server: its origin says so, or the proxy does.
    pub(crate) fn is_secure(&self) -> bool {
        let proxy = self.headers.get("x-forwarded-proto");
        let proxy =
            proxy.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"https"));
        let origin = self.app.origin.as_deref();
        proxy || origin.is_some_and(|origin| origin.starts_with("https://"))
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter().rev();
        query
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A switch of the query, in the spellings of web forms; `None` where it is absent or none of them.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        switch(self.parameter(name)?)
    }

    pub(crate) fn is_multipart(&self) -> bool {
        self.content_type().starts_with("multipart/form-data")
    }

    fn content_type(&self) -> String {
        let value = self.headers.get(header::CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok());
        value.unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// What was sent: a JSON object, or nothing.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, ApiError> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        let kind = self.content_type();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind != "application/json" && !kind.ends_with("+json") {
            return Err(ApiError::told(415, "The body has to be JSON"));
        }
        let unreadable = || ApiError::invalid("body", "The body cannot be read as JSON.");
        // What is short may be much in memory.
        weigh_json(&self.body, LARGEST).map_err(|_| unreadable())?;
        let value = serde_json::from_slice::<Value>(&self.body);
        let mut value = value.map_err(|_| unreadable())?;
        tidy(&mut value);
        match value {
            Value::Object(map) => Ok(map),
            _ => Err(ApiError::invalid(
                "body",
                "The body has to be a JSON object.",
            )),
        }
    }

    /// The fields of a form: names, and what was sent of each; files have a file's name.
    pub(crate) async fn form(&self) -> Result<Vec<Part>, ApiError> {
        let unreadable = |_| ApiError::invalid("body", "The form cannot be read.");
        let kind = self.headers.get(header::CONTENT_TYPE);
        let kind = kind
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let boundary = multer::parse_boundary(kind);
        let boundary =
            boundary.map_err(|_| ApiError::told(415, "The body has to be multipart/form-data"))?;
        let mut form = multer::Multipart::with_reader(&*self.body, boundary);
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            let name = field.name().unwrap_or_default().to_owned();
            let file = field.file_name().is_some();
            let bytes = field.bytes().await.map_err(unreadable)?.to_vec();
            parts.push(Part { name, file, bytes });
        }
        Ok(parts)
    }

    /// The file of a form.
    pub(crate) async fn file(&self, name: &str) -> Result<Vec<u8>, ApiError> {
        let needed = || ApiError::invalid(name, &format!("The {name} field is required."));
        if self.body.is_empty() || !self.is_multipart() {
            return Err(if self.body.is_empty() || self.object().is_ok() {
                needed()
            } else {
                ApiError::told(415, "The body has to be multipart/form-data")
            });
        }
        let mut parts = self.form().await?.into_iter();
        let part = parts.find(|part| part.name == name).ok_or_else(needed)?;
        if !part.file {
            return Err(ApiError::invalid(
                name,
                &format!("The {name} field must be a file."),
            ));
        }
        Ok(part.bytes)
    }
}

/// One field of a form.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) file: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Call {
    pub(crate) fn app(&self) -> &App {
        &self.visit.app
    }

    pub(crate) fn admin(&self) -> Result<(), ApiError> {
        if self.member.admin {
            return Ok(());
        }
        Err(ApiError::forbidden("Only an administrator may do this"))
    }

    /// Whether people may share.
    pub(crate) async fn sharing(&self) -> Result<(), ApiError> {
        if options::is_on(self.app(), "enableSharing").await? {
            return Ok(());
        }
        Err(ApiError::of(
            403,
            serde_json::json!({"message": "Sharing feature is disabled", "reason": "Sharing feature is disabled"}),
        ))
    }

    /// The ids of the query, at most 99.
    pub(crate) fn ids(&self) -> Result<Option<Vec<i64>>, ApiError> {
        let Some(text) = self.visit.parameter("ids") else {
            return Ok(None);
        };
        let wrong = || ApiError::invalid("ids", "The ids field format is invalid.");
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !text.split(',').all(digits) {
            return Err(wrong());
        }
        // More than 64 bits name no account.
        let ids: Vec<i64> = text
            .split(',')
            .map(|id| id.parse().unwrap_or(i64::MAX))
            .collect();
        if ids.len() > 99 {
            let reason = ["too many ids were included in the query parameter, max 100 allowed"];
            return Err(ApiError::bad_reason("bad request", &reason.into()));
        }
        Ok(Some(ids))
    }

    /// The same where they have to be there.
    pub(crate) fn needed_ids(&self) -> Result<Vec<i64>, ApiError> {
        let needed = || ApiError::invalid("ids", "The ids field is required.");
        self.ids()?.ok_or_else(needed)
    }
}

/// A number in a path: anything else names nothing.
pub(crate) fn id(text: &str) -> Result<i64, ApiError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let id = digits.then(|| text.parse().ok()).flatten();
    id.filter(|id| *id > 0).ok_or_else(ApiError::not_found)
}
