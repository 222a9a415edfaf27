//! Sign-in with an app's code, and a password reset by mail: a whole application in actix-web.
//! Tokens are in Redis; accounts, factors and limits, which must not get lost, in SQLite.

use std::{env, sync::Arc};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, Form, ServiceConfig, get, post};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt};
use bearer_actix::{Answered, Rejection, Session};
use ott_bearer::{Bearers, BoxError, Door, Kind, New};
use serde::Deserialize;
use shop::{Email, NewPassword, User, Users};
use token_delivery::{Delivery, Message, SmtpDelivery, Template, Templates};
use token_store_redis::RedisStore;
use token_store_sqlx::SqliteStore;
use token_store_sqlx::token_store::ott_core::chrono::TimeDelta;
use token_store_sqlx::token_store::ott_core::{Policy, Purpose, SlotRule};
use token_store_sqlx::token_store::{Answer, Claimed, FactorId, StoreError, Tokens, key_file};
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
    sql: SqliteStore,
    tokens: Arc<Tokens>,
    engine: TwoFactor,
    recovery: RecoveryCodes,
    half: Door,
    sessions: Door,
    mail: SmtpDelivery,
}

async fn start(folder: &str, redis: &str, smtp: u16) -> Result<Shop, BoxError> {
    let store = SqliteStore::open(format!("{folder}/shop.db")).await?;
    let users = Users::new(store.pool().clone()).await?;
    let keys = key_file::read_or_create(format!("{folder}/keys"))?;
    let redis = RedisStore::builder().prefix("shop").connect(redis).await?;
    let factors = Arc::new(store.clone());
    let tokens = Tokens::builder(keys, redis)
        .limits(factors.clone())
        .policy(&RESET)
        .policy(&RECOVERY)
        .policy(HALF.policy())
        .policy(SESSION.policy())
        .build()?
        .shared();
    let recovery = RecoveryCodes::new(&tokens, factors.clone(), &RECOVERY)?;
    let engine = TwoFactor::builder(tokens.clone(), factors)
        .provider(TotpProvider::new("Shop")?)
        .recovery_codes(&recovery)
        .build()?;
    // What a browser holds is bound to the account's epoch: a new password ends it.
    let door = |kind| -> Result<Door, BoxError> {
        let bearers = Bearers::new(&tokens, kind)?.standing(Arc::new(users.clone()));
        Ok(Door::new(bearers, "Shop"))
    };
    let (half, sessions) = (door(HALF)?, door(SESSION)?);
    let words = Template::new(&RESET, "Your password", "Choose a new one: {link}");
    let words = words.link("https://shop.example/reset");
    let words = Templates::new("Shop", [words, shop::news()])?;
    let mail = SmtpDelivery::builder("127.0.0.1", "shop@shop.example", words);
    let mail = mail.plaintext_on_loopback().port(smtp).build()?; // without this: STARTTLS on 587
    Ok(Shop {
        sql: store,
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

async fn register(shop: Data<Shop>, Form(form): Form<Newcomer>) -> Result<&'static str, Answered> {
    shop.users.register(&form.email, form.password).await?;
    Ok("sign in now")
}

async fn sign_in(
    shop: Data<Shop>,
    Form(form): Form<Credentials>,
) -> Result<HttpResponse, Answered> {
    let user = shop.users.by_email(&form.email).await?;
    let right = shop::is_right(form.password, user.as_ref()).await?;
    let user = user.filter(|_| right).ok_or(Answer::Refused)?;
    let guarded = shop.users.is_guarded(&shop.engine, &user).await?;
    let (door, name, next) = match guarded {
        true => (&shop.half, "half", "post the code of your app"),
        false => (&shop.sessions, "session", "signed in"),
    };
    let cookie = open(&shop, &user, door, name).await?;
    Ok(HttpResponse::Ok()
        .insert_header((SET_COOKIE, cookie))
        .body(next))
}

async fn sign_out(shop: Data<Shop>, Session(session): Session) -> Result<HttpResponse, Answered> {
    let sessions = shop.sessions.bearers();
    sessions.revoke(session.subject(), session.id()).await?;
    let gone = "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
    Ok(HttpResponse::Ok()
        .insert_header((SET_COOKIE, gone))
        .body("signed out"))
}

/// A token in a cookie; not if the password changed while its hash was waited for.
async fn open(shop: &Shop, user: &User, door: &Door, name: &str) -> Result<String, Answered> {
    let issued = door.bearers().issue(&New::of(&user.subject)).await?;
    let now = shop.users.of(&user.subject).await?;
    now.filter(|now| now.epoch == user.epoch)
        .ok_or(Answer::Refused)?;
    let token = issued.token.expose_secret();
    Ok(format!(
        "__Host-{name}={token}; Path=/; Secure; HttpOnly; SameSite=Lax"
    ))
}

#[derive(Deserialize)]
struct Code {
    /// `totp` or `recovery`.
    provider: String,
    code: String,
}

async fn second_step(
    shop: Data<Shop>,
    request: HttpRequest,
    Form(form): Form<Code>,
) -> Result<HttpResponse, Answered> {
    let admit = async || {
        let cookies = request.headers().get_all(COOKIE).map(HeaderValue::as_bytes);
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
    Ok(HttpResponse::Ok()
        .insert_header((SET_COOKIE, cookie))
        .body("signed in"))
}

#[derive(Deserialize)]
struct Again {
    password: String,
}

/// The URI for the app, and the factor's id for the next form. A session is not enough: whoever
/// borrowed it would lock the owner out.
async fn add_app(
    shop: Data<Shop>,
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
    shop: Data<Shop>,
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
fn tell(shop: &Data<Shop>, user: &User, news: News) {
    let (shop, email, at) = (shop.clone(), user.email.clone(), shop.tokens.now());
    rt::spawn(async move { shop::tell(&shop.mail, &email, news, at).await });
}

#[derive(Deserialize)]
struct Forgot {
    email: Email,
}

/// The same words at once, whoever has an account: the mail goes out afterwards.
async fn forgot(shop: Data<Shop>, Form(form): Form<Forgot>) -> &'static str {
    rt::spawn(async move {
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

/// Redis knows no transaction of SQL: the link is used up first. If the change fails, the password
/// is the old one, and the person asks for another link. The epoch refuses every other link, also
/// one that is used up at the same time.
async fn reset(shop: Data<Shop>, Form(form): Form<Reset>) -> Result<&'static str, Answered> {
    let mut user = None;
    let bound = async |claimed: Claimed| {
        let owner = claimed.owner().ok_or("a reset has an owner")?;
        user = shop.users.of(&owner).await?;
        Ok(user.as_ref().map(|user| user.binding().into_owned()))
    };
    let tokens = &shop.tokens;
    let redeemed = tokens.redeem_by_itself(&RESET, "", &form.token, bound);
    redeemed.await?;
    let user = user.ok_or(Answer::Misuse)?;
    let password = shop::hash(form.password).await?;
    let first = user.set_password(shop.sql.pool(), password).await?;
    first.then_some(()).ok_or(Answer::Refused)?;
    tell(&shop, &user, News::PasswordChanged);
    Ok("sign in with the new password")
}

async fn account(shop: Data<Shop>, Session(session): Session) -> Result<String, Answered> {
    let left = shop.recovery.left(session.subject()).await?;
    let id = session.subject().id();
    Ok(format!("account {id}, {left} recovery codes\n"))
}

/// A cookie comes along with what other sites post: that is refused. Once begun, a change goes on
/// where the browser hangs up.
async fn guard(
    shop: Data<Shop>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    if request.method() == Method::POST {
        let site = request.headers().get("sec-fetch-site");
        if shop::is_foreign(site.map(HeaderValue::as_bytes)) {
            return Err(Answered::from(Answer::Forbidden).into());
        }
        let peer = request.peer_addr(); // behind a proxy: the header that it sets
        let peer = peer.ok_or_else(|| Answered::from(Answer::Misuse))?;
        let paced = shop::paced(&shop.tokens, peer.ip()).await;
        paced.map_err(Answered::from)?;
    }
    let answer = rt::spawn(next.call(request)).await;
    answer.map_err(|fault| Answered::from(StoreError::unavailable(fault)))?
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/register", post().to(register))
        .route("/sign-in", post().to(sign_in))
        .route("/sign-out", post().to(sign_out))
        .route("/second-step", post().to(second_step))
        .route("/account", get().to(account))
        .route("/account/app", post().to(add_app))
        .route("/account/app/confirm", post().to(confirm_app))
        .route("/forgot", post().to(forgot))
        .route("/reset", post().to(reset));
}

#[actix_web::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let redis = env::var("REDIS_URL").unwrap_or("redis://127.0.0.1".into());
    let smtp = env::var("SMTP_PORT").unwrap_or("1025".into()).parse()?;
    let shop = Data::new(start(".", &redis, smtp).await?);
    let kept = shop.clone();
    rt::spawn(async move { shop::upkeep(&kept.tokens, &kept.engine).await });
    let sessions = Data::new(shop.sessions.clone()); // where the extractor `Session` looks
    let app = move || {
        let app = App::new().app_data(shop.clone()).app_data(sessions.clone());
        app.wrap(from_fn(guard)).configure(routes)
    };
    let port = env::var("PORT").unwrap_or("8080".into());
    let server = HttpServer::new(app).bind(format!("127.0.0.1:{port}"))?;
    for address in server.addrs() {
        eprintln!("http://{address}");
    }
    server.run().await?;
    Ok(())
}
