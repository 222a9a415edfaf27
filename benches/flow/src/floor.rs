//! The floor: what a sign-in by code reads and writes, in a bare loop behind the same HTTP server.
//!
//! The driver alone: no crate of ours answers a request, nothing is hashed or signed, and no limit is judged, though its row is read
//! and written. Over SQLite the statements are those of the store where nobody else writes, each commit for one caller. Over
//! PostgreSQL they are as many, over the same rows, in plainer words. Our crates make the tables, and that is all.

mod postgres;
mod sqlite;

use core::sync::atomic::{AtomicU64, Ordering};
use std::{
    env,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use crate::{
    counted,
    serve::{self, Accounts},
};

/// Where the rows are.
enum Rows {
    Postgres(postgres::Rows),
    Sqlite(sqlite::Rows),
}

struct App {
    rows: Rows,
    accounts: Accounts,
    mail: UdpSocket,
}

/// Serves until it is ended. It prints its port.
pub(crate) async fn serve(database: &str, mail: &str) {
    let counts = env::var_os("FLOW_COUNT").is_some();
    if counts {
        counted::count();
    }
    let (rows, accounts) = if database.starts_with("postgres") {
        serve::postgres(database).await.pool().close().await;
        let rows = postgres::Rows::open(database);
        let accounts = Accounts::Postgres(rows.pool.clone());
        (Rows::Postgres(rows), accounts)
    } else {
        serve::sqlite(database, counts).await.pool().close().await;
        let rows = sqlite::Rows::open(database, counts).await;
        let accounts = Accounts::Sqlite(rows.readers.clone());
        (Rows::Sqlite(rows), accounts)
    };
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(mail).await.unwrap();
    let app = App {
        rows,
        accounts,
        mail: socket,
    };
    let router = Router::new()
        .route("/send", post(send))
        .route("/verify", post(verify))
        .route("/session", get(session))
        .with_state(Arc::new(app));
    serve::listen(router).await;
}

/// What is written of a token.
struct Token {
    id: [u8; 16],
    purpose: &'static str,
    subject: String,
    slot: Option<[u8; 16]>,
    digest: [u8; 32],
    max_attempts: Option<i64>,
    now: i64,
    lives: i64,
    used_at: Option<i64>,
}

/// Spread over all, as random ids are.
fn new_id() -> [u8; 16] {
    static MADE: AtomicU64 = AtomicU64::new(1);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let [high, low] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03]
        .map(|odd: u64| number.wrapping_mul(odd) ^ odd);
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// A name of 16 bytes for what belongs to this account: a slot, a limit.
fn name(of: u8, account: &str) -> [u8; 16] {
    let mut name = [of; 16];
    // Seven digits at most, and spread as a hash is.
    let number: u64 = account.trim_start_matches("id").parse().unwrap();
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    name[..8].copy_from_slice(&spread.to_be_bytes());
    name
}

/// The code itself where a digest of it would stand.
fn digest(code: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..code.len()].copy_from_slice(code.as_bytes());
    digest
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_micros() as i64
}

fn hex(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

fn id_of(text: &str) -> Result<[u8; 16], StatusCode> {
    let number = u128::from_str_radix(text, 16);
    Ok(number.map_err(|_| StatusCode::UNAUTHORIZED)?.to_be_bytes())
}

async fn account(app: &App, asked: &Value) -> Result<String, StatusCode> {
    let email = asked["email"].as_str().unwrap_or_default();
    let id = app.accounts.by_address(email).await;
    id.ok_or(StatusCode::UNAUTHORIZED)
}

async fn send(
    State(app): State<Arc<App>>,
    Json(asked): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let subject = account(&app, &asked).await?;
    let id = new_id();
    let code = format!("{:08}", u128::from_be_bytes(id) % 100_000_000);
    let token = Token {
        id,
        purpose: "sign-in",
        slot: Some(name(1, &subject)),
        digest: digest(&code),
        max_attempts: Some(5),
        now: now(),
        lives: 600_000_000,
        used_at: None,
        subject,
    };
    let limit = name(2, &token.subject);
    match &app.rows {
        Rows::Postgres(rows) => rows.issue(&token, limit).await,
        Rows::Sqlite(rows) => rows.issue(&token, limit).await,
    }
    let mail = format!("{} {code}", asked["email"].as_str().unwrap_or_default());
    app.mail.send(mail.as_bytes()).await.unwrap();
    Ok(Json(json!({ "handle": hex(id) })))
}

async fn verify(
    State(app): State<Arc<App>>,
    Json(typed): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let subject = account(&app, &typed).await?;
    let id = id_of(typed["handle"].as_str().unwrap_or_default())?;
    let digest = digest(typed["otp"].as_str().unwrap_or_default());
    let limits = [name(3, &subject), name(4, &subject)];
    let now = now();
    let session = Token {
        id: new_id(),
        purpose: "session",
        subject,
        slot: None,
        digest,
        max_attempts: None,
        now,
        lives: 604_800_000_000,
        used_at: Some(now),
    };
    let is_right = match &app.rows {
        Rows::Postgres(rows) => rows.redeem(id, digest, limits, &session).await,
        Rows::Sqlite(rows) => rows.redeem(id, digest, limits, &session).await,
    };
    if !is_right {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(Json(json!({ "token": hex(session.id) })))
}

async fn session(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|text| text.to_str().ok());
    let bearer = bearer.and_then(|text| text.strip_prefix("Bearer "));
    let id = id_of(bearer.unwrap_or_default())?;
    let subject = match &app.rows {
        Rows::Postgres(rows) => rows.session(id).await,
        Rows::Sqlite(rows) => rows.session(id).await,
    };
    let subject = subject.ok_or(StatusCode::UNAUTHORIZED)?;
    let email = app.accounts.address(&subject).await;
    let email = email.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(json!({ "email": email })))
}
