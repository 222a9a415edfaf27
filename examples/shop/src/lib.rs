//! Accounts as an application has them already: a table of SQLite, and passwords under Argon2id.

// ANCHOR: users
use core::{fmt, net::IpAddr, time::Duration};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use ott_bearer::{BoxError, Standing};
use serde::Deserialize;
use token_delivery::{Delivery, Message, Notice, Template};
use token_store_sqlx::sqlx::{self, SqliteExecutor, SqlitePool};
use token_store_sqlx::token_store::ott_core::chrono::{DateTime, TimeDelta, Utc};
use token_store_sqlx::token_store::ott_core::{Binding, Destination, InvalidDestination};
use token_store_sqlx::token_store::ott_core::{Limit, LimitKey, LimitScope, OwnedBinding};
use token_store_sqlx::token_store::ott_core::{Purpose, Subject};
use token_store_sqlx::token_store::{
    Charge, FactorState, Spent, StoreError, TokenStore, Tokens, TokensError,
};
use tokio::sync::Semaphore;
use twofa_providers::{Attempt, News, Proof, Response, TwoFactor, TwoFactorError};
use twofa_providers::{Upkeep, counted_network};

/// The table. Clones share the pool.
#[derive(Clone, Debug)]
pub struct Users(SqlitePool);

/// A row.
pub struct User {
    /// Tenant and id.
    pub subject: Subject,
    /// Where the owner is told what happened.
    pub email: Destination,
    /// Raised with each change of the password.
    pub epoch: u64,
    /// A column, and not the number of factors: who deletes rows would switch it off.
    pub needs_factor: bool,
    password: String,
}

/// An address in its one spelling, as a form has it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Email(pub Destination);

/// A password that somebody chooses, as a form has it.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct NewPassword(String);

type Row = (String, String, i64, bool, String);

impl Users {
    /// Makes the table where it is missing. An id is never given again.
    ///
    /// # Errors
    /// The database.
    pub async fn new(pool: SqlitePool) -> Result<Self, BoxError> {
        let table = "CREATE TABLE IF NOT EXISTS users (\
            id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))), \
            email TEXT NOT NULL UNIQUE, password TEXT NOT NULL, \
            epoch INTEGER NOT NULL DEFAULT 0, needs_factor INTEGER NOT NULL DEFAULT 0)";
        sqlx::query(table).execute(&pool).await?;
        Ok(Self(pool))
    }

    /// A new account, where the address has none. Verify the address before it counts.
    ///
    /// # Errors
    /// The database, or the hash.
    pub async fn register(&self, email: &Email, password: NewPassword) -> Result<(), StoreError> {
        let insert = "INSERT INTO users (email, password) VALUES (?, ?) ON CONFLICT DO NOTHING";
        let insert = sqlx::query(insert).bind(email.0.address());
        let inserted = insert.bind(hash(password).await?).execute(&self.0).await;
        inserted.map_err(StoreError::unavailable).map(drop)
    }

    /// The account of this address.
    ///
    /// # Errors
    /// The database.
    pub async fn by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let select = "SELECT id, email, epoch, needs_factor, password FROM users WHERE email = ?";
        self.find(select, email.0.address()).await
    }

    /// The account of this subject.
    ///
    /// # Errors
    /// The database.
    pub async fn of(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        let select = "SELECT id, email, epoch, needs_factor, password FROM users WHERE id = ?";
        self.find(select, subject.id()).await
    }

    async fn find(&self, select: &'static str, by: &str) -> Result<Option<User>, StoreError> {
        let row = sqlx::query_as(select).bind(by).fetch_optional(&self.0);
        let row: Option<Row> = row.await.map_err(StoreError::unavailable)?;
        let Some((id, email, epoch, needs_factor, password)) = row else {
            return Ok(None);
        };
        Ok(Some(User {
            subject: Subject::new("", id).map_err(StoreError::unavailable)?,
            email: Destination::email(email).map_err(StoreError::unavailable)?,
            epoch: epoch.try_into().map_err(StoreError::unavailable)?,
            needs_factor,
            password,
        }))
    }

    /// Whether signing in takes a second step. Either is enough: two requests at once may leave the
    /// column behind the factors. A disabled factor guards too: it failed too often.
    ///
    /// # Errors
    /// The database.
    pub async fn is_guarded(
        &self,
        engine: &TwoFactor,
        user: &User,
    ) -> Result<bool, TwoFactorError> {
        let guards = [FactorState::Active, FactorState::Disabled];
        let factors = engine.factors(&user.subject).await?;
        let guarded = factors.iter().any(|factor| guards.contains(&factor.state));
        Ok(user.needs_factor || guarded)
    }

    /// Confirms a factor, from when on the account needs one. First the requirement: an account
    /// whose factor counts never does without, whenever the process dies.
    ///
    /// # Errors
    /// The engine's, or the database.
    pub async fn confirm(
        &self,
        engine: &TwoFactor,
        user: &User,
        attempt: &Attempt<'_>,
        first: &Response<'_>,
    ) -> Result<Proof, TwoFactorError> {
        self.set_needs_factor(user, true).await?;
        let confirmed = engine.confirm(attempt, first).await;
        if confirmed.is_err() {
            let guarded = self.is_guarded(engine, user).await?;
            self.set_needs_factor(user, guarded).await?;
        }
        confirmed
    }

    async fn set_needs_factor(&self, user: &User, needs: bool) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE users SET needs_factor = ? WHERE id = ?");
        let update = update.bind(needs).bind(user.subject.id());
        let updated = update.execute(&self.0).await;
        updated.map_err(StoreError::unavailable).map(drop)
    }
}

impl User {
    /// What links and sessions are bound to: a new password ends them all.
    #[must_use]
    pub fn binding(&self) -> Binding<'_> {
        Binding::subject(&self.subject).epoch(self.epoch)
    }

    /// Sets a password, and says whether it did: not if another one was set since this row was
    /// read, as by a second link that is redeemed at the same time.
    ///
    /// # Errors
    /// The database.
    pub async fn set_password(
        &self,
        to: impl SqliteExecutor<'_>,
        hash: String,
    ) -> Result<bool, StoreError> {
        let epoch = i64::try_from(self.epoch).map_err(StoreError::unavailable)?;
        let update = "UPDATE users SET password = ?, epoch = epoch + 1 WHERE id = ? AND epoch = ?";
        let update = sqlx::query(update).bind(hash).bind(self.subject.id());
        let updated = update.bind(epoch).execute(to).await;
        Ok(updated.map_err(StoreError::unavailable)?.rows_affected() == 1)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("User");
        shown
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Standing for Users {
    async fn binding(&self, owner: &Subject) -> Result<Option<OwnedBinding>, BoxError> {
        let user = self.of(owner).await?;
        Ok(user.map(|user| user.binding().into_owned()))
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidDestination;

    fn try_from(typed: String) -> Result<Self, InvalidDestination> {
        Destination::email(typed.trim().to_lowercase()).map(Self)
    }
}

impl TryFrom<String> for NewPassword {
    type Error = &'static str;

    fn try_from(typed: String) -> Result<Self, &'static str> {
        match typed.chars().count() {
            15.. => Ok(Self(typed)), // NIST SP 800-63B-4 section 3.1.1.2: where it may stand alone
            _ => Err("a password has at least 15 characters"),
        }
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword")
    }
}

/// The hash to store.
///
/// # Errors
/// The hash.
pub async fn hash(password: NewPassword) -> Result<String, StoreError> {
    hash_of(password.0).await
}

async fn hash_of(password: String) -> Result<String, StoreError> {
    let hash = work(move || Argon2::default().hash_password(password.as_bytes())).await?;
    Ok(hash.map_err(StoreError::unavailable)?.to_string())
}

/// Whether it is the password of this account. Without an account it is not, which takes as long.
///
/// # Errors
/// The hash.
pub async fn is_right(password: String, user: Option<&User>) -> Result<bool, StoreError> {
    let Some(stored) = user.map(|user| user.password.clone()) else {
        return hash_of(password).await.map(|_| false);
    };
    let verified = work(move || {
        let stored = PasswordHash::new(&stored)?;
        Argon2::default().verify_password(password.as_bytes(), &stored)
    });
    Ok(verified.await?.is_ok())
}

/// Each hash takes 19 MiB, and a core for some milliseconds: two at a time.
static HASHING: Semaphore = Semaphore::const_new(2);

async fn work<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let turn = HASHING.acquire().await.map_err(StoreError::unavailable)?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(StoreError::unavailable)
}

/// What an owner is told about their account.
const NEWS: Purpose = Purpose::new("account-news");

/// The words of it.
#[must_use]
pub fn news() -> Template {
    let words = "{at}: {what}. If it was not you, choose a new password, and write to us.";
    Template::notice(&NEWS, "News about your account", words)
}

/// Tells an owner.
pub async fn tell(mail: &impl Delivery, owner: &Destination, news: News, at: DateTime<Utc>) {
    let (what, from) = (news.words().into(), None);
    let notice = Notice { what, at, from };
    let message = Message::notice(&NEWS, owner, &notice, None);
    if let Err(fault) = mail.deliver(&message).await {
        eprintln!("an owner was not told: {fault}");
    }
}

/// Whether a browser posts this for a page of another site. The cookies are sent over TLS alone,
/// and there each browser names the site; a client that is none has no cookies but its own.
#[must_use]
pub fn is_foreign(sec_fetch_site: Option<&[u8]>) -> bool {
    matches!(sec_fetch_site, Some(b"cross-site" | b"same-site"))
}

/// Posts of one network: thirty at once, then one in two seconds. Nobody is locked out.
const PACE: Limit = Limit::pace(30, TimeDelta::seconds(2));

/// Spends one of a network's posts.
///
/// # Errors
/// [`TokensError::Throttled`], or the database.
pub async fn paced<S: TokenStore + ?Sized>(
    tokens: &Tokens<S>,
    peer: IpAddr,
) -> Result<(), TokensError> {
    let network = Subject::new("", counted_network(peer));
    let network = network.map_err(|_| TokensError::Misuse("a network is a subject"))?;
    let binding = Binding::subject(&network);
    let key = LimitKey::new(LimitScope::Application, "posts", &binding);
    let spent = tokens
        .limit_store()
        .spend(&[Charge { key, limit: PACE }], tokens.now())
        .await;
    match spent.map_err(TokensError::Unavailable)? {
        Spent::Allowed => Ok(()),
        Spent::RetryAt(_, at) => Err(TokensError::Throttled {
            retry_at: Some(at),
            retry_after: None,
        }),
        _ => Err(TokensError::Misuse("a pace locks nobody out")),
    }
}

/// Removes what is dead, for as long as the application runs.
pub async fn upkeep<S: TokenStore + ?Sized>(tokens: &Tokens<S>, engine: &TwoFactor) {
    let mut clock = tokio::time::interval(Duration::from_secs(300));
    loop {
        clock.tick().await;
        // An outage is an event, and the next round tries again.
        let _ = tokens.sweep().await;
        let _ = Upkeep::new(engine).purge_factors(500).await;
    }
}
// ANCHOR_END: users
