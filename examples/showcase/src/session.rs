//! Who is asking: nobody, somebody whose password was right, or somebody who is signed in.
//!
//! The two are different types, from different cookies with tokens of different purposes: what
//! proves the one proves nothing of the other.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use twofa_providers::{
    FlowId, Verified,
    token_store::{
        Revoke, Unchecked,
        ott_core::{Binding, Extra, Handle, Policy, Record, RecordId, Subject},
    },
};

use crate::{
    accounts::Account,
    app::{App, PASSED, SESSION, set_cookie},
    error::AppError,
    headers::new_visit,
    recovery, untrusted,
};

/// The cookie of the whole sign-in.
const SIGNED_IN: &str = "session";
/// The cookie between password and second factor.
const HALF: &str = "half";
/// The cookie that names the flow of a code that was sent.
const FLOW: &str = "flow";
/// The line of a session's data that says that a recovery code was used. No browser's name has lines.
const BY_RECOVERY: &str = "recovery";
/// What the line begins with that names the sign-in.
const IN_FLOW: &str = "flow ";
/// The cookie that forms belong to: another one after each step.
pub(crate) const VISIT: &str = "visit";

/// The value of one of our cookies.
pub(crate) fn cookie(app: &App, jar: &CookieJar, name: &str) -> Option<String> {
    untrusted::cookie(jar, app.secure, name)
}

/// Somebody whose password was right, and nothing more.
pub(crate) struct HalfSignedIn {
    pub(crate) account: Account,
    pub(crate) record: RecordId,
}

/// Somebody who is signed in.
pub(crate) struct SignedIn {
    pub(crate) account: Account,
    pub(crate) record: RecordId,
    /// Whether a recovery code was used in this sign-in: it takes one at most.
    pub(crate) recovered: bool,
    /// The sign-in's name, from the first step on.
    pub(crate) flow: Option<FlowId>,
}

/// Who proved a second factor, and what that proof takes the place of.
pub(crate) struct Standing<'a> {
    pub(crate) account: &'a Account,
    pub(crate) record: &'a RecordId,
    pub(crate) recovered: bool,
    pub(crate) flow: Option<FlowId>,
}

impl<'a> From<&'a HalfSignedIn> for Standing<'a> {
    fn from(half: &'a HalfSignedIn) -> Self {
        Self {
            account: &half.account,
            record: &half.record,
            recovered: false,
            flow: flow_of(&half.record),
        }
    }
}

impl<'a> From<&'a SignedIn> for Standing<'a> {
    fn from(signed_in: &'a SignedIn) -> Self {
        Self {
            account: &signed_in.account,
            record: &signed_in.record,
            recovered: signed_in.recovered,
            flow: signed_in.flow.clone(),
        }
    }
}

impl FromRequestParts<Arc<App>> for HalfSignedIn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        let (account, record) = authenticate(parts, app, &PASSED, HALF).await?;
        let record = *record.id();
        Ok(Self { account, record })
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        let (account, record) = authenticate(parts, app, &SESSION, SIGNED_IN).await?;
        let About {
            recovered, flow, ..
        } = About::of(&record);
        let record = *record.id();
        Ok(Self {
            account,
            record,
            recovered,
            flow,
        })
    }
}

async fn authenticate(
    parts: &Parts,
    app: &Arc<App>,
    policy: &Policy,
    name: &str,
) -> Result<(Account, Record), AppError> {
    let jar = CookieJar::from_headers(&parts.headers);
    let token = cookie(app, &jar, name).ok_or(AppError::SignIn)?;
    let unchecked = app.tokens.authenticate(policy, "", &token).await;
    let unchecked: Unchecked = unchecked.map_err(sign_in_instead)?;
    let owner = unchecked.owner().ok_or(AppError::SignIn)?;
    let account = app
        .accounts
        .by_id(owner.id())
        .await?
        .ok_or(AppError::SignIn)?;
    let binding = Binding::subject(&account.subject).epoch(account.epoch);
    let record = unchecked.check(&binding).map_err(|_| AppError::SignIn)?;
    Ok((account, record))
}

/// A refused cookie means signing in again; an outage stays an outage.
fn sign_in_instead(error: twofa_providers::token_store::TokensError) -> AppError {
    match error.into() {
        AppError::Refused => AppError::SignIn,
        other => other,
    }
}

/// The flow of the code that was sent last, if the cookie holds one.
pub(crate) struct Flow(pub(crate) Option<Handle>);

impl FromRequestParts<Arc<App>> for Flow {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        let jar = CookieJar::from_headers(&parts.headers);
        Ok(Self(
            cookie(app, &jar, FLOW).and_then(|text| Handle::parse(&text).ok()),
        ))
    }
}

/// The client's network address.
///
/// `None` where it is not known: behind a proxy on this machine every visitor has the proxy's, and one
/// of them could use up the tries of all. Limiting addresses is then the proxy's part.
pub(crate) struct Network(pub(crate) Option<IpAddr>);

impl FromRequestParts<Arc<App>> for Network {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        let peer = ConnectInfo::<SocketAddr>::from_request_parts(parts, app).await;
        let ConnectInfo(peer) = peer.map_err(AppError::unavailable)?;
        let proxied = app.behind_proxy && peer.ip().is_loopback();
        Ok(Self((!proxied).then_some(peer.ip())))
    }
}

/// After the right password: a token for the second step, and for nothing else.
pub(crate) async fn half(
    app: &App,
    account: &Account,
    to: &'static str,
) -> Result<Response, AppError> {
    let binding = Binding::subject(&account.subject).epoch(account.epoch);
    let issued = app.tokens.issue(&PASSED, &binding).await?;
    Ok(with_cookies(
        Redirect::to(to),
        [
            set_cookie(app, HALF, issued.token.expose_secret(), 600),
            set_cookie(app, VISIT, &new_visit()?, 86_400),
        ],
    ))
}

/// After each proof of a second factor: a new session under a new id. What was before it, the
/// token of the first step or the session until now, is void.
pub(crate) async fn whole(
    app: &App,
    standing: impl Into<Standing<'_>>,
    proof: impl Into<Arc<Verified>>,
    browser: &str,
    to: &str,
) -> Result<Response, AppError> {
    let Standing {
        account,
        record: earlier,
        recovered,
        flow,
    } = standing.into();
    let proof = proof.into();
    let binding = Binding::subject(&account.subject).epoch(account.epoch);
    let about = About {
        browser: browser.into(),
        recovered: recovered || proof.provider() == recovery::ID,
        flow,
    };
    let extra = Extra {
        data: &about.written(),
        ..Extra::default()
    };
    let issued = app.tokens.issue_with(&SESSION, &binding, extra).await?;
    app.tokens.revoke(&Revoke::Record(*earlier)).await?;
    app.forget_proof(earlier);
    app.keep_proof(*issued.record.id(), proof);
    let session = set_cookie(app, SIGNED_IN, issued.token.expose_secret(), 43_200);
    let cookies = [
        session,
        set_cookie(app, HALF, "", 0),
        set_cookie(app, FLOW, "", 0),
        set_cookie(app, VISIT, &new_visit()?, 86_400),
    ];
    Ok(with_cookies(Redirect::to(to), cookies))
}

/// A sign-in's name: the public id of the record that its first step made.
pub(crate) fn flow_of(passed: &RecordId) -> Option<FlowId> {
    FlowId::new(passed.to_string()).ok()
}

/// Ends what one sign-in has, its first step included, and says how many sessions that were.
pub(crate) async fn end_flow(app: &App, subject: &Subject, flow: &FlowId) -> Result<u64, AppError> {
    let mut ended = 0u64;
    for session in app.tokens.list(&SESSION, subject).await? {
        if About::of(&session).flow.as_ref() == Some(flow) {
            app.forget_proof(session.id());
            let revoked = app.tokens.revoke(&Revoke::Record(*session.id())).await?;
            ended = ended.saturating_add(revoked);
        }
    }
    for passed in app.tokens.list(&PASSED, subject).await? {
        if flow_of(passed.id()).as_ref() == Some(flow) {
            app.tokens.revoke(&Revoke::Record(*passed.id())).await?;
        }
    }
    Ok(ended)
}

/// What a session's record says beside its owner.
pub(crate) struct About {
    pub(crate) browser: String,
    /// Whether a recovery code was used in this sign-in.
    pub(crate) recovered: bool,
    /// The sign-in's name.
    pub(crate) flow: Option<FlowId>,
}

impl About {
    pub(crate) fn of(record: &Record) -> Self {
        let data = String::from_utf8_lossy(&record.stored().data);
        let mut lines = data.lines();
        let browser = lines.next().unwrap_or_default().to_owned();
        let mut about = Self {
            browser,
            recovered: false,
            flow: None,
        };
        for line in lines {
            about.recovered |= line == BY_RECOVERY;
            if let Some(name) = line.strip_prefix(IN_FLOW) {
                about.flow = FlowId::new(name).ok();
            }
        }
        about
    }

    fn written(&self) -> Vec<u8> {
        let mut data = self.browser.clone();
        if self.recovered {
            data.push('\n');
            data.push_str(BY_RECOVERY);
        }
        let mut data = data.into_bytes();
        if let Some(flow) = &self.flow {
            data.push(b'\n');
            data.extend(IN_FLOW.as_bytes());
            data.extend(flow.as_bytes());
        }
        data
    }
}

/// What a person would call the browser. Only ever shown to that person.
pub(crate) fn browser(agent: Option<&HeaderValue>) -> String {
    const NAMES: [(&str, &str); 6] = [
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Chromium/", "Chromium"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("");
    let known = |list: &[(&str, &'static str)]| {
        let found = list.iter().find(|(part, _)| agent.contains(part));
        found.map(|(_, name)| *name)
    };
    let name = known(&NAMES).unwrap_or("A browser");
    match known(&SYSTEMS) {
        Some(system) => format!("{name} on {system}"),
        None => name.into(),
    }
}

/// Ends every cookie of ours.
pub(crate) fn ended(app: &App) -> Response {
    let cookies = [SIGNED_IN, HALF, FLOW, VISIT].map(|name| set_cookie(app, name, "", 0));
    with_cookies(Redirect::to("/"), cookies)
}

/// Remembers the flow of a code that was sent.
pub(crate) fn flow_cookie(app: &App, handle: Option<&Handle>) -> HeaderValue {
    match handle {
        Some(handle) => set_cookie(app, FLOW, &handle.expose_secret(), 600),
        None => set_cookie(app, FLOW, "", 0),
    }
}

pub(crate) fn with_cookies(
    page: impl IntoResponse,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response {
    let mut response = page.into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
