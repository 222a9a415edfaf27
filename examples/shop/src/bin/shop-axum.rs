//! Sign-in with an app's code, and a password reset by mail: a whole application in axum, over
//! SQLite.

use core::net::SocketAddr;
use std::{env, sync::Arc};

use axum::extract::{ConnectInfo, Form, FromRef, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::{Router, response, response::IntoResponse, routing::post};
use bearer_axum::{Answered, Rejection, Session};
use ott_bearer::{Bearers, BoxError, Door, Kind, New};
use serde::Deserialize;
use shop::{Email, NewPassword, User, Users};
use token_delivery::{Delivery, Message, SmtpDelivery, Template, Templates};
use token_store_sqlx::token_store::ott_core::chrono::TimeDelta;
use token_store_sqlx::token_store::ott_core::{Policy, Purpose, SlotRule};
use token_store_sqlx::token_store::{Answer, Claimed, FactorId, StoreError, Tokens, key_file};
use token_store_sqlx::{SqliteStore, sqlx::Sqlite, sqlx::Transaction};
use twofa_providers::{Attempt, EnrolDetails, News, RecoveryCodes, Response};
use twofa_providers::{TotpProvider, TwoFactor};

const RESET: Policy = Policy::link(Purpose::new("password-reset"));
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery-code")).slot(SlotRule::Nothing);
const SESSION: Kind = Kind::session(Purpose::new("session"));
/// The password was right: ten minutes for the second step.
const HALF: Kind = Kind::of(Policy::bearer(
    Purpose::new("password-right"),
    TimeDelta::minutes(10),
));

struct Shop {
    users: Users,
    tokens: Tokens<SqliteStore>,
    engine: TwoFactor,
    recovery: RecoveryCodes,
    half: Door,
    sessions: Door,
    mail: SmtpDelivery,
}

/// The state is a type of your own, so that extractors can take their part of it.
#[derive(Clone)]
struct Site(Arc<Shop>);

impl FromRef<Site> for Door {
    fn from_ref(site: &Site) -> Self {
        site.0.sessions.clone()
    }
}

async fn start(folder: &str, smtp: u16) -> Result<Shop, BoxError> {
    let store = SqliteStore::open(format!("{folder}/shop.db")).await?;
    let users = Users::new(store.pool().clone()).await?;
    let keys = key_file::read_or_create(format!("{folder}/keys"))?;
    let tokens = Tokens::builder(keys, store.clone())
        .policy(&RESET)
        .policy(&RECOVERY)
        .policy(HALF.policy())
        .policy(SESSION.policy())
        .build()?;
    let (shared, factors) = (tokens.shared(), Arc::new(store));
    let recovery = RecoveryCodes::new(&shared, factors.clone(), &RECOVERY)?;
    let engine = TwoFactor::builder(shared.clone(), factors)
        .provider(TotpProvider::new("Shop")?)
        .recovery_codes(&recovery)
        .build()?;
    // What a browser holds is bound to the account's epoch: a new password ends it.
    let door = |kind| -> Result<Door, BoxError> {
        let bearers = Bearers::new(&shared, kind)?.standing(Arc::new(users.clone()));
        Ok(Door::new(bearers, "Shop"))
    };
    let (half, sessions) = (door(HALF)?, door(SESSION)?);
    let words = Template::new(&RESET, "Your password", "Choose a new one: {link}");
    let words = words.link("https://shop.example/reset");
    let words = Templates::new("Shop", [words, shop::news()])?;
    let mail = SmtpDelivery::builder("127.0.0.1", "shop@shop.example", words);
    let mail = mail.plaintext_on_loopback().port(smtp).build()?; // without this: STARTTLS on 587
    Ok(Shop {
        users,
        tokens,
        engine,
        recovery,
        half,
        sessions,
        mail,
    })
}

#[derive(Deserialize)]
struct Newcomer {
    email: Email,
    password: NewPassword,
}

#[derive(Deserialize)]
struct Credentials {
    email: Email,
    password: String,
}

async fn register(
    State(Site(shop)): State<Site>,
    Form(form): Form<Newcomer>,
) -> Result<&'static str, Answered> {
    shop.users.register(&form.email, form.password).await?;
    Ok("sign in now")
}

async fn sign_in(
    State(Site(shop)): State<Site>,
    Form(form): Form<Credentials>,
) -> Result<impl IntoResponse, Answered> {
    let user = shop.users.by_email(&form.email).await?;
    let right = shop::is_right(form.password, user.as_ref()).await?;
    let user = user.filter(|_| right).ok_or(Answer::Refused)?;
    let guarded = shop.users.is_guarded(&shop.engine, &user).await?;
    let (door, name, next) = match guarded {
        true => (&shop.half, "half", "post the code of your app"),
        false => (&shop.sessions, "session", "signed in"),
    };
    Ok((open(&shop, &user, door, name).await?, next))
}

async fn sign_out(
    State(Site(shop)): State<Site>,
    Session(session): Session,
) -> Result<impl IntoResponse, Answered> {
    let sessions = shop.sessions.bearers();
    sessions.revoke(session.subject(), session.id()).await?;
    let gone = "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
    Ok(([(header::SET_COOKIE, gone)], "signed out"))
}

/// A token in a cookie; not if the password changed while its hash was waited for.
async fn open(
    shop: &Shop,
    user: &User,
    door: &Door,
    name: &str,
) -> Result<[(HeaderName, String); 1], Answered> {
    let issued = door.bearers().issue(&New::of(&user.subject)).await?;
    let now = shop.users.of(&user.subject).await?;
    now.filter(|now| now.epoch == user.epoch)
        .ok_or(Answer::Refused)?;
    let token = issued.token.expose_secret();
    let cookie = format!("__Host-{name}={token}; Path=/; Secure; HttpOnly; SameSite=Lax");
    Ok([(header::SET_COOKIE, cookie)])
}

#[derive(Deserialize)]
struct Code {
    /// `totp` or `recovery`.
    provider: String,
    code: String,
}

async fn second_step(
    State(Site(shop)): State<Site>,
    headers: HeaderMap,
    Form(form): Form<Code>,
) -> Result<impl IntoResponse, Answered> {
    let admit = async || {
        let cookies = headers.get_all(header::COOKIE).iter();
        let cookies = cookies.map(HeaderValue::as_bytes);
        let half = shop.half.admit_cookie(cookies, "__Host-half").await;
        half.map_err(Rejection)
    };
    let user = shop.users.of(admit().await?.subject()).await?;
    let user = user.ok_or(Answer::Refused)?;
    // Again: a password that was changed before the account was read has ended it.
    let half = admit().await?;
    let attempt = Attempt::new(&user.subject, &form.provider).epoch(user.epoch);
    let response = Response::typed(&form.code);
    let proof = shop.engine.verify(&attempt, &response).await?;
    // One session a sign-in, whoever posts twice.
    let halves = shop.half.bearers();
    let first = halves.revoke(proof.subject(), half.id()).await?;
    first.then_some(()).ok_or(Answer::Refused)?;
    let cookie = open(&shop, &user, &shop.sessions, "session").await?;
    Ok((cookie, "signed in"))
}

#[derive(Deserialize)]
struct Again {
    password: String,
}

/// The URI for the app, and the factor's id for the next form. A session is not enough: whoever
/// borrowed it would lock the owner out.
async fn add_app(
    State(Site(shop)): State<Site>,
    Session(session): Session,
    Form(form): Form<Again>,
) -> Result<String, Answered> {
    let user = shop.users.of(session.subject()).await?;
    let user = user.ok_or(Answer::Refused)?;
    let right = shop::is_right(form.password, Some(&user)).await?;
    right.then_some(()).ok_or(Answer::Refused)?;
    let details = EnrolDetails::new(&user.subject, "shop.example").epoch(user.epoch);
    let enrolled = shop.engine.enrol("totp", &details, "Phone", None).await?;
    let shown = enrolled.provisioning.ok_or(Answer::Misuse)?;
    Ok(format!(
        "{} {}\n",
        enrolled.factor,
        shown.uri.expose_secret()
    ))
}

#[derive(Deserialize)]
struct First {
    factor: String,
    code: String,
}

/// The first code makes the app count. The answer is the recovery codes, once.
async fn confirm_app(
    State(Site(shop)): State<Site>,
    Session(session): Session,
    Form(form): Form<First>,
) -> Result<String, Answered> {
    let user = shop.users.of(session.subject()).await?;
    let user = user.ok_or(Answer::Refused)?;
    let factor = FactorId::parse(&form.factor).ok_or(Answer::Refused)?;
    let attempt = Attempt::new(&user.subject, "totp")
        .factor(factor)
        .epoch(user.epoch);
    let first = Response::typed(&form.code);
    let users = &shop.users;
    let proof = users.confirm(&shop.engine, &user, &attempt, &first).await?;
    tell(&shop, &user, News::FactorAdded);
    let fresh = shop.engine.fresh(&user.subject, Some(user.epoch), &proof);
    let sheet = shop.recovery.renew(&fresh.await?).await?;
    let codes = sheet.expose_secrets();
    Ok(codes.map(|code| format!("{code}\n")).collect())
}

/// Tells the owner, after the answer.
fn tell(shop: &Arc<Shop>, user: &User, news: News) {
    let (shop, email, at) = (shop.clone(), user.email.clone(), shop.tokens.now());
    tokio::spawn(async move { shop::tell(&shop.mail, &email, news, at).await });
}

#[derive(Deserialize)]
struct Forgot {
    email: Email,
}

/// The same words at once, whoever has an account: the mail goes out afterwards.
async fn forgot(State(Site(shop)): State<Site>, Form(form): Form<Forgot>) -> &'static str {
    tokio::spawn(async move {
        if let Err(fault) = send_link(&shop, &form.email).await {
            eprintln!("no link was sent: {fault}");
        }
    });
    "if there is such an account, a link is on its way"
}

async fn send_link(shop: &Shop, email: &Email) -> Result<(), BoxError> {
    let Some(user) = shop.users.by_email(email).await? else {
        return Ok(());
    };
    let issued = shop.tokens.issue(&RESET, &user.binding()).await?;
    let message = Message::new(RESET.purpose(), &email.0, &issued.token);
    shop.mail.deliver(&message).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Reset {
    token: String,
    password: NewPassword,
}

/// Token and password, both or neither. The second factor stays.
async fn reset(
    State(Site(shop)): State<Site>,
    Form(form): Form<Reset>,
) -> Result<&'static str, Answered> {
    // A look that uses nothing up: only for who has the link is a password hashed.
    drop(redeem(&shop, &form.token).await?);
    let password = shop::hash(form.password).await?;
    let (mut transaction, user) = redeem(&shop, &form.token).await?;
    let first = user.set_password(&mut *transaction, password).await?;
    first.then_some(()).ok_or(Answer::Refused)?;
    let committed = transaction.commit().await;
    committed.map_err(StoreError::unavailable)?;
    tell(&shop, &user, News::PasswordChanged);
    Ok("sign in with the new password")
}

/// The link's transaction, which leaves it unused where it is dropped, and the account as it was
/// when the link was held against it.
async fn redeem(
    shop: &Shop,
    token: &str,
) -> Result<(Transaction<'static, Sqlite>, User), Answered> {
    let mut user = None;
    let bound = async |claimed: Claimed| {
        let owner = claimed.owner().ok_or("a reset has an owner")?;
        user = shop.users.of(&owner).await?;
        Ok(user.as_ref().map(|user| user.binding().into_owned()))
    };
    let tokens = &shop.tokens;
    let opened = tokens.redeem_by_itself_in_transaction(&RESET, "", token, bound);
    let (transaction, _) = opened.await?;
    Ok((transaction, user.ok_or(Answer::Misuse)?))
}

async fn account(
    State(Site(shop)): State<Site>,
    Session(session): Session,
) -> Result<String, Answered> {
    let left = shop.recovery.left(session.subject()).await?;
    let id = session.subject().id();
    Ok(format!("account {id}, {left} recovery codes\n"))
}

/// A cookie comes along with what other sites post: that is refused. Once begun, a change goes on
/// where the browser hangs up.
async fn guard(
    State(Site(shop)): State<Site>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>, // behind a proxy: the header that it sets
    request: Request,
    next: Next,
) -> Result<response::Response, Answered> {
    if request.method() == Method::POST {
        let site = request.headers().get("sec-fetch-site");
        let foreign = shop::is_foreign(site.map(HeaderValue::as_bytes));
        (!foreign).then_some(()).ok_or(Answer::Forbidden)?;
        shop::paced(&shop.tokens, peer.ip()).await?;
    }
    let answer = tokio::spawn(next.run(request)).await;
    Ok(answer.map_err(StoreError::unavailable)?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let smtp = env::var("SMTP_PORT").unwrap_or("1025".into()).parse()?;
    let site = Site(Arc::new(start(".", smtp).await?));
    let shop = site.0.clone();
    tokio::spawn(async move { shop::upkeep(&shop.tokens, &shop.engine).await });
    let routes = Router::new()
        .route("/register", post(register))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/second-step", post(second_step))
        .route("/account", axum::routing::get(account))
        .route("/account/app", post(add_app))
        .route("/account/app/confirm", post(confirm_app))
        .route("/forgot", post(forgot))
        .route("/reset", post(reset))
        .layer(from_fn_with_state(site.clone(), guard))
        .with_state(site);
    let port = env::var("PORT").unwrap_or("8080".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    eprintln!("http://{}", listener.local_addr()?);
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, routes).await?;
    Ok(())
}
