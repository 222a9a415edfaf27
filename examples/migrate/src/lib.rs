//! Backup codes that another system made and keeps as bcrypt hashes: the other file of `docs/migrating.md`.

use async_trait::async_trait;
use token_store_sqlx::sqlx::{self, SqlitePool};
use twofa_providers::{
    Claim, Context, Descriptor, Kind, Odds, Provider, ProviderError, Response, VerifyError,
    token_store::ott_core::{Reason, Rejected},
};

/// Takes the codes of the old table `backup_codes (user_id, hash)`, each once, until none is left.
#[derive(Debug)]
pub struct OldCodes {
    descriptor: Descriptor,
    pool: SqlitePool,
}

impl OldCodes {
    /// Over the table in this database. The codes had ten hexadecimal digits, and eight for each user.
    #[must_use]
    pub fn new(pool: &SqlitePool) -> Self {
        let odds = Odds {
            code_space: 1 << 40,
            valid: 8,
        };
        let words = ("Backup code", "One of the codes that you saved");
        let about = Descriptor::new(Kind::UserToken, "old-codes", words.0, words.1, odds);
        Self {
            descriptor: about.of_subject(),
            pool: pool.clone(),
        }
    }
}

#[async_trait]
impl Provider for OldCodes {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, _: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        let code = response.one()?;
        let digits = code.len() == 10 && code.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(digits.then_some(()).ok_or(Reason::Malformed)?)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let code = response.one()?.to_owned();
        let failed = |error: sqlx::Error| ProviderError::Unavailable(error.into());
        let hashes = sqlx::query_scalar("SELECT hash FROM backup_codes WHERE user_id = ?");
        let hashes = hashes.bind(context.subject().id()).fetch_all(&self.pool);
        let hashes: Vec<String> = hashes.await.map_err(failed)?;
        // Slow on purpose, so not on a thread that serves others.
        let right = move || {
            hashes
                .into_iter()
                .find(|hash| bcrypt::verify(&code, hash).unwrap_or(false))
        };
        let right = tokio::task::spawn_blocking(right).await;
        let right = right.map_err(|error| ProviderError::Unavailable(error.into()))?;
        let hash = right.ok_or(Reason::Mismatch)?;
        let pool = self.pool.clone();
        Ok(Claim::elsewhere(async move {
            let gone = sqlx::query("DELETE FROM backup_codes WHERE hash = ?").bind(hash);
            let gone = gone.execute(&pool).await.map_err(failed)?;
            let once = (gone.rows_affected() == 1).then_some(());
            Ok(once.ok_or(Rejected::new(Reason::Spent))?)
        }))
    }
}
