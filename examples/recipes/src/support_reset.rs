//! Support resets the account of a person who lost everything that proves who they are.
//!
//! `twofa-providers = "0.1"`, `token-store-sqlx = "0.1"`.

use token_store_sqlx::token_store::{Revoke, Tokens, ott_core::Subject};
use token_store_sqlx::{SqliteStore, sqlx};
use twofa_providers::{Operator, Reset, ResetReason, TwoFactor};

use crate::Fault;

/// What a page for staff does, behind their own second factor and after they made sure who asks: by
/// an identity card, by the contract, by somebody who knows the person; never by what was lost.
///
/// Two people are better than one: see approvals by several (`Prompts::quorum`).
pub async fn reset(
    tokens: &Tokens<SqliteStore>,
    engine: &TwoFactor,
    staff: &str,
    person: &Subject,
) -> Result<Reset, Fault> {
    let pool = tokens.store().pool();
    // First: nobody signs in with the password alone. The account still needs a second factor,
    // which is a column of its own, and enrols one at the next sign-in.
    sqlx::query("UPDATE users SET epoch = epoch + 1, must_enrol = 1 WHERE id = ?")
        .bind(person.id())
        .execute(pool)
        .await?;
    // Every session and link of the person ends.
    tokens.revoke(&Revoke::subject(person)).await?;
    // Factors, recovery codes, known and trusted devices, limits. The owner is told at every
    // verified address, and the event says why.
    let operator = Operator::new(engine);
    let done = operator.reset(person, ResetReason::Lost).await?;
    sqlx::query("INSERT INTO support_log (staff, person, factors) VALUES (?, ?, ?)")
        .bind(staff)
        .bind(person.id())
        .bind(i64::try_from(done.factors)?)
        .execute(pool)
        .await?;
    Ok(done)
}
