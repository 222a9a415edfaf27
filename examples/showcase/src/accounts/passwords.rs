//! An account's password: compared, and changed.

use sqlx::SqliteConnection;

use super::{Account, Accounts};
use crate::{error::AppError, passwords::Place};

/// A password as the table keeps it: hashed, and ready to be written.
pub(crate) struct Hashed(String);

impl Hashed {
    pub(crate) async fn of(place: Place, password: String) -> Result<Self, AppError> {
        place.hash(password).await.map(Self)
    }

    /// What [`Hashed::as_bytes`] gave to a record.
    pub(crate) fn stored(bytes: &[u8]) -> Result<Self, AppError> {
        let hash = core::str::from_utf8(bytes).map_err(AppError::unavailable)?;
        Ok(Self(hash.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Accounts {
    /// Whether this is the account's password.
    pub(crate) async fn has_password(
        &self,
        place: Place,
        account: &Account,
        password: String,
    ) -> Result<bool, AppError> {
        let find = "SELECT password FROM accounts WHERE id = ?";
        let find = sqlx::query_scalar(find).bind(account.subject.id());
        let stored = find.fetch_optional(&self.pool).await?;
        place.verify(password, stored).await
    }

    /// Changes the password and raises the epoch, or says that something else raised it before.
    pub(crate) async fn set_password(
        &self,
        account: &Account,
        password: &Hashed,
    ) -> Result<Option<Account>, AppError> {
        let mut connection = self.pool.acquire().await?;
        let id = account.subject.id();
        if !set(&mut connection, id, account.epoch, password).await? {
            return Ok(None);
        }
        drop(connection);
        self.by_id(id).await
    }
}

/// The change itself, for a transaction of whoever has one.
pub(crate) async fn set(
    connection: &mut SqliteConnection,
    id: &str,
    epoch: u64,
    password: &Hashed,
) -> Result<bool, AppError> {
    let change = "UPDATE accounts SET password = ?, epoch = epoch + 1 WHERE id = ? AND epoch = ?";
    let change = sqlx::query(change)
        .bind(password.as_str())
        .bind(id)
        .bind(i64::try_from(epoch).unwrap_or(i64::MAX));
    Ok(change.execute(connection).await?.rows_affected() == 1)
}
