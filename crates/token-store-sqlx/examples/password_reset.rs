//! A password reset: the code is redeemed and the password changed in one PostgreSQL transaction.
//!
//! ```console
//! $ scripts/with-servers cargo run -p token-store-sqlx --features postgres --example password_reset
//! ```
//!
//! It prints what becomes of the code, of its attempts, of the limits and of the password when a guess is
//! wrong, when the transaction is rolled back, and when it commits. It works in a schema of its own, which
//! it drops at the end; `POSTGRES_URL` names the server.

#![expect(clippy::print_stdout, reason = "it is what the example does")]

use core::error::Error;
use std::env;

use token_store::{
    Revoke, Tokens, TokensError,
    ott_core::{Binding, Handle, Issued, KeyRing, Policy, Purpose, Subject},
};
use token_store_sqlx::{
    PostgresStore,
    sqlx::{self, AssertSqlSafe, PgPool},
};

/// Anybody can ask for one of these: eight consonants, and a pace that never locks the owner out.
const RESET: Policy = Policy::readable(Purpose::new("password-recovery"));
const SIGN_IN: Policy = Policy::link(Purpose::new("sign-in"));

type Fault = Box<dyn Error + Send + Sync>;

/// What the application's handlers share.
struct App {
    tokens: Tokens<PostgresStore>,
    pool: PgPool,
    schema: String,
}

/// What the handler answers.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The password is the new one: 303.
    Changed,
    /// One text for every cause: 403.
    Refused,
}

impl App {
    /// The handler: `handle` comes from the browser's cookie, `alice` from the flow that it began, and the
    /// code and the password from the form.
    async fn reset(
        &self,
        handle: &Handle,
        alice: &Subject,
        typed: &str,
        password_hash: &str,
    ) -> Result<Answer, Fault> {
        let binding = Binding::subject(alice);
        // Limits are spent, the guess is counted, the tag is checked. A refusal was committed already.
        let opened = self.tokens.redeem_open(&RESET, handle, &binding, typed);
        let (mut transaction, _) = match opened.await {
            Ok(opened) => opened,
            Err(TokensError::Rejected(_)) => return Ok(Answer::Refused),
            Err(outage) => return Err(outage.into()), // 503
        };
        // Whatever fails from here on, `transaction` is dropped, which rolls it back.
        let update = format!(
            "UPDATE {}.users SET password = $1 WHERE id = $2",
            self.schema
        );
        sqlx::query(AssertSqlSafe(update))
            .bind(password_hash)
            .bind(alice.id())
            .execute(&mut *transaction)
            .await?;
        // Her links, sessions and other codes end with the old password.
        let store = self.tokens.store().on(&mut transaction);
        token_store::TokenStore::revoke(&store, &Revoke::subject(alice)).await?;
        transaction.commit().await?;
        Ok(Answer::Changed)
    }

    /// Code, attempts, other link, limit, password: as they are in the database.
    async fn look(&self, code: &Issued, link: &Issued) -> Result<String, Fault> {
        let found = self.tokens.find(&RESET, code.record.id()).await?;
        let code = found.ok_or("the record is there")?;
        let found = self.tokens.find(&SIGN_IN, link.record.id()).await?;
        let link = found.ok_or("the record is there")?;
        let select = format!("SELECT password FROM {}.users", self.schema);
        let password: String = sqlx::query_scalar(AssertSqlSafe(select))
            .fetch_one(&self.pool)
            .await?;
        let (code, link) = (code.stored(), link.stored());
        Ok(format!(
            "code {:?}, {} attempts; sign-in link {:?}; password {password}",
            code.state, code.attempts, link.state,
        ))
    }
}

/// The whole story, a line for each step.
///
/// # Errors
/// Whatever fails: an outage of the database, above all.
pub async fn run(url: &str, schema: &str) -> Result<Vec<String>, Fault> {
    let builder = PostgresStore::builder().schema(schema);
    let pool = builder.pool_options().connect(url).await?;
    let store = builder.pool(pool.clone()).await?;
    let users = format!(
        "CREATE TABLE {schema}.users (id text PRIMARY KEY, password text NOT NULL CHECK (password <> ''));
         INSERT INTO {schema}.users VALUES ('4711', 'old')"
    );
    sqlx::raw_sql(AssertSqlSafe(users)).execute(&pool).await?;
    let tokens = Tokens::builder(KeyRing::generate()?, store)
        .policy(&RESET)
        .policy(&SIGN_IN)
        .build()?;
    let app = App {
        tokens,
        pool: pool.clone(),
        schema: schema.to_owned(),
    };
    let alice = Subject::new("", "4711")?;
    let binding = Binding::subject(&alice);
    let code = app.tokens.issue(&RESET, &binding).await?;
    let link = app.tokens.issue(&SIGN_IN, &binding).await?;
    let guess = app.tokens.issue(&RESET, &binding).await?;
    let (right, wrong) = (code.token.expose_secret(), guess.token.expose_secret());

    let mut lines = vec![format!("issued:      {}", app.look(&code, &link).await?)];
    let told = app.reset(&code.handle, &alice, wrong, "stolen").await?;
    let after = app.look(&code, &link).await?;
    lines.push(format!("wrong code:  {told:?}: {after}"));
    // The right code, and the application fails: an empty password breaks a rule of its table.
    let told = app.reset(&code.handle, &alice, right, "").await;
    let told = told.map_or("Failed".into(), |answer| format!("{answer:?}"));
    let after = app.look(&code, &link).await?;
    lines.push(format!("rolled back: {told}: {after}"));
    let told = app.reset(&code.handle, &alice, right, "new").await?;
    let after = app.look(&code, &link).await?;
    lines.push(format!("committed:   {told:?}: {after}"));
    let told = app.reset(&code.handle, &alice, right, "again").await?;
    let after = app.look(&code, &link).await?;
    lines.push(format!("once more:   {told:?}: {after}"));

    let drop = AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"));
    sqlx::raw_sql(drop).execute(&pool).await?;
    Ok(lines)
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let url = env::var("POSTGRES_URL").map_err(|_| "POSTGRES_URL must name a PostgreSQL server")?;
    for line in run(&url, "password_reset_example").await? {
        println!("{line}");
    }
    Ok(())
}
