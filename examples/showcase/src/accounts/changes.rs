//! Changes of an account's address, and their undoing.

use sqlx::SqlitePool;
use twofa_providers::{
    Address, SignInId,
    token_store::ott_core::{
        Destination,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

use super::{Account, Accounts, folded};
use crate::error::AppError;

/// How long a change can be undone: a day more than the link for it lives.
const UNDO_WITHIN: TimeDelta = TimeDelta::days(8);

/// The table of changes: the address before each, and the sign-in that made it.
pub(super) async fn create_table(pool: &SqlitePool) -> Result<(), AppError> {
    let table = "CREATE TABLE IF NOT EXISTS address_changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, flow BLOB NOT NULL,
        old TEXT NOT NULL, folded TEXT NOT NULL, at INTEGER NOT NULL)";
    sqlx::query(table).execute(pool).await?;
    Ok(())
}

/// Changes after this second can be undone.
pub(super) fn since(now: DateTime<Utc>) -> i64 {
    now.timestamp().saturating_sub(UNDO_WITHIN.num_seconds())
}

/// An address that was confirmed.
pub(crate) struct Confirmed {
    /// The account as it is now.
    pub(crate) account: Account,
    /// The address that was replaced by another one.
    pub(crate) old: Option<Destination>,
}

impl Accounts {
    /// Makes an address that was just verified the account's, or says that another account has it, or
    /// may get it back. Another address raises the epoch.
    pub(crate) async fn confirm_address(
        &self,
        account: &Account,
        email: &Destination,
        flow: Option<&SignInId>,
        now: DateTime<Utc>,
    ) -> Result<Option<Confirmed>, AppError> {
        let (id, since) = (account.subject.id(), since(now));
        let mut all = self.pool.begin().await?;
        let keep = "INSERT INTO address_changes (account, flow, old, folded, at)
            SELECT id, ?, email, folded, ? FROM accounts WHERE id = ? AND email <> ?
            RETURNING old";
        let keep = sqlx::query_as(keep)
            .bind(flow.map(SignInId::as_bytes).unwrap_or_default())
            .bind(now.timestamp())
            .bind(id)
            .bind(email.address());
        let old: Option<(String,)> = keep.fetch_optional(&mut *all).await?;
        let change =
            "UPDATE OR IGNORE accounts SET email = ?1, folded = ?5, epoch = epoch + (email <> ?1)
            WHERE id = ?2 AND epoch = ?3 AND NOT EXISTS (
                SELECT 1 FROM address_changes WHERE folded = ?5 AND account <> ?2 AND at > ?4)";
        let change = sqlx::query(change)
            .bind(email.address())
            .bind(id)
            .bind(i64::try_from(account.epoch).unwrap_or(i64::MAX))
            .bind(since)
            .bind(folded(email));
        if change.execute(&mut *all).await?.rows_affected() != 1 {
            return Ok(None);
        }
        all.commit().await?;
        let account = self.by_id(id).await?.ok_or(AppError::NotFound)?;
        let old = old.map(|(old,)| Destination::email(old)).transpose();
        let old = old.map_err(AppError::unavailable)?;
        Ok(Some(Confirmed { account, old }))
    }

    /// The address of an account with since when it is that, and those that it replaced.
    pub(crate) async fn addresses(&self, id: &str) -> Result<Vec<Address>, AppError> {
        let changes = "SELECT old, at FROM address_changes WHERE account = ? ORDER BY id";
        let changes: Vec<(String, i64)> = sqlx::query_as(changes)
            .bind(id)
            .fetch_all(&self.pool)
            .await?;
        let mut since = None;
        let mut addresses = Vec::new();
        for (old, at) in changes {
            let old = Destination::email(old).map_err(AppError::unavailable)?;
            let at = DateTime::from_timestamp(at, 0).unwrap_or_default();
            addresses.push(began(old, since).until(at));
            since = Some(at);
        }
        let account = self.by_id(id).await?;
        addresses.extend(account.map(|account| began(account.email, since)));
        Ok(addresses)
    }

    /// Gives an account the address back that it had before this sign-in changed it, and says whether
    /// it did. It raises the epoch, and no later change can be undone any more: whoever made one
    /// may read what was written to the address in between.
    pub(crate) async fn restore_address(
        &self,
        id: &str,
        flow: &SignInId,
        now: DateTime<Utc>,
    ) -> Result<bool, AppError> {
        let mut all = self.pool.begin().await?;
        let old = sqlx::query("DELETE FROM address_changes WHERE at <= ?").bind(since(now));
        old.execute(&mut *all).await?;
        let first = "SELECT id, old, folded FROM address_changes WHERE account = ? AND flow = ?
            ORDER BY id LIMIT 1";
        let first = sqlx::query_as(first).bind(id).bind(flow.as_bytes());
        let first: Option<(i64, String, String)> = first.fetch_optional(&mut *all).await?;
        let Some((change, old, folded)) = first else {
            return Ok(false);
        };
        let restore = "UPDATE OR IGNORE accounts SET email = ?, folded = ?, epoch = epoch + 1
            WHERE id = ?";
        let restore = sqlx::query(restore).bind(&old).bind(&folded).bind(id);
        if restore.execute(&mut *all).await?.rows_affected() != 1 {
            return Ok(false);
        }
        let undone = "DELETE FROM address_changes WHERE account = ? AND id >= ?";
        let undone = sqlx::query(undone).bind(id).bind(change);
        undone.execute(&mut *all).await?;
        all.commit().await?;
        Ok(true)
    }
}

/// An address of an account since this change, or from its beginning.
fn began(address: Destination, since: Option<DateTime<Utc>>) -> Address {
    let address = Address::new(address);
    match since {
        None => address,
        Some(at) => address.since(at),
    }
}
