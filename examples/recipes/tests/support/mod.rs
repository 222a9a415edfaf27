//! An application's database, its tokens and its engine.

#![expect(clippy::unwrap_used, reason = "what panics here fails its test")]

use std::sync::Arc;

use recipes::audit_page;
use tempfile::TempDir;
use token_store_sqlx::{
    SqliteStore,
    sqlx::{self, SqlitePool},
    token_store::{
        Clock as _, Event, ManualClock, Tokens,
        ott_core::{
            KeyRing, Policy, Subject,
            chrono::{DateTime, Utc},
        },
    },
};
use tokio::sync::mpsc::Receiver;
use twofa_providers::{
    Attempt, EnrolDetails, Response, TotpProvider, TwoFactor,
    oath_otp::{Secret, Totp},
};

const TABLES: &str = "
CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL, verified_at INTEGER, must_enrol INTEGER NOT NULL DEFAULT 0,
  password TEXT NOT NULL CHECK (password <> ''), epoch INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO users (id, email, password) VALUES ('4711', 'alice@example.org', 'old');
CREATE TABLE support_log (staff TEXT NOT NULL, person TEXT NOT NULL, factors INTEGER NOT NULL) STRICT;
CREATE TABLE audit (at INTEGER NOT NULL, tenant TEXT, subject TEXT, what TEXT NOT NULL, purpose TEXT, why TEXT) STRICT;
";

/// What an application has.
pub(crate) struct World {
    pub(crate) tokens: Tokens<SqliteStore>,
    pub(crate) engine: Arc<TwoFactor>,
    pub(crate) clock: Arc<ManualClock>,
    events: Receiver<Event>,
    folder: TempDir,
}

impl World {
    pub(crate) async fn new(policies: &[Policy]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("app.db"))
            .await
            .unwrap();
        sqlx::raw_sql(TABLES).execute(store.pool()).await.unwrap();
        let start = DateTime::from_timestamp(1_728_000_000, 0).unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let (sink, events) = audit_page::sink();
        let builder = Tokens::builder(KeyRing::generate().unwrap(), store.clone())
            .clock(Arc::clone(&clock) as Arc<_>)
            .events(Arc::new(sink));
        let builder = policies
            .iter()
            .fold(builder, |builder, policy| builder.policy(policy));
        let tokens = builder.build().unwrap();
        let engine = TwoFactor::builder(tokens.shared(), Arc::new(store))
            .provider(TotpProvider::new("Example").unwrap());
        Self {
            engine: Arc::new(engine.build().unwrap()),
            tokens,
            clock,
            events,
            folder,
        }
    }

    /// A column of alice's row, as text.
    pub(crate) async fn user(&self, column: &str) -> String {
        let select = format!("SELECT coalesce(CAST({column} AS TEXT), '') FROM users");
        let select = sqlx::query_scalar(sqlx::AssertSqlSafe(select));
        select.fetch_one(self.tokens.store().pool()).await.unwrap()
    }

    /// An app, and the secret in it, in base32.
    pub(crate) async fn enrol(&self, who: &Subject) -> String {
        let details = EnrolDetails::new(who, "alice@example.org").epoch(0);
        let enrolled = self
            .engine
            .enrol("totp", &details, "App", None)
            .await
            .unwrap();
        let shown = enrolled.provisioning.unwrap();
        let base32 = shown.base32.expose_secret().to_owned();
        let attempt = Attempt::new(who, "totp").factor(enrolled.factor).epoch(0);
        let code = app_code(&base32, self.clock.now());
        let _proof = self
            .engine
            .confirm(&attempt, &Response::typed(&code))
            .await
            .unwrap();
        base32
    }

    /// Ends the application, and waits until its events are written down.
    pub(crate) async fn written(self) -> (SqlitePool, TempDir) {
        let pool = self.tokens.store().pool().clone();
        drop((self.tokens, self.engine));
        audit_page::write(pool.clone(), self.events).await.unwrap();
        (pool, self.folder)
    }
}

/// What an authenticator app shows.
pub(crate) fn app_code(base32: &str, now: DateTime<Utc>) -> String {
    let secret = Secret::from_base32(base32).unwrap();
    let now = u64::try_from(now.timestamp()).unwrap();
    Totp::default()
        .generate(&secret, now)
        .expose_secret()
        .to_owned()
}
