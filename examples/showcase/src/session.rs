//! Who is asking: nobody, somebody whose password was right, or somebody who is signed in.
//!
//! The two are different types, from different cookies with tokens of different purposes: what
//! proves the one proves nothing of the other.

mod about;
mod ending;
pub(crate) mod last;

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use twofa_providers::{
    Proof, SignInId, Trusted, TwoFactorError,
    token_store::{
        Claimed, FactorId, Revoke,
        ott_core::{Binding, IssueOptions, Issued, Policy, Record, RecordId},
    },
};

use self::ending::end_others;
pub(crate) use self::{
    about::{About, browser},
    ending::{end_flow, end_proved_by},
};
use crate::{
    accounts::Account,
    app::{App, PASSED, SESSION, set_cookie},
    error::{AppError, Why},
    flow,
    headers::new_visit,
    next::Next,
    proofs, recovery, said, setup,
    trusted::recognised,
};

/// The cookie of the whole sign-in.
const SIGNED_IN: &str = "session";
/// The cookie between password and second factor.
const HALF: &str = "half";
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
    /// The sign-in in which the device was trusted that stood in for the second step, if one did.
    pub(crate) trusted_in: Option<SignInId>,
    /// The sign-in's name, from the first step on.
    pub(crate) flow: Option<SignInId>,
}

/// Who proved a second factor, and what that proof takes the place of.
pub(crate) struct Standing<'a> {
    pub(crate) account: &'a Account,
    pub(crate) record: &'a RecordId,
    pub(crate) recovered: bool,
    pub(crate) factors: Vec<FactorId>,
    pub(crate) trusted_in: Option<SignInId>,
    pub(crate) flow: Option<SignInId>,
}

impl<'a> From<&'a HalfSignedIn> for Standing<'a> {
    fn from(half: &'a HalfSignedIn) -> Self {
        Self {
            account: &half.account,
            record: &half.record,
            recovered: false,
            factors: Vec::new(),
            trusted_in: None,
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
            trusted_in: signed_in.trusted_in.clone(),
            flow: signed_in.flow.clone(),
        }
    }
}

impl FromRequestParts<Arc<App>> for HalfSignedIn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        let jar = CookieJar::from_headers(&parts.headers);
        let found = authenticate(app, &jar, &PASSED, HALF).await;
        let (account, record) = found.map_err(|why| why.at(&parts.uri))?;
        let record = *record.id();
        Ok(Self { account, record })
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        let jar = CookieJar::from_headers(&parts.headers);
        let found = authenticate(app, &jar, &SESSION, SIGNED_IN).await;
        let (account, record) = found.map_err(|why| why.at(&parts.uri))?;
        let About {
            recovered,
            factors,
            trusted_in,
            flow,
            ..
        } = About::of(record.stored());
        let record = *record.id();
        Ok(Self {
            account,
            record,
            recovered,
            factors,
            trusted_in,
            flow,
        })
    }
}

/// Whether somebody is signed in: for what a page's header offers, and for nothing else.
pub(crate) async fn is_signed_in(app: &App, jar: &CookieJar) -> bool {
    authenticate(app, jar, &SESSION, SIGNED_IN).await.is_ok()
}

/// Why a cookie signs nobody in.
enum NotIn {
    /// There is none.
    NoCookie,
    /// It was refused: what it stood for has ended.
    Ended(Why),
    /// An outage is no refusal.
    Failed(AppError),
}

impl NotIn {
    /// For whoever wanted to go there.
    fn at(self, uri: &Uri) -> AppError {
        match self {
            Self::NoCookie => AppError::SignIn(Next::wanted(uri), Why::NotYet),
            Self::Ended(why) => AppError::SignIn(Next::wanted(uri), why),
            Self::Failed(error) => error,
        }
    }
}

async fn authenticate(
    app: &App,
    jar: &CookieJar,
    policy: &Policy,
    name: &str,
) -> Result<(Account, Record), NotIn> {
    let token = cookie(app, jar, name).ok_or(NotIn::NoCookie)?;
    let ended = || {
        NotIn::Ended(if *policy == SESSION {
            Why::SessionEnded
        } else {
            Why::StepEnded
        })
    };
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
    let record = record.map_err(|error| match error.into() {
        AppError::Refused | AppError::Malformed => ended(),
        other => NotIn::Failed(other),
    })?;
    Ok((found.ok_or_else(ended)?, record))
}

/// After the right password: a token for the second step, and for nothing else.
pub(crate) async fn half(app: &App, account: &Account, to: &str) -> Result<Response, AppError> {
    let binding = Binding::subject(&account.subject).epoch(account.epoch);
    let issued = app.tokens.issue(&PASSED, &binding).await?;
    Ok(with_cookies(
        Redirect::to(to),
        [
            set_cookie(app, HALF, issued.token.expose_secret(), 600),
            set_cookie(app, VISIT, &new_visit()?, 86_400),
            last::cookie(app, &account.email)?,
            flow::forget(app),
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
    next: Next,
) -> Result<Response, AppError> {
    let standing = standing.into();
    let subject = &standing.account.subject;
    let issued = open(app, &standing, Some(&proof), browser).await?;
    // Whoever disowned the factor meanwhile read the list of sessions before this one was in it.
    let epoch = Some(standing.account.epoch);
    let fresh = app.two_factor.fresh(subject, epoch, &proof).await;
    match fresh.map(drop) {
        Ok(()) => {
            let proof = proofs::park(app, subject, issued.record.id(), proof).await?;
            page(app, standing.account, &issued, proof, next)
        }
        Err(error) => {
            withdraw(app, &issued).await?;
            Err(match error {
                TwoFactorError::ProofNeeded => AppError::SignIn(next, Why::SessionEnded),
                error => error.into(),
            })
        }
    }
}

/// After the right password, on a trusted device: a session without a proof, so that each change of the account asks
/// for the second step first.
pub(crate) async fn trusted(
    app: &App,
    account: &Account,
    token: &str,
    trusted: &Trusted,
    browser: &str,
    next: Next,
) -> Result<Response, AppError> {
    let binding = Binding::subject(&account.subject).epoch(account.epoch);
    let passed = app.tokens.issue(&PASSED, &binding).await?;
    let half = *passed.record.id();
    let standing = Standing {
        account,
        record: &half,
        recovered: false,
        factors: Vec::new(),
        trusted_in: Some(trusted.sign_in().clone()),
        flow: flow_of(&half),
    };
    let issued = open(app, &standing, None, browser).await?;
    // Whoever ended the trust meanwhile read the list of sessions before this one was in it.
    if recognised(app, account, Some(token)).await?.is_none() {
        withdraw(app, &issued).await?;
        return Err(AppError::SignIn(next, Why::SessionEnded));
    }
    let none = set_cookie(app, proofs::COOKIE, "", 0);
    page(app, account, &issued, none, next)
}

/// The same sign-in under the account's new epoch: a new session in place of the one until now, and all others end.
/// The proof was made under the earlier epoch and is none any more.
pub(crate) async fn renewed(
    app: &App,
    signed_in: &SignedIn,
    account: &Account,
    browser: &str,
) -> Result<Response, AppError> {
    end_others(app, &account.subject, &signed_in.record).await?;
    let standing = Standing {
        account,
        ..Standing::from(signed_in)
    };
    let issued = open(app, &standing, None, browser).await?;
    let none = set_cookie(app, proofs::COOKIE, "", 0);
    page(app, account, &issued, none, Next::Account)
}

async fn open(
    app: &App,
    standing: &Standing<'_>,
    proof: Option<&Proof>,
    browser: &str,
) -> Result<Issued, AppError> {
    let account = standing.account;
    let mut factors = standing.factors.clone();
    factors.extend(proof.and_then(Proof::factor));
    let binding = Binding::subject(&account.subject).epoch(account.epoch);
    let by_code = proof.is_some_and(|proof| proof.provider() == recovery::ID);
    let about = About {
        browser: browser.into(),
        recovered: standing.recovered || by_code,
        factors,
        trusted_in: standing.trusted_in.clone(),
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
        return Err(AppError::SignIn(Next::Account, Why::SessionEnded));
    }
    Ok(issued)
}

async fn withdraw(app: &App, issued: &Issued) -> Result<(), AppError> {
    let record = *issued.record.id();
    app.tokens.revoke(&Revoke::Record(record)).await?;
    Ok(())
}

fn page(
    app: &App,
    account: &Account,
    issued: &Issued,
    proof: HeaderValue,
    next: Next,
) -> Result<Response, AppError> {
    let session = set_cookie(app, SIGNED_IN, issued.token.expose_secret(), 43_200);
    let cookies = [
        session,
        proof,
        set_cookie(app, HALF, "", 0),
        flow::forget(app),
        set_cookie(app, VISIT, &new_visit()?, 86_400),
        last::cookie(app, &account.email)?,
    ];
    Ok(with_cookies(Redirect::to(&next.path()), cookies))
}

/// A sign-in's name: the public id of the record that its first step made.
pub(crate) fn flow_of(passed: &RecordId) -> Option<SignInId> {
    SignInId::new(passed.to_string()).ok()
}

/// Ends every cookie of ours but that of a device which is remembered.
pub(crate) fn ended(app: &App, to: &str) -> Response {
    let all = [
        SIGNED_IN,
        HALF,
        VISIT,
        flow::COOKIE,
        setup::COOKIE,
        last::COOKIE,
        proofs::COOKIE,
        said::COOKIE,
    ];
    let cookies = all.map(|name| set_cookie(app, name, "", 0));
    with_cookies(Redirect::to(to), cookies)
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
