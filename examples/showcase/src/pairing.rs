//! Another device becomes a second step: it opens a link, makes a key, and answers its first prompt.
//!
//! The browser that is signed in shows the link as a QR code. Whoever opens it brings a public key and is given a
//! token of a device that may be asked. Both are worth nothing until the account's owner goes on here, behind a fresh
//! proof, and types the number of the first prompt there: its signature shows that the key is that device's.

use axum::{
    extract::State,
    http::HeaderValue,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use twofa_providers::{
    EnrolDetails, Fresh,
    token_store::{
        Claimed, Revoke,
        ott_core::{Binding, IssueOptions, RecordId},
    },
};

use crate::{
    accounts::Account,
    app::{APPROVER, App, PAIR, Shared, set_cookie},
    approving::{self, Approves},
    assets::DEVICE_SCRIPT,
    error::AppError,
    flow,
    forms::{Empty, Posted},
    layout::{self, Page, Who},
    next::Next,
    prompts, proofs, qr,
    said::{Said, say},
    sealed::{open, seal},
    second_factor::attempt,
    session::{self, SignedIn, Standing, cookie},
    setup::Setup,
    visitor::Visitor,
};

/// Where the owner shows the link, and goes on.
pub(crate) const PATH: &str = "/account/add/device";
/// Where this browser asks whether the device is there.
pub(crate) const LOOK: &str = "/account/add/device/waiting";

const COOKIE: &str = "pairing";
const KIND: &str = "showcase pairing";
/// As long as the link lives.
const SECONDS: u32 = 600;

/// A pairing that this browser began. The link is shown until the device is there, and nowhere else.
struct Pairing {
    id: RecordId,
    link: String,
    label: String,
}

impl Pairing {
    fn of(app: &App, visitor: &Visitor, account: &Account) -> Option<Self> {
        let text = cookie(app, &visitor.jar, COOKIE)?;
        let plain = open(app, KIND, &account.subject, &text)?;
        let mut lines = core::str::from_utf8(&plain).ok()?.splitn(3, '\n');
        Some(Self {
            id: RecordId::parse(lines.next()?).ok()?,
            link: lines.next()?.into(),
            label: lines.next()?.into(),
        })
    }

    fn cookie(&self, app: &App, account: &Account) -> Result<HeaderValue, AppError> {
        let id = self.id.to_string();
        let text = [id.as_str(), &self.link, &self.label].join("\n");
        let text = seal(app, KIND, &account.subject, text.as_bytes())?;
        Ok(set_cookie(app, COOKIE, &text, SECONDS))
    }

    /// The key that the device brought, once it has.
    async fn key(&self, app: &App, account: &Account) -> Result<Option<String>, AppError> {
        let listed = app.tokens.list(&APPROVER, &account.subject).await?;
        let mut all = listed.iter().map(|one| Approves::of(one.stored()));
        Ok(all.find_map(|one| match one {
            Some(Approves::Paired { by, key }) if by == self.id => Some(key),
            _ => None,
        }))
    }
}

/// Makes the link, and leads to the page that shows it.
pub(crate) async fn start(app: &App, account: &Account, label: &str) -> Result<Response, AppError> {
    let binding = Binding::subject(&account.subject).epoch(account.epoch);
    let issued = app.tokens.issue(&PAIR, &binding).await?;
    let pairing = Pairing {
        id: *issued.record.id(),
        link: issued.token.expose_secret().into(),
        label: label.into(),
    };
    let cookie = pairing.cookie(app, account)?;
    Ok(session::with_cookies(Redirect::to(PATH), [cookie]))
}

pub(crate) async fn show(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let account = &signed_in.account;
    let Some(pairing) = Pairing::of(&app, &visitor, account) else {
        return Ok(Redirect::to(Next::Add.path().as_str()).into_response());
    };
    let origin = app.origins.first().map_or("", String::as_str);
    let uri = format!("{origin}/pair#{}", pairing.link);
    let csrf = &visitor.csrf;
    let body = html! {
        p { "Open this code with the camera of your phone or tablet. It works once, and for ten minutes." }
        (qr::picture(&uri, "QR code for your other device")?)
        details {
            summary { "Cannot scan? Open this address there" }
            code #link .secret { (uri) }
        }
        form #go-on method="post" action=(PATH) data-look=(LOOK) {
            (layout::csrf(csrf))
            button { "Continue" }
        }
        p.soft.small role="status" { "This page goes on by itself once the device is there." }
    };
    let page = layout::card(Who::SignedIn, "Open this on the other device", body);
    Ok(prompts::looking(page, true).into_response())
}

/// Whether the device is there.
pub(crate) async fn waiting(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<&'static str, AppError> {
    let account = &signed_in.account;
    let Some(pairing) = Pairing::of(&app, &visitor, account) else {
        return Ok("over");
    };
    Ok(match pairing.key(&app, account).await? {
        Some(_) => "here",
        None => "waiting",
    })
}

/// Enrols the device that is there, and asks it for the first time.
pub(crate) async fn go_on(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(Empty {}): Posted<Empty>,
) -> Result<Response, AppError> {
    let account = &signed_in.account;
    let Some(pairing) = Pairing::of(&app, &visitor, account) else {
        return Ok(Redirect::to(Next::Add.path().as_str()).into_response());
    };
    let Some(key) = pairing.key(&app, account).await? else {
        let said = Said::instead("The other device has not opened the code yet.");
        return Ok(say(Redirect::to(PATH), said));
    };
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Add).await?;
    let page = match proofs::fresh(&app, &signed_in, &proof, Next::Add).await {
        Ok(fresh) => enrol(&app, &signed_in, &visitor, &pairing.label, &key, &fresh).await,
        Err(error) => Err(error),
    };
    proofs::keep(&app, &signed_in, proof, page).await
}

async fn enrol(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    label: &str,
    key: &str,
    fresh: &Fresh<'_>,
) -> Result<Response, AppError> {
    let (account, standing) = (&signed_in.account, Standing::from(signed_in));
    let mut details = EnrolDetails::new(&account.subject, account.email.address())
        .epoch(account.epoch)
        .brought(key);
    if let Some(sign_in) = &standing.flow {
        details = details.sign_in(sign_in);
    }
    let enrolled = app
        .two_factor
        .enrol(prompts::ID, &details, label, Some(fresh));
    let factor = enrolled.await?.factor;
    let setup = Setup {
        provider: prompts::ID.into(),
        factor,
        uri: String::new(),
    };
    let factor = factor.to_string();
    let attempt = attempt(&standing, prompts::ID, &factor, None, visitor)?;
    let asked = app.two_factor.request(&attempt).await?;
    let cookies = [
        setup.cookie(app, &account.subject)?,
        flow::remember(app, prompts::ID, &factor, &asked)?,
        set_cookie(app, COOKIE, "", 0),
    ];
    let to = Redirect::to("/account/add/confirm");
    Ok(session::with_cookies(to, cookies))
}

/// The page of the link, on the other device.
pub(crate) async fn form(visitor: Visitor) -> Page {
    let body = html! {
        p { "This browser will be asked when somebody signs in to your account. It keeps a key that never leaves it." }
        noscript { p.warn { "This needs scripts: the key is made in this browser." } }
        p #told .alert role="alert" hidden {}
        form #pair method="post" action="/pair" {
            (layout::csrf(&visitor.csrf))
            input type="hidden" name="link" value="";
            input type="hidden" name="key" value="";
            button { "Use this browser" }
        }
        p.leave { "Did somebody else send you this code? Then close this page." }
    };
    layout::card(Who::Nobody, "Approve on this device", body).script(DEVICE_SCRIPT)
}

#[derive(Deserialize)]
pub(crate) struct Brought {
    link: String,
    key: String,
}

/// A device brings its key. The link is used up, and the device is asked from now on.
pub(crate) async fn bring(
    State(app): Shared,
    Posted(brought): Posted<Brought>,
) -> Result<Response, AppError> {
    let Brought { link, key } = brought;
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if key.len() != 64 || !key.bytes().all(hex) {
        return Err(AppError::BadRequest("This browser made no key."));
    }
    let load = async |claimed: Claimed| {
        let Some(owner) = claimed.owner() else {
            return Ok(None);
        };
        let account = app.accounts.by_id(owner.id()).await;
        let account = account.map_err(AppError::into_cause)?;
        Ok(account.map(|account| {
            let binding = Binding::subject(&account.subject).epoch(account.epoch);
            binding.into_owned()
        }))
    };
    let redeemed = app.tokens.redeem_by_itself(&PAIR, "", &link, load).await?;
    let owner = redeemed.stored().owner().ok_or(AppError::Refused)?;
    let paired = Approves::Paired {
        by: *redeemed.id(),
        key,
    };
    let cookie = approving::issue(&app, &owner, &paired).await?;
    let said = Said::done("This browser is there. Type the number that the other screen shows.");
    Ok(say(
        session::with_cookies(Redirect::to(approving::PATH), [cookie]),
        said,
    ))
}

/// A device whose key was confirmed is asked for its own prompts, and its first token is worth nothing any more.
pub(crate) async fn confirmed(
    app: &App,
    approver: &approving::Approver,
    factor: twofa_providers::token_store::FactorId,
) -> Result<HeaderValue, AppError> {
    let cookie = approving::issue(app, &approver.subject, &Approves::Device(factor)).await?;
    let before = Revoke::own(&approver.subject, approver.record);
    app.tokens.revoke(&before).await?;
    Ok(cookie)
}

/// For the token of a device.
pub(crate) fn options(data: &[u8]) -> IssueOptions<'_> {
    IssueOptions {
        data,
        ..IssueOptions::default()
    }
}
