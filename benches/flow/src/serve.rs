//! Our server: axum over one of the stores.

use std::{env, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
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
        LimitStore, TokenStore, Tokens, TokensError,
        ott_core::{
            Binding, Handle, IssueOptions, KeyRing, Policy, Purpose, Subject, chrono::TimeDelta,
        },
    },
};
use tokio::net::{TcpListener, UdpSocket};

use crate::{
    counted,
    world::{POSTGRES_NUMBERS, SQLITE_NUMBERS, TABLE, fill},
};

const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(7));

/// Where the accounts are.
enum Accounts {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Accounts {
    /// The id of this address.
    async fn by_address(&self, email: &str) -> Option<String> {
        self.one("SELECT id FROM accounts WHERE email = $1", email)
            .await
    }

    async fn address(&self, id: &str) -> Option<String> {
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
    accounts: Accounts,
    mail: UdpSocket,
}

/// Serves until it is ended. It prints its port.
pub(crate) async fn serve(database: &str, mail: &str) {
    if env::var_os("FLOW_COUNT").is_some() {
        counted::count();
    }
    let (tokens, accounts) = if database.starts_with("postgres") {
        // Beside the store's pool, whose statements have a time-out.
        let mut own = PgConnection::connect(database).await.unwrap();
        for statement in [TABLE, &fill(POSTGRES_NUMBERS), "ANALYZE accounts"] {
            let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut own);
            done.await.unwrap();
        }
        own.close().await.unwrap();
        let options = database.parse().unwrap();
        let store = PostgresStore::builder().connect(options).await.unwrap();
        let pool = store.pool().clone();
        (tokens(store), Accounts::Postgres(pool))
    } else {
        let store = SqliteStore::open(database).await.unwrap();
        let store = if env::var_os("FLOW_COUNT").is_some() {
            counted_sqlite(database).await
        } else {
            store
        };
        let pool = store.pool().clone();
        sqlx::query(TABLE).execute(&pool).await.unwrap();
        let filled = sqlx::query(sqlx::AssertSqlSafe(fill(SQLITE_NUMBERS))).execute(&pool);
        filled.await.unwrap();
        if env::var_os("FLOW_COUNT").is_some() {
            // What was written until now is not a sign-in's.
            let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool);
            checkpoint.await.unwrap();
        }
        (tokens(store), Accounts::Sqlite(pool))
    };
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(mail).await.unwrap();
    let app = Arc::new(App {
        tokens,
        accounts,
        mail: socket,
    });
    let router = Router::new()
        .route("/send", post(send))
        .route("/verify", post(verify))
        .route("/session", get(session))
        .route(
            "/statements",
            get(|| async { counted::so_far().to_string() }),
        )
        .with_state(app);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    axum::serve(listener, router).await.unwrap();
}

/// A store whose log keeps every commit.
async fn counted_sqlite(database: &str) -> SqliteStore {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0");
    let pool = SqlitePoolOptions::new().connect_lazy_with(options);
    SqliteStore::new(pool).await.unwrap()
}

fn tokens<S: TokenStore + LimitStore + 'static>(store: S) -> Arc<Tokens> {
    let builder = Tokens::builder(KeyRing::generate().unwrap(), store);
    let built = builder.policy(&CODE).policy(&SESSION).build();
    built.unwrap().shared()
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
