//! One call: who, their session, what they sent, and what becomes of a failed attempt.

use std::sync::Arc;

use axum::{
    extract::{Query, Request, State},
    http::{
        HeaderMap, HeaderValue, Uri,
        header::{AUTHORIZATION, COOKIE, SET_COOKIE},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use contract_server::{Credentials, Rate, Session};
use serde_json::{Map, Value};
use twofa_providers::token_store::{
    Revoke,
    ott_core::{RecordId, Subject},
};

use crate::{
    accounts::{USER, User},
    app::{APP_TOKEN, App, Kept, LOCKED},
    error::ApiError,
};

/// What a route answers.
pub(crate) type Answer = Result<Response, ApiError>;

/// What was sent, or why it is refused, as an extension of the request.
pub(crate) type Body = Arc<Result<Vec<u8>, ApiError>>;

/// Somebody who is signed in.
pub(crate) struct Caller {
    pub(crate) subject: Subject,
    /// The app token that they signed in with; none with the password.
    app_token: Option<RecordId>,
}

/// One call of somebody who is signed in.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) subject: Subject,
    pub(crate) user: User,
    pub(crate) session: Session<Kept>,
    app_token: Option<RecordId>,
    uri: Uri,
    body: Vec<u8>,
}

impl Caller {
    /// # Errors
    /// [`ApiError::NoUser`], also for an app token that was destroyed.
    pub(crate) async fn of(app: &App, headers: &HeaderMap) -> Result<Self, ApiError> {
        let header = headers.get(AUTHORIZATION);
        let sent = Credentials::read(header.and_then(|value| value.to_str().ok()));
        let sent = sent.ok_or(ApiError::NoUser)?;
        let engine = &app.engine;
        let app_token = async |text| engine.given.owner(&engine.tokens, &APP_TOKEN, text).await;
        let mut found = None;
        if sent.bearer {
            found = app_token(sent.expose_text()).await?;
        }
        if let (None, Some((name, secret))) = (&found, sent.expose_pair()) {
            found = app_token(secret).await?;
            if found.as_ref().is_some_and(|(owner, _)| owner.id() != name) {
                return Err(ApiError::NoUser);
            }
        }
        let name = match (&found, sent.expose_pair()) {
            (Some((owner, _)), _) => owner.id(),
            (None, Some((name, _))) => name,
            (None, None) => return Err(ApiError::NoUser),
        };
        let user = engine.documents.get::<User>(USER, name).await?;
        let user = user.map(|user| user.value);
        if let (None, Some((_, password))) = (&found, sent.expose_pair()) {
            let stored = user.as_ref().and_then(|user| user.password.clone());
            let right = engine
                .passwords
                .verify(String::from(password), stored)
                .await;
            if !right.map_err(|_| ApiError::Unavailable)? {
                return Err(ApiError::NoUser);
            }
        }
        if user.is_none() {
            return Err(ApiError::NoUser);
        }
        Ok(Self {
            subject: Subject::new("", name).map_err(|_| ApiError::NoUser)?,
            app_token: found.map(|(_, id)| id),
        })
    }
}

/// Signs the caller in, finds their session, and tells it with every answer.
pub(crate) async fn signed_in(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Answer {
    let caller = Caller::of(&app, request.headers()).await?;
    let login = caller.app_token.map_or("password", |_| "token");
    let texts = named(request.headers());
    let session = app
        .sessions
        .enter(&app.engine, &caller.subject, login, texts);
    let session = session.await?;
    // Read after the session: where a reset beside this call ended that, it is seen here too.
    let user = app.engine.documents.get::<User>(USER, caller.subject.id());
    let user = user.await?.ok_or(ApiError::NoUser)?.value;
    let cookie = format!(
        "nc_passwords={}; Path=/; Secure; HttpOnly; SameSite=Lax",
        *session.text
    );
    let told = (
        HeaderValue::from_str(&session.text),
        HeaderValue::from_str(&cookie),
    );
    let body = request
        .extensions_mut()
        .remove::<Body>()
        .and_then(Arc::into_inner);
    let body = body.unwrap_or(Err(ApiError::Unavailable));
    let mut response = match body {
        Err(error) => error.into_response(),
        Ok(body) => {
            let call = Call {
                app,
                subject: caller.subject,
                user,
                session,
                app_token: caller.app_token,
                uri: request.uri().clone(),
                body,
            };
            request.extensions_mut().insert(Arc::new(call));
            next.run(request).await
        }
    };
    if let (Ok(text), Ok(cookie)) = told {
        response.headers_mut().insert("x-api-session", text);
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The session ids of a request, the cookie's first.
fn named(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(COOKIE).iter();
    let cookies = cookies
        .filter_map(|cookie| cookie.to_str().ok())
        .flat_map(|cookie| cookie.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix("nc_passwords="));
    let header = headers.get("x-api-session");
    cookies.chain(header.and_then(|value| value.to_str().ok()))
}

impl Call {
    /// Where the user has a challenge, everything else needs a session that solved it.
    pub(crate) fn authorised(&self) -> Result<(), ApiError> {
        if self.user.challenge.is_none() || self.session.kept.authorised {
            return Ok(());
        }
        Err(ApiError::Refused(412, "Authorized session required"))
    }

    /// The path below the base.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// What was sent: a JSON object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, ApiError> {
        let refused = ApiError::Refused(400, "The body has to be a JSON object");
        serde_json::from_slice(&self.body).map_err(|_| refused)
    }

    /// A parameter of the query, or of the body where one was sent.
    pub(crate) fn parameter(&self, name: &str) -> Result<Option<Value>, ApiError> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&self.uri);
        let mut query = query
            .map_or_else(|_| Vec::new(), |query| query.0)
            .into_iter();
        if let Some((_, value)) = query.rfind(|(key, _)| key == name) {
            return Ok(Some(value.into()));
        }
        if self.body.is_empty() {
            return Ok(None);
        }
        Ok(self.object()?.remove(name).filter(|value| !value.is_null()))
    }

    /// Changes what is kept of the session; `None` where it ended during this call. Then the change ended with it, as
    /// if it had been made just before.
    pub(crate) async fn change<R>(
        &self,
        change: impl FnMut(&mut Kept) -> Result<R, R>,
    ) -> Result<Option<R>, ApiError> {
        let (engine, record) = (&self.app.engine, &self.session.record);
        Ok(self.app.sessions.change(engine, record, change).await?)
    }

    /// Whether this call ended it.
    pub(crate) async fn end_session(&self) -> Result<bool, ApiError> {
        let (engine, record) = (&self.app.engine, &self.session.record);
        Ok(self.app.sessions.end(engine, record).await?)
    }

    /// Takes one of the user's places, over all of their clients.
    pub(crate) async fn not_too_often(&self, name: &str, rate: Rate) -> Result<(), ApiError> {
        let (limits, now) = (self.app.engine.tokens.limit_store(), self.app.engine.now());
        let taken = rate.take(&**limits, name, &self.subject, now).await?;
        let wait = |at| now.signed_duration_since(at).num_milliseconds();
        taken.map_err(|at| ApiError::TooOften(999_i64.saturating_sub(wait(at)) / 1_000))
    }

    /// Once too many attempts failed, the password alone opens nothing. An app token was destroyed instead.
    pub(crate) fn not_locked(&self) -> Result<(), ApiError> {
        if self.app_token.is_some() || !self.user.locked {
            return Ok(());
        }
        Err(ApiError::Refused(403, "Login not allowed"))
    }

    /// Counts a failed attempt of the user, over all clients. The last one, and each after it, destroys the app token
    /// that it was made with.
    ///
    /// # Errors
    /// The refusal; or nothing was counted.
    pub(crate) async fn failed<T>(&self, message: &'static str) -> Result<T, ApiError> {
        let engine = &self.app.engine;
        let limits = &**engine.tokens.limit_store();
        let attempts = self.app.attempts;
        if !attempts.fail(limits, &self.subject, engine.now()).await? {
            return Err(ApiError::Refused(401, message));
        }
        let first = self.lock(true).await?;
        if let Some(id) = self.app_token {
            let own = Revoke::own(&self.subject, id);
            engine.tokens.revoke(&own).await?;
        }
        let told = "The password store refused too many failed attempts to open it";
        let (user, email) = (self.subject.id(), self.user.email.as_deref());
        if first {
            engine.tell(&LOCKED, user, email, told).await;
        }
        Err(ApiError::Refused(403, "Too many failed login attempts"))
    }

    /// After a success, or a reset.
    pub(crate) async fn forget_failures(&self) -> Result<(), ApiError> {
        let limits = &**self.app.engine.tokens.limit_store();
        self.app.attempts.forget(limits, &self.subject).await?;
        self.lock(false).await?;
        Ok(())
    }

    /// Whether that was new.
    async fn lock(&self, locked: bool) -> Result<bool, ApiError> {
        let change = |user: &mut User| {
            let was = core::mem::replace(&mut user.locked, locked);
            if was == locked { Err(false) } else { Ok(true) }
        };
        let documents = &self.app.engine.documents;
        let changed = documents.change(USER, self.subject.id(), change).await?;
        Ok(changed.unwrap_or(false))
    }
}
