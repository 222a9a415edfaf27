//! The application's own part: people and their passwords.

mod changes;
mod folded;
pub(crate) mod passwords;

use sqlx::{SqliteConnection, SqlitePool};
use twofa_providers::token_store::ott_core::{
    Destination, Format, Subject, Token,
    chrono::{DateTime, Utc},
    rand::rngs::SysRng,
};

pub(crate) use self::folded::folded;
use self::passwords::Hashed;
use crate::{
    error::AppError,
    passwords::{Lane, Passwords, Place},
};

/// A person.
pub(crate) struct Account {
    pub(crate) subject: Subject,
    /// At which they read a code, in the spelling that they gave.
    pub(crate) email: Destination,
    /// Raised when a second step is removed, or address or password change: every outstanding token dies with
    /// it.
    pub(crate) epoch: u64,
}

/// The table of people.
#[derive(Clone)]
pub(crate) struct Accounts {
    pool: SqlitePool,
    passwords: Passwords,
}

impl Accounts {
    pub(crate) async fn open(pool: SqlitePool) -> Result<Self, AppError> {
        let table = "CREATE TABLE IF NOT EXISTS accounts (
            id TEXT PRIMARY KEY, email TEXT NOT NULL, folded TEXT NOT NULL UNIQUE, password TEXT NOT NULL,
            epoch INTEGER NOT NULL)";
        sqlx::query(table).execute(&pool).await?;
        changes::create_table(&pool).await?;
        Ok(Self {
            pool,
            passwords: Passwords::new().await?,
        })
    }

    /// A place in the queue for a password.
    ///
    /// # Errors
    /// [`AppError::Busy`] where too many wait.
    pub(crate) fn enter(&self, lane: Lane) -> Result<Place, AppError> {
        self.passwords.enter(lane)
    }

    /// Creates an account for an address at which its owner read a code, or says that it has one.
    pub(crate) async fn create(
        &self,
        connection: &mut SqliteConnection,
        email: &Destination,
        password: &Hashed,
        now: DateTime<Utc>,
    ) -> Result<Option<Subject>, AppError> {
        let id = Token::try_generate_from_rng(&Format::alphanumeric(22), &mut SysRng)
            .map_err(AppError::unavailable)?;
        // An address that may be put back is not to be taken meanwhile.
        let insert =
            "INSERT INTO accounts (id, email, folded, password, epoch) SELECT ?1, ?2, ?3, ?4, 0
            WHERE NOT EXISTS (SELECT 1 FROM address_changes WHERE folded = ?3 AND at > ?5)
            ON CONFLICT DO NOTHING";
        let insert = sqlx::query(insert)
            .bind(id.expose_secret())
            .bind(email.address())
            .bind(folded(email))
            .bind(password.as_str())
            .bind(changes::since(now));
        let created = insert.execute(connection).await?.rows_affected() == 1;
        let subject = Subject::new("", id.expose_secret()).map_err(AppError::unavailable)?;
        Ok(created.then_some(subject))
    }

    /// Who has this address, or may get it back, in the spelling that they confirmed.
    pub(crate) async fn holder(
        &self,
        email: &Destination,
        now: DateTime<Utc>,
    ) -> Result<Option<Destination>, AppError> {
        let find = "SELECT email FROM accounts WHERE folded = ?1
            UNION ALL SELECT old FROM address_changes WHERE folded = ?1 AND at > ?2 LIMIT 1";
        let find = sqlx::query_scalar(find)
            .bind(folded(email))
            .bind(changes::since(now));
        let held: Option<String> = find.fetch_optional(&self.pool).await?;
        let held = held.map(Destination::email).transpose();
        held.map_err(AppError::unavailable)
    }

    /// The account with this address and password.
    pub(crate) async fn authenticate(
        &self,
        place: Place,
        email: &Destination,
        password: String,
    ) -> Result<Option<Account>, AppError> {
        let find = "SELECT id, password FROM accounts WHERE folded = ?";
        let row: Option<(String, String)> = sqlx::query_as(find)
            .bind(folded(email))
            .fetch_optional(&self.pool)
            .await?;
        let (id, stored) = row.unzip();
        let right = place.verify(password, stored.clone()).await?;
        let (Some(id), true) = (id, right) else {
            return Ok(None);
        };
        // Whoever is told of an account has its epoch from here on. A hash is waited for, and so the epoch is read
        // before it is looked whether the password is still that one.
        let account = self.by_id(&id).await?;
        let find = "SELECT password FROM accounts WHERE id = ?";
        let now = sqlx::query_scalar(find)
            .bind(&id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(account.filter(|_| now == stored))
    }

    /// The account with this address.
    pub(crate) async fn by_email(&self, email: &Destination) -> Result<Option<Account>, AppError> {
        let find = "SELECT id FROM accounts WHERE folded = ?";
        let find = sqlx::query_scalar(find).bind(folded(email));
        let id: Option<String> = find.fetch_optional(&self.pool).await?;
        match id {
            Some(id) => self.by_id(&id).await,
            None => Ok(None),
        }
    }

    /// Voids every token that was bound to the epoch until now.
    pub(crate) async fn raise_epoch(&self, account: &Account) -> Result<Account, AppError> {
        let raise = "UPDATE accounts SET epoch = epoch + 1 WHERE id = ?";
        let id = account.subject.id();
        sqlx::query(raise).bind(id).execute(&self.pool).await?;
        self.by_id(id).await?.ok_or(AppError::NotFound)
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
