//! Verifying an e-mail address: a code that is good for this account and this address alone.
//!
//! `token-store-sqlx = "0.1"`, `token-delivery = { version = "0.1", features = ["smtp"] }`.

use token_delivery::{Delivery, Message};
use token_store_sqlx::token_store::ott_core::{Binding, Destination, Handle, Policy, Purpose};
use token_store_sqlx::token_store::{Tokens, TokensError, ott_core::Subject};
use token_store_sqlx::{SqliteStore, sqlx};

use crate::Fault;

/// Anybody can start it, so the code is of eight consonants and not of six digits.
pub const VERIFY: Policy = Policy::readable(Purpose::new("verify-email"));

/// Sends a code. Keep the handle in the session: a code without its handle is worth nothing.
pub async fn send(
    tokens: &Tokens<SqliteStore>,
    delivery: &dyn Delivery,
    account: &Subject,
    email: &Destination,
) -> Result<Handle, Fault> {
    let binding = Binding::subject(account).destination(email);
    let issued = tokens.issue(&VERIFY, &binding).await?;
    let message = Message::new(VERIFY.purpose(), email, &issued.token);
    delivery.deliver(&message).await?;
    Ok(issued.handle)
}

/// Takes the code that the person typed. The address comes from the account, not from the form: a
/// code that went to another address is refused.
pub async fn confirm(
    tokens: &Tokens<SqliteStore>,
    account: &Subject,
    email: &Destination,
    handle: &Handle,
    typed: &str,
) -> Result<bool, Fault> {
    let binding = Binding::subject(account).destination(email);
    let opened = tokens.redeem_in_transaction(&VERIFY, handle, &binding, typed);
    let (mut transaction, record) = match opened.await {
        Ok(opened) => opened,
        Err(TokensError::Rejected(_)) => return Ok(false), // counted: five tries a code
        Err(other) => return Err(other.into()),
    };
    sqlx::query("UPDATE users SET verified_at = ? WHERE id = ? AND email = ?")
        .bind(record.stored().used_at.map(|time| time.timestamp()))
        .bind(account.id())
        .bind(email.address())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(true)
}
