//! Password and session.

use core::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, State},
    http::HeaderMap,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use ott_bearer::{New, NewError, Proved};
use serde::Deserialize;
use token_store_sqlx::token_store::{
    Answer, Charge, Spent,
    ott_core::{Binding, Limit, LimitKey, LimitScope, RecordId, Subject, chrono::TimeDelta},
};
use twofa_providers::counted_network;

use crate::{
    accounts,
    app::{App, Fault},
    guard::is_guarded,
    password,
    second_step::asked_cookie,
    web::{Cookie, No, Shared, SignedIn, Typed, cookie, cookie_of, page},
};

/// Passwords and mails from one network: thirty at once, then one in two seconds. It makes wait and locks nobody out.
const PACE: Limit = Limit::pace(30, TimeDelta::seconds(2));

/// Address and password.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    email: String,
    password: String,
}

pub(crate) async fn form() -> Markup {
    page(
        "Sign in",
        html! {
            form method="post" {
                label { "E-mail" input type="email" name="email" autocomplete="username" required; }
                label { "Password" input type="password" name="password" autocomplete="current-password" required; }
                button { "Sign in" }
            }
            p { a href="/register" { "Register" } " · " a href="/forgot" { "Forgotten password" } }
        },
    )
}

/// `ConnectInfo` is the client only without a proxy: behind one, read the header that it sets.
pub(crate) async fn sign_in(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Typed(form): Typed<Credentials>,
) -> Result<Response, No> {
    paced(&app, peer).await?;
    let account = match accounts::address(&form.email) {
        Some(email) => accounts::by_email(&app, &email).await?,
        None => None,
    };
    let stored = account.as_ref().and_then(accounts::Account::password);
    let right = password::verify(&app, form.password, stored).await?;
    let account = account.filter(|_| right);
    let account = account.ok_or(No::Answer(Answer::Refused))?;
    let (subject, epoch) = (account.subject()?, account.epoch()?);
    // Either is enough: two requests at once may leave the column behind the factors.
    let mut second = account.needs_factor() || is_guarded(&app.engine.factors(&subject).await?);
    if let Some(device) = cookie_of(&headers, "trusted").filter(|_| second) {
        let known = app
            .trusted
            .recognise(&app.engine, &subject, Some(epoch), &device);
        second = known.await?.is_none();
    }
    if second {
        let half = New::of(&subject);
        let half = app.half.bearers().issue(&half).await.map_err(new_error)?;
        unless_changed(&app, &subject, epoch).await?;
        let half = cookie("half", half.token.expose_secret(), TimeDelta::minutes(10));
        let started = [half, asked_cookie(None)]; // a code of another sign-in is none of this one
        return Ok((AppendHeaders(started), Redirect::to("/second-step")).into_response());
    }
    let (_, cookies) = open(&app, &subject, epoch, &headers, &["pwd"]).await?;
    Ok((AppendHeaders(cookies), Redirect::to("/account")).into_response())
}

pub(crate) async fn paced(app: &App, peer: SocketAddr) -> Result<(), No> {
    let network = Subject::new("", counted_network(peer.ip())).map_err(Fault::from)?;
    let binding = Binding::subject(&network);
    let key = LimitKey::new(LimitScope::Application, "passwords and mails", &binding);
    let charge = Charge { key, limit: PACE };
    let (charges, now) = ([charge], app.tokens.now());
    let spent = app.tokens.limit_store().spend(&charges, now);
    match spent.await.map_err(Fault::from)? {
        Spent::Allowed => Ok(()),
        Spent::RetryAt(_, at) => Err(No::Answer(Answer::RetryAt(Some(at)))),
        Spent::Locked(_) | Spent::Ahead(_) => Err(No::Answer(Answer::Unavailable)),
    }
}

/// Refuses who proved a password that another one took the place of meanwhile: a hash is waited for. What was issued before
/// this look is bound to the epoch of its time, which is this one, or one of which nobody proved the password.
async fn unless_changed(app: &App, subject: &Subject, epoch: u64) -> Result<(), No> {
    let account = accounts::of(app, subject).await?;
    match account.map(|account| account.epoch()).transpose()? {
        Some(now) if now == epoch => Ok(()),
        _ => Err(No::Answer(Answer::Refused)),
    }
}

/// A new session under a new cookie: its public name, and what the browser keeps. The epoch is that of what was proved.
pub(crate) async fn open(
    app: &App,
    subject: &Subject,
    epoch: u64,
    headers: &HeaderMap,
    methods: &[&str],
) -> Result<(RecordId, Vec<Cookie>), No> {
    let sessions = app.sessions.bearers();
    let name = browser(headers);
    let new = New::of(subject)
        .named(&name)
        .proved(Proved::by(methods, sessions.now()));
    let issued = sessions.issue(&new).await.map_err(new_error)?;
    if let Err(no) = unless_changed(app, subject, epoch).await {
        sessions.revoke(subject, issued.facts.id()).await?;
        return Err(no);
    }
    let session = cookie("session", issued.token.expose_secret(), TimeDelta::days(30));
    let gone = ["half", "asked", "proof"].map(|name| cookie(name, "", TimeDelta::zero()));
    Ok((
        *issued.facts.id(),
        [session].into_iter().chain(gone).collect(),
    ))
}

pub(crate) fn new_error(error: NewError) -> No {
    match error {
        NewError::Tokens(error) => error.into(),
        _ => No::Again("That name cannot be one."),
    }
}

/// What the owner reads in the list of their sessions.
pub(crate) fn browser(headers: &HeaderMap) -> String {
    let agent = headers
        .get("user-agent")
        .and_then(|agent| agent.to_str().ok());
    let known = ["Firefox", "Edg", "Chrome", "Safari"];
    let found = known
        .into_iter()
        .find(|name| agent.is_some_and(|agent| agent.contains(name)));
    found.unwrap_or("A browser").to_owned()
}

pub(crate) async fn sign_out(
    State(app): Shared,
    signed_in: SignedIn,
) -> Result<impl IntoResponse, No> {
    app.sessions
        .bearers()
        .revoke(&signed_in.subject, signed_in.session.id())
        .await?;
    let gone = ["session", "proof"].map(|name| cookie(name, "", TimeDelta::zero()));
    Ok((AppendHeaders(gone), Redirect::to("/sign-in")))
}
