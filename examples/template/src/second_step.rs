//! The second step: at a sign-in, and again before what changes how the account is guarded.

use core::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts, State},
    http::{HeaderMap, request::Parts},
    response::{AppendHeaders, IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use token_store_sqlx::token_store::ott_core::{
    Channel, Handle, RecordId, Subject, chrono::TimeDelta,
};
use twofa_providers::{Attempt, Proof, Response as Code, SignInId};

use crate::{
    accounts::{self, Account},
    app::{App, Fault},
    guard::park,
    sign_in::{browser, open},
    web::{self, Cookie, No, Shared, SignedIn, Site, Typed, cookie, cookie_of},
};

/// Who proves it: somebody whose password was right, or who is signed in.
pub(crate) struct Prover {
    account: Account,
    subject: Subject,
    by: By,
    device: Option<String>,
    asked: Option<Handle>,
    network: IpAddr,
}

enum By {
    /// The record of the right password, which becomes a session.
    Half(RecordId),
    Session(RecordId),
}

impl FromRequestParts<Site> for Prover {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, app: &Site) -> Result<Self, No> {
        let peer = ConnectInfo::<SocketAddr>::from_request_parts(parts, app).await;
        let ConnectInfo(peer) = peer.map_err(|_| Fault::from("the server knows its peers"))?;
        let half = cookie_of(&parts.headers, "half");
        let admit = async || match &half {
            Some(half) => app.half.bearers().authenticate("", half).await.ok(),
            None => None,
        };
        let (account, subject, by) = match admit().await {
            Some(half) => {
                let subject = half.subject().clone();
                let account = accounts::of(app, &subject).await?.ok_or(No::SignIn)?;
                // Again: a password that was changed before the account was read has ended it.
                admit().await.ok_or(No::SignIn)?;
                (account, subject, By::Half(*half.id()))
            }
            None => {
                let who = SignedIn::from_request_parts(parts, app).await?;
                (who.account, who.subject, By::Session(*who.session.id()))
            }
        };
        Ok(Self {
            account,
            subject,
            by,
            device: cookie_of(&parts.headers, "device"),
            asked: asked(&parts.headers),
            network: peer.ip(),
        })
    }
}

impl Prover {
    /// What a person disowns who says "this was not me".
    fn name(&self) -> Result<SignInId, Fault> {
        let (By::Half(id) | By::Session(id)) = &self.by;
        Ok(SignInId::new(id.as_bytes())?)
    }

    fn attempt<'a>(&'a self, provider: &'a str, name: &'a SignInId) -> Result<Attempt<'a>, Fault> {
        let attempt = Attempt::new(&self.subject, provider)
            .epoch(self.account.epoch()?)
            .network(self.network)
            .sign_in(name);
        let attempt = match &self.device {
            Some(device) => attempt.known_device(device),
            None => attempt,
        };
        Ok(if self.account.is_mail_spent() {
            attempt.first_step(Channel::Email)
        } else {
            attempt
        })
    }
}

/// The flow of the code that was mailed.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Handle> {
    Handle::parse(&cookie_of(headers, "asked")?).ok()
}

pub(crate) fn asked_cookie(handle: Option<&Handle>) -> Cookie {
    let handle = handle.map(Handle::expose_secret);
    let value = handle.as_ref().map_or("", |handle| handle.as_str());
    cookie("asked", value, TimeDelta::minutes(10))
}

pub(crate) async fn form(State(app): Shared, who: Prover) -> Result<Markup, No> {
    let ways = app.engine.offered(&who.subject).await?;
    let has = |id: &str| ways.iter().any(|way| way.descriptor.id == id);
    let mail = has("email") && !who.account.is_mail_spent();
    let (signs_in, sent) = (matches!(who.by, By::Half(_)), who.asked.is_some());
    let field = |provider: &str, label: &str, mode: &str| {
        html! {
            form method="post" {
                input type="hidden" name="provider" value=(provider);
                label { (label) input name="code" inputmode=(mode) autocomplete="one-time-code" required; }
                @if signs_in {
                    label class="tick" { input type="checkbox" name="remember" value="yes"; "Remember this browser" }
                    @if provider != "recovery" {
                        label class="tick" { input type="checkbox" name="trust" value="yes"; "Ask for no code here for 30 days" }
                    }
                }
                button { "Go on" }
            }
        }
    };
    Ok(web::page(
        "Second step",
        html! {
            @if has("totp") { (field("totp", "Code of your app", "numeric")) }
            @if mail {
                @if sent { (field("email", "Code from your mail", "numeric")) }
                form method="post" action="/second-step/mail" {
                    button class="other" { @if sent { "Send another code" } @else { "Send a code by mail" } }
                }
            }
            @if has("recovery") { (field("recovery", "A recovery code", "text")) }
            @if !has("totp") && !mail && !has("recovery") {
                p { "No second step is left here. Ask whoever runs this service." }
            }
        },
    ))
}

pub(crate) async fn mail(State(app): Shared, who: Prover) -> Result<Response, No> {
    let name = who.name()?;
    let attempt = who.attempt("email", &name)?;
    // With the earlier handle it is sent again, and the earlier code is void.
    let attempt = match &who.asked {
        Some(handle) => attempt.handle(handle),
        None => attempt,
    };
    let sent = app.engine.request(&attempt).await?;
    let kept = asked_cookie(sent.handle.as_ref());
    Ok((AppendHeaders([kept]), Redirect::to("/second-step")).into_response())
}

/// A code.
#[derive(Deserialize)]
pub(crate) struct Second {
    provider: String,
    code: String,
    #[serde(default)]
    remember: String,
    #[serde(default)]
    trust: String,
}

pub(crate) async fn prove(
    State(app): Shared,
    who: Prover,
    headers: HeaderMap,
    Typed(form): Typed<Second>,
) -> Result<Response, No> {
    let name = who.name()?;
    let attempt = who.attempt(&form.provider, &name)?;
    let attempt = match &who.asked {
        Some(handle) if form.provider == "email" => attempt.handle(handle),
        _ => attempt,
    };
    let proof = app
        .engine
        .verify(&attempt, &Code::typed(&form.code))
        .await?;
    if who.account.is_mail_spent() {
        accounts::mail_counts_again(&app, &who.subject).await?;
    }
    let (session, mut cookies) = match &who.by {
        By::Session(session) => (*session, vec![asked_cookie(None)]),
        By::Half(half) => complete(&app, &who, half, &headers, &form, &proof).await?,
    };
    cookies.push(park(&app, &who.subject, &session, proof).await?);
    Ok((AppendHeaders(cookies), Redirect::to("/account")).into_response())
}

/// The sign-in becomes a session; its browser is remembered, and trusted, where that was asked for.
async fn complete(
    app: &App,
    who: &Prover,
    half: &RecordId,
    headers: &HeaderMap,
    form: &Second,
    proof: &Proof,
) -> Result<(RecordId, Vec<Cookie>), No> {
    let subject = &who.subject;
    if !app.half.bearers().revoke(subject, half).await? {
        return Err(No::SignIn); // another request completed it
    }
    let (browser, epoch) = (browser(headers), who.account.epoch()?);
    let fresh = app.engine.fresh(subject, Some(epoch), proof).await?;
    let mut kept = Vec::new();
    if form.remember == "yes" {
        let device = app.devices.remember(&fresh, &browser).await?;
        kept.push(cookie(
            "device",
            device.token.expose_secret(),
            TimeDelta::days(90),
        ));
    }
    let mut trusted = None;
    // A recovery code is not enough.
    if form.trust == "yes" && proof.factor().is_some() {
        let device = app.trusted.trust(&fresh, &who.name()?, &browser).await?;
        kept.push(cookie(
            "trusted",
            device.token.expose_secret(),
            TimeDelta::days(30),
        ));
        trusted = Some(device.id);
    }
    match open(app, subject, epoch, headers, &["pwd", "otp"]).await {
        Ok((session, cookies)) => Ok((session, cookies.into_iter().chain(kept).collect())),
        Err(error) => {
            if let Some(id) = trusted {
                app.trusted.revoke(subject, &id).await?;
            }
            Err(error)
        }
    }
}
