//! Our server: axum over one of the stores.

pub(crate) mod totp;

use std::{env, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    middleware::from_fn,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use token_store_sqlx::{
    PostgresStore, SqliteStore,
    sqlx::{
        self, Connection, PgConnection, PgPool, SqlitePool,
        sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
    },
    token_store::{
        Tokens, TokensError, key_file,
        ott_core::{
            Binding, Handle, IssueOptions, KeyRing, Policy, Purpose, Subject, chrono::TimeDelta,
        },
    },
};
use tokio::net::{TcpListener, UdpSocket};
use twofa_providers::TwoFactor;

use crate::{
    asked::{self, Asked, Keeps},
    counted,
    world::{POSTGRES_NUMBERS, SQLITE_NUMBERS, TABLE, fill},
};

const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(7));

/// Where the accounts are.
pub(crate) enum Accounts {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Accounts {
    /// The id of this address.
    pub(crate) async fn by_address(&self, email: &str) -> Option<String> {
        self.one("SELECT id FROM accounts WHERE email = $1", email)
            .await
    }

    pub(crate) async fn address(&self, id: &str) -> Option<String> {
        self.one("SELECT email FROM accounts WHERE id = $1", id)
            .await
    }

    async fn one(&self, select: &'static str, name: &str) -> Option<String> {
        let found = match self {
            Self::Postgres(pool) => {
                sqlx::query_scalar(select)
                    .bind(name)
                    .fetch_optional(pool)
                    .await
            }
            Self::Sqlite(pool) => {
                sqlx::query_scalar(select)
                    .bind(name)
                    .fetch_optional(pool)
                    .await
            }
        };
        found.unwrap()
    }
}

struct App {
    tokens: Arc<Tokens>,
    two_factor: TwoFactor,
    accounts: Accounts,
    mail: UdpSocket,
}

/// Serves until it is ended. It prints its port.
pub(crate) async fn serve(database: &str, mail: &str) {
    let counts = env::var_os("FLOW_COUNT").is_some();
    if counts {
        counted::count();
    }
    let ((tokens, two_factor), accounts) = if database.starts_with("postgres") {
        let store = postgres(database).await;
        let pool = store.pool().clone();
        (engines(store, counts), Accounts::Postgres(pool))
    } else {
        let store = sqlite(database, counts).await;
        let pool = store.pool().clone();
        (engines(store, counts), Accounts::Sqlite(pool))
    };
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(mail).await.unwrap();
    let app = Arc::new(App {
        tokens,
        two_factor,
        accounts,
        mail: socket,
    });
    let router = Router::new()
        .route("/send", post(send))
        .route("/verify", post(verify))
        .route("/password", post(totp::password))
        .route("/totp", post(totp::verify))
        .route("/session", get(session));
    let router = match counts {
        true => router.layer(from_fn(asked::by_request)),
        false => router,
    };
    listen(router.with_state(app)).await;
}

/// Adds the page of counted statements, prints the port and serves.
pub(crate) async fn listen(router: Router) {
    let router = router
        .route(
            "/statements",
            get(|| async { counted::so_far().to_string() }),
        )
        .route("/asked", get(|| async { asked::so_far() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    axum::serve(listener, router).await.unwrap();
}

pub(crate) async fn postgres(database: &str) -> PostgresStore {
    // Beside the store's pool, whose statements have a time-out.
    let mut own = PgConnection::connect(database).await.unwrap();
    for statement in [TABLE, &fill(POSTGRES_NUMBERS), "ANALYZE"] {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut own);
        done.await.unwrap();
    }
    own.close().await.unwrap();
    let options = database.parse().unwrap();
    PostgresStore::builder().connect(options).await.unwrap()
}

/// `FLOW_POOL`: connections, and KiB of pages of each.
pub(crate) async fn sqlite(database: &str, counts: bool) -> SqliteStore {
    let store = SqliteStore::open(database).await.unwrap();
    let pool = env::var("FLOW_POOL").ok();
    let asked = pool.as_deref().and_then(|text| text.split_once(' '));
    let store = match asked {
        Some((connections, kib)) => {
            let (connections, kib) = (connections.parse().unwrap(), kib.parse().unwrap());
            sqlite_over(database, counts, connections, kib).await
        }
        None if counts => sqlite_over(database, counts, 8, 100).await,
        None => store,
    };
    let pool = store.pool();
    sqlx::query(TABLE).execute(pool).await.unwrap();
    let filled = sqlx::query(sqlx::AssertSqlSafe(fill(SQLITE_NUMBERS))).execute(pool);
    filled.await.unwrap();
    if counts {
        // What was written until now is not a sign-in's.
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool);
        checkpoint.await.unwrap();
    }
    store
}

/// A store over another pool than its own: its log keeps every commit, or, to see where the memory goes, it has so many connections
/// with so many KiB of pages each.
async fn sqlite_over(database: &str, counts: bool, connections: u32, kib: u32) -> SqliteStore {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", format!("-{kib}"));
    let options = match counts {
        true => options.pragma("wal_autocheckpoint", "0"),
        false => options,
    };
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .connect_lazy_with(options);
    SqliteStore::new(pool).await.unwrap()
}

fn engines<S: Keeps>(store: S, counts: bool) -> (Arc<Tokens>, TwoFactor) {
    // The keys that factors were sealed with before, where there are any.
    let keys = match env::var_os("FLOW_KEYS") {
        Some(file) => key_file::read_or_create(file).unwrap(),
        None => KeyRing::generate().unwrap(),
    };
    match counts {
        true => over(keys, Arc::new(Asked(store))),
        false => over(keys, Arc::new(store)),
    }
}

fn over<S: Keeps>(keys: KeyRing, store: Arc<S>) -> (Arc<Tokens>, TwoFactor) {
    let builder = Tokens::builder_shared(keys, Arc::clone(&store));
    let built = builder.policy(&CODE).policy(&SESSION).build();
    let tokens = built.unwrap().shared();
    let two_factor = totp::engine(Arc::clone(&tokens), store);
    (tokens, two_factor)
}

#[derive(Deserialize)]
struct Address {
    email: String,
}

#[derive(Deserialize)]
struct Typed {
    email: String,
    handle: String,
    otp: String,
}

#[derive(Serialize)]
struct Started {
    handle: String,
}

#[derive(Serialize)]
struct SignedIn {
    token: String,
}

#[derive(Serialize)]
struct Page {
    email: String,
}

fn refusal(error: &TokensError) -> StatusCode {
    match error {
        TokensError::Rejected(_) => StatusCode::UNAUTHORIZED,
        TokensError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn account(app: &App, email: &str) -> Result<Subject, StatusCode> {
    let id = app.accounts.by_address(email).await;
    let id = id.ok_or(StatusCode::UNAUTHORIZED)?;
    Subject::new("", id).map_err(|_| StatusCode::UNAUTHORIZED)
}

async fn send(
    State(app): State<Arc<App>>,
    Json(Address { email }): Json<Address>,
) -> Result<Json<Started>, StatusCode> {
    let subject = account(&app, &email).await?;
    let issued = app.tokens.issue(&CODE, &Binding::subject(&subject)).await;
    let issued = issued.map_err(|error| refusal(&error))?;
    let mail = format!("{email} {}", issued.token.expose_secret());
    app.mail.send(mail.as_bytes()).await.unwrap();
    Ok(Json(Started {
        handle: issued.handle.expose_secret().to_string(),
    }))
}

async fn verify(
    State(app): State<Arc<App>>,
    Json(Typed { email, handle, otp }): Json<Typed>,
) -> Result<Json<SignedIn>, StatusCode> {
    let subject = account(&app, &email).await?;
    let binding = Binding::subject(&subject);
    let handle = Handle::parse(&handle).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let session = app
        .tokens
        .earning(&SESSION, &binding, IssueOptions::default());
    let earned = session.redeem(&CODE, &handle, &binding, &otp).await;
    let (_, session) = earned.map_err(|error| refusal(&error))?;
    Ok(Json(SignedIn {
        token: session.token.expose_secret().to_owned(),
    }))
}

async fn session(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<Page>, StatusCode> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let bearer = bearer.ok_or(StatusCode::UNAUTHORIZED)?;
    let load =
        |claimed: token_store_sqlx::token_store::Claimed| async move { Ok(claimed.owner_alone()) };
    let record = app.tokens.authenticate(&SESSION, "", bearer, load).await;
    let record = record.map_err(|error| refusal(&error))?;
    let id = record.stored().subject.clone().unwrap_or_default();
    let email = app.accounts.address(&id).await;
    let email = email.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(Page { email }))
}
