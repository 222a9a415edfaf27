//! Who is asking: nobody, somebody whose password was right, or somebody who is signed in.
//!
//! The two are different types, from different cookies with tokens of different purposes: what
//! proves the one proves nothing of the other.

mod about;
mod ending;

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use twofa_providers::{
    Proof, SignInId, TwoFactorError,
    token_store::{
        Claimed, FactorId, Revoke, TokensError,
        ott_core::{Binding, Handle, IssueOptions, Issued, Policy, Record, RecordId},
    },
};

pub(crate) use self::{
    about::{About, browser},
    ending::{end_flow, end_proved_by},
};
use crate::{
    accounts::Account,
    app::{App, PASSED, SESSION, set_cookie},
    error::AppError,
    headers::new_visit,
    proofs, recovery,
};

/// The cookie of the whole sign-in.
const SIGNED_IN: &str = "session";
/// The cookie between password and second factor.
const HALF: &str = "half";
/// The cookie that names the flow of a code that was sent.
const FLOW: &str = "flow";
/// The cookie that forms belong to: another one after each step.
pub(crate) const VISIT: &str = "visit";

/// The value of one of our cookies.
pub(crate) fn cookie(app: &App, jar: &CookieJar, name: &str) -> Option<String> {
    showcase_input::cookie(jar, app.secure, name)
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
    /// Every factor that this sign-in proved.
    pub(crate) factors: Vec<FactorId>,
    /// The sign-in's name, from the first step on.
    pub(crate) flow: Option<SignInId>,
}

/// Who proved a second factor, and what that proof takes the place of.
pub(crate) struct Standing<'a> {
    pub(crate) account: &'a Account,
    pub(crate) record: &'a RecordId,
    pub(crate) recovered: bool,
    pub(crate) factors: Vec<FactorId>,
    pub(crate) flow: Option<SignInId>,
}

impl<'a> From<&'a HalfSignedIn> for Standing<'a> {
    fn from(half: &'a HalfSignedIn) -> Self {
        Self {
            account: &half.account,
            record: &half.record,
            recovered: false,
            factors: Vec::new(),
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
            factors: signed_in.factors.clone(),
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
            recovered,
            factors,
            flow,
            ..
        } = About::of(record.stored());
        let record = *record.id();
        Ok(Self {
            account,
            record,
            recovered,
            factors,
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
    let mut found = None;
    let load = async |claimed: Claimed| {
        let Some(owner) = claimed.owner() else {
            return Ok(None);
        };
        let account = app.accounts.by_id(owner.id()).await;
        let Some(account) = account.map_err(AppError::into_cause)? else {
            return Ok(None);
        };
        let binding = Binding::subject(&account.subject).epoch(account.epoch);
        let binding = binding.into_owned();
        found = Some(account);
        Ok(Some(binding))
    };
    let record = app.tokens.authenticate(policy, "", &token, load).await;
    let record = record.map_err(sign_in_instead)?;
    Ok((found.ok_or(AppError::SignIn)?, record))
}

/// A refused cookie means signing in again; an outage stays an outage.
fn sign_in_instead(error: TokensError) -> AppError {
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
        Ok(Self(network_of(peer.ip(), app.behind_proxy)))
    }
}

/// A socket for both families writes an IPv4 peer as `::ffff:127.0.0.1`, which is not loopback as it
/// stands.
fn network_of(peer: IpAddr, behind_proxy: bool) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    (!(behind_proxy && peer.is_loopback())).then_some(peer)
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
    proof: Proof,
    browser: &str,
    to: &str,
) -> Result<Response, AppError> {
    let standing = standing.into();
    let subject = &standing.account.subject;
    let issued = open(app, &standing, &proof, browser).await?;
    // Whoever disowned the factor meanwhile read the list of sessions before this one was in it.
    let fresh = app.two_factor.fresh(subject, &proof).await.map(drop);
    match fresh {
        Ok(()) => page(app, &standing, &issued, proof, to).await,
        Err(error) => {
            withdraw(app, &issued).await?;
            Err(match error {
                TwoFactorError::ProofNeeded => AppError::SignIn,
                error => error.into(),
            })
        }
    }
}

/// The same sign-in under another epoch: a new session in place of the one until now.
pub(crate) async fn renewed(
    app: &App,
    standing: impl Into<Standing<'_>>,
    proof: Proof,
    browser: &str,
    to: &str,
) -> Result<Response, AppError> {
    let standing = standing.into();
    let issued = open(app, &standing, &proof, browser).await?;
    page(app, &standing, &issued, proof, to).await
}

async fn open(
    app: &App,
    standing: &Standing<'_>,
    proof: &Proof,
    browser: &str,
) -> Result<Issued, AppError> {
    let account = standing.account;
    let mut factors = standing.factors.clone();
    factors.extend(proof.factor());
    let binding = Binding::subject(&account.subject).epoch(account.epoch);
    let about = About {
        browser: browser.into(),
        recovered: standing.recovered || proof.provider() == recovery::ID,
        factors,
        flow: standing.flow.clone(),
    };
    let options = IssueOptions {
        data: &about.written(),
        ..IssueOptions::default()
    };
    let issued = app.tokens.issue_opts(&SESSION, &binding, options).await?;
    let [issued] = <[Issued; 1]>::try_from(issued)
        .map_err(|_| AppError::unavailable("one session was asked for"))?;
    // Whoever ended the earlier one meanwhile ended this sign-in; and of two requests that both
    // build on it, one goes on.
    let earlier = Revoke::own(&account.subject, *standing.record);
    let ended = app.tokens.revoke(&earlier).await;
    if !matches!(ended, Ok(1..)) {
        withdraw(app, &issued).await?;
        ended?;
        return Err(AppError::SignIn);
    }
    Ok(issued)
}

async fn withdraw(app: &App, issued: &Issued) -> Result<(), AppError> {
    let record = *issued.record.id();
    app.tokens.revoke(&Revoke::Record(record)).await?;
    Ok(())
}

async fn page(
    app: &App,
    standing: &Standing<'_>,
    issued: &Issued,
    proof: Proof,
    to: &str,
) -> Result<Response, AppError> {
    let session = set_cookie(app, SIGNED_IN, issued.token.expose_secret(), 43_200);
    let subject = &standing.account.subject;
    let proof = proofs::park(app, subject, issued.record.id(), proof).await?;
    let cookies = [
        session,
        proof,
        set_cookie(app, HALF, "", 0),
        set_cookie(app, FLOW, "", 0),
        set_cookie(app, VISIT, &new_visit()?, 86_400),
    ];
    Ok(with_cookies(Redirect::to(to), cookies))
}

/// A sign-in's name: the public id of the record that its first step made.
pub(crate) fn flow_of(passed: &RecordId) -> Option<SignInId> {
    SignInId::new(passed.to_string()).ok()
}

/// Ends every cookie of ours.
pub(crate) fn ended(app: &App) -> Response {
    let cookies =
        [SIGNED_IN, HALF, FLOW, VISIT, proofs::COOKIE].map(|name| set_cookie(app, name, "", 0));
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

#[cfg(test)]
mod tests {
    use super::network_of;

    /// A proxy on this machine is no visitor however its address is written.
    #[test]
    fn proxy_on_this_machine_is_no_visitor() {
        for proxy in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "::ffff:127.8.8.8"] {
            let peer = proxy.parse().expect("an address");
            assert_eq!(network_of(peer, true), None, "{proxy}");
            assert_eq!(network_of(peer, false), Some(peer.to_canonical()));
        }
        for visitor in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            let peer = visitor.parse().expect("an address");
            assert_eq!(
                network_of(peer, true),
                Some(peer.to_canonical()),
                "{visitor}"
            );
        }
    }
}
