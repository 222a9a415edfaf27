//! One pass over the old table.

use core::error::Error;

use sqlx::SqlitePool;
use twofa_providers::{
    Existing, Import, Imported, TwoFactor,
    oath_otp::{Secret, Totp},
    token_store::ott_core::Subject,
};

/// What one pass found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Factors that are new.
    pub new: u64,
    /// Factors that an earlier pass took over.
    pub there: u64,
    /// Rows whose secret cannot be read. Each was named.
    pub unreadable: u64,
}

/// Takes over every row of the old table `users (id, totp_secret, last_step)`.
///
/// # Errors
/// The database, or the engine. Run it again: what is there stays as it is.
#[expect(clippy::print_stderr, reason = "progress, for whoever runs it")]
pub async fn import_all(old: &SqlitePool, engine: &TwoFactor) -> Result<Taken, Box<dyn Error>> {
    let mut taken = Taken::default();
    let rows: Vec<(i64, String, Option<i64>)> =
        sqlx::query_as("SELECT id, totp_secret, last_step FROM users ORDER BY id")
            .fetch_all(old)
            .await?;
    for (id, base32, last_step) in rows {
        let subject = Subject::new("", id.to_string())?;
        let Ok(secret) = Secret::import_short_base32(&base32) else {
            eprintln!("user {id}: the secret is no base32");
            taken.unreadable = taken.unreadable.saturating_add(1);
            continue;
        };
        let totp = Totp::default();
        let name = id.to_string();
        let mut import = Import::new(&subject, &name, "App", Existing::Totp(&totp, &secret));
        if let Some(step) = last_step {
            import = import.last(u64::try_from(step)?);
        }
        match engine.import("totp", &import).await? {
            Imported::New(_) => taken.new = taken.new.saturating_add(1),
            Imported::There(_) => taken.there = taken.there.saturating_add(1),
        }
        if id % 1_000 == 0 {
            eprintln!("user {id}: {taken:?}");
        }
    }
    Ok(taken)
}
