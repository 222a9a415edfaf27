//! A password reset: the link is redeemed and the password changed in one transaction of the
//! application's database, in PostgreSQL and in SQLite.
//!
//! ```console
//! $ scripts/with-servers cargo run -p token-store-sqlx --features postgres --example password_reset
//! ```
//!
//! It prints what becomes of the link, of the code beside it and of the password when the link is wrong,
//! when the transaction is rolled back, when it commits, and when the link is used again. The handlers are
//! in `postgres.rs` and `sqlite.rs`. It works in a schema and in a file of its own, which it removes at the
//! end; `POSTGRES_URL` names the server.

#![expect(clippy::print_stdout, reason = "it is what the example does")]

mod postgres;
mod sqlite;

use core::error::Error;
use std::env;

use token_store::{
    TokenStore, Tokens,
    ott_core::{Binding, Issued, Policy, Purpose, Subject},
};

/// The link of the mail. Anybody can ask for one.
const RESET: Policy = Policy::link(Purpose::new("password-reset"));
/// A code of hers that is under way at the same time.
const SIGN_IN: Policy = Policy::readable(Purpose::new("sign-in"));

type Fault = Box<dyn Error + Send + Sync>;

/// What the handler answers.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The password is the new one: 303.
    Changed,
    /// One text for every cause: 403.
    Refused,
}

/// What the two applications have in common: what the story needs of them.
trait App {
    type Store: TokenStore;

    fn tokens(&self) -> &Tokens<Self::Store>;

    /// The handler behind the link's form: the token is the link's, the password the form's.
    async fn reset(&self, token: &str, password_hash: &str) -> Result<Answer, Fault>;

    /// Alice's password, and her epoch: how often it was changed.
    async fn account(&self) -> Result<(String, i64), Fault>;
}

/// The whole story, a line for each step.
async fn tell(app: &impl App) -> Result<Vec<String>, Fault> {
    let (tokens, alice) = (app.tokens(), Subject::new("", "4711")?);
    // The link counts for this password alone.
    let link = tokens
        .issue(&RESET, &Binding::subject(&alice).epoch(0))
        .await?;
    let code = tokens.issue(&SIGN_IN, &Binding::subject(&alice)).await?;
    let right = link.token.expose_secret();
    let wrong = "A".repeat(right.len());

    let mut lines = vec![format!("issued:      {}", look(app, &link, &code).await?)];
    for (step, token, password) in [
        ("wrong link: ", wrong.as_str(), "stolen"),
        // The application fails: an empty password breaks a rule of its table.
        ("rolled back:", right, ""),
        ("committed:  ", right, "new"),
        ("once more:  ", right, "again"),
    ] {
        let told = app.reset(token, password).await;
        let told = told.map_or("Failed".into(), |answer| format!("{answer:?}"));
        let after = look(app, &link, &code).await?;
        lines.push(format!("{step} {told}: {after}"));
    }
    Ok(lines)
}

/// Link, code and password, as they are in the database.
async fn look(app: &impl App, link: &Issued, code: &Issued) -> Result<String, Fault> {
    let found = app.tokens().find(&RESET, link.record.id()).await?;
    let link = found.ok_or("the record is there")?.stored().state;
    let found = app.tokens().find(&SIGN_IN, code.record.id()).await?;
    let code = found.ok_or("the record is there")?.stored().state;
    let (password, epoch) = app.account().await?;
    Ok(format!(
        "link {link:?}; code {code:?}; password {password}, epoch {epoch}"
    ))
}

/// The story over PostgreSQL, in a schema of its own.
///
/// # Errors
/// Whatever fails: an outage of the database, above all.
pub async fn in_postgres(url: &str, schema: &str) -> Result<Vec<String>, Fault> {
    let app = postgres::Postgres::open(url, schema).await?;
    let lines = tell(&app).await?;
    app.remove().await?;
    Ok(lines)
}

/// The story over SQLite, in a file.
///
/// # Errors
/// Whatever fails.
pub async fn in_sqlite(file: &std::path::Path) -> Result<Vec<String>, Fault> {
    tell(&sqlite::Sqlite::open(file).await?).await
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let url = env::var("POSTGRES_URL").map_err(|_| "POSTGRES_URL must name a PostgreSQL server")?;
    println!("PostgreSQL");
    for line in in_postgres(&url, "password_reset_example").await? {
        println!("  {line}");
    }
    let folder = tempfile::tempdir()?;
    println!("SQLite");
    for line in in_sqlite(&folder.path().join("app.db")).await? {
        println!("  {line}");
    }
    Ok(())
}
