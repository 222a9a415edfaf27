//! A reset link: the token is redeemed and the password changed in one transaction.
//!
//! `token-store-sqlx = "0.1"`; the table is `users (id, email, password, epoch)`.

use crate::Fault;
use token_store_sqlx::token_store::ott_core::{Binding, Policy, Purpose, Subject, Token};
use token_store_sqlx::token_store::{Claimed, Revoke, TokenStore, Tokens, TokensError};
use token_store_sqlx::{SqliteStore, sqlx};

/// 258 bits, one hour, once. Nobody fills a mailbox: issuing has a pace too.
pub const RESET: Policy = Policy::link(Purpose::new("password-reset"));
/// What ends with it. Recovery codes and links of "this was not me" do not.
pub const SESSION: Purpose = Purpose::new("session");

/// The token for the mail. Where the address is unknown it is `None`: answer the form in the same
/// words and at once, and send from a background task, so that nothing tells who has an account.
pub async fn ask(tokens: &Tokens<SqliteStore>, email: &str) -> Result<Option<Token>, Fault> {
    let row = sqlx::query_as("SELECT id, epoch FROM users WHERE email = ?").bind(email);
    let row: Option<(String, i64)> = row.fetch_optional(tokens.store().pool()).await?;
    let Some((id, epoch)) = row else {
        return Ok(None);
    };
    let subject = Subject::new("", id)?;
    let binding = Binding::subject(&subject).epoch(epoch.try_into()?); // not after a change
    Ok(Some(tokens.issue(&RESET, &binding).await?.token))
}

/// What the page behind the link posts. `false` has one text, whatever the cause.
pub async fn reset(
    tokens: &Tokens<SqliteStore>,
    token: &str,
    password_hash: &str,
) -> Result<bool, Fault> {
    let mut read = None;
    let account = async |claimed: Claimed| {
        let owner = claimed.owner().ok_or("a reset has an owner")?;
        let row = sqlx::query_scalar("SELECT epoch FROM users WHERE id = ?").bind(owner.id());
        read = row.fetch_optional(tokens.store().pool()).await?;
        let epoch = read.map(i64::try_into).transpose()?;
        Ok(epoch.map(|epoch| Binding::subject(&owner).epoch(epoch).into_owned()))
    };
    let opened = tokens.redeem_by_itself_in_transaction(&RESET, "", token, account);
    let (mut transaction, record) = match opened.await {
        Ok(opened) => opened,
        Err(TokensError::Rejected(_)) => return Ok(false),
        Err(other) => return Err(other.into()), // `other.answer()` says 429 or 503
    };
    // If anything fails from here on, the link is unspent and the password is the old one.
    let owner = record.stored().owner().ok_or("a reset has an owner")?;
    let change = "UPDATE users SET password = ?, epoch = epoch + 1 WHERE id = ? AND epoch = ?";
    let change = sqlx::query(change).bind(password_hash).bind(owner.id());
    let changed = change.bind(read).execute(&mut *transaction).await?;
    if changed.rows_affected() == 0 {
        return Ok(false); // of two links at once, the other one was first
    }
    let store = tokens.store().on(&mut transaction);
    store.revoke(&Revoke::purpose(&owner, &SESSION)).await?;
    transaction.commit().await?;
    Ok(true)
}
