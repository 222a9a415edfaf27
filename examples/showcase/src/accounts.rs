//! The application's own part: people and their passwords.

mod changes;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use sqlx::SqlitePool;
use twofa_providers::token_store::ott_core::{
    Destination, Format, Subject, Token,
    chrono::{DateTime, Utc},
    rand::rngs::SysRng,
};

use crate::error::AppError;

/// A person.
pub(crate) struct Account {
    pub(crate) subject: Subject,
    pub(crate) email: Destination,
    /// Raised when a second step is removed or the address changes: every outstanding token dies with
    /// it.
    pub(crate) epoch: u64,
}

/// The table of people.
#[derive(Clone)]
pub(crate) struct Accounts {
    pool: SqlitePool,
    /// Verified against when nobody has the address, so that the answer takes as long.
    decoy: String,
}

impl Accounts {
    pub(crate) async fn open(pool: SqlitePool) -> Result<Self, AppError> {
        let table = "CREATE TABLE IF NOT EXISTS accounts (
            id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, password TEXT NOT NULL, epoch INTEGER NOT NULL)";
        sqlx::query(table).execute(&pool).await?;
        let table = "CREATE TABLE IF NOT EXISTS verified_addresses (
            account TEXT PRIMARY KEY, email TEXT NOT NULL)";
        sqlx::query(table).execute(&pool).await?;
        changes::create_table(&pool).await?;
        Ok(Self {
            pool,
            decoy: hash("no account has this password".into()).await?,
        })
    }

    /// Creates an account, or says that the address has one.
    pub(crate) async fn create(
        &self,
        email: &Destination,
        password: String,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, AppError> {
        let id = Token::try_generate_from_rng(&Format::alphanumeric(22), &mut SysRng)
            .map_err(AppError::unavailable)?;
        let hash = hash(password).await?;
        // An address that may be put back is not to be taken meanwhile.
        let insert = "INSERT INTO accounts (id, email, password, epoch) SELECT ?1, ?2, ?3, 0
            WHERE NOT EXISTS (SELECT 1 FROM address_changes WHERE old = ?2 AND at > ?4)
            ON CONFLICT DO NOTHING";
        let insert = sqlx::query(insert)
            .bind(id.expose_secret())
            .bind(email.address())
            .bind(hash)
            .bind(changes::since(now));
        let created = insert.execute(&self.pool).await?.rows_affected() == 1;
        if created {
            self.by_id(id.expose_secret()).await
        } else {
            Ok(None)
        }
    }

    /// The account with this address and password.
    pub(crate) async fn authenticate(
        &self,
        email: &str,
        password: String,
    ) -> Result<Option<Account>, AppError> {
        let find = "SELECT id, password FROM accounts WHERE email = ?";
        let row: Option<(String, String)> = sqlx::query_as(find)
            .bind(email)
            .fetch_optional(&self.pool)
            .await?;
        let known = row.is_some();
        let (id, stored) = row.unwrap_or_else(|| (String::new(), self.decoy.clone()));
        let right = tokio::task::spawn_blocking(move || {
            let parsed = PasswordHash::new(&stored);
            parsed.is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            })
        });
        if right.await.map_err(AppError::unavailable)? && known {
            self.by_id(&id).await
        } else {
            Ok(None)
        }
    }

    /// Voids every token that was bound to the epoch until now.
    pub(crate) async fn raise_epoch(&self, account: &Account) -> Result<Account, AppError> {
        let raise = "UPDATE accounts SET epoch = epoch + 1 WHERE id = ?";
        let id = account.subject.id();
        sqlx::query(raise).bind(id).execute(&self.pool).await?;
        self.by_id(id).await?.ok_or(AppError::NotFound)
    }

    /// The address at which the owner read a code, if there was one.
    pub(crate) async fn verified_address(&self, id: &str) -> Result<Option<Destination>, AppError> {
        let find = "SELECT email FROM verified_addresses WHERE account = ?";
        let row: Option<(String,)> = sqlx::query_as(find)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        let email = row.map(|(email,)| Destination::email(email)).transpose();
        email.map_err(AppError::unavailable)
    }

    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<Account>, AppError> {
        let find = "SELECT email, epoch FROM accounts WHERE id = ?";
        let row: Option<(String, i64)> = sqlx::query_as(find)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        let Some((email, epoch)) = row else {
            return Ok(None);
        };
        Ok(Some(Account {
            subject: Subject::new("", id).map_err(AppError::unavailable)?,
            email: Destination::email(email).map_err(AppError::unavailable)?,
            epoch: u64::try_from(epoch).unwrap_or(0),
        }))
    }
}

/// Hashes on a thread of its own: it takes tens of milliseconds on purpose.
async fn hash(password: String) -> Result<String, AppError> {
    let hashing = tokio::task::spawn_blocking(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
    });
    hashing
        .await
        .map_err(AppError::unavailable)?
        .map_err(AppError::unavailable)
}
