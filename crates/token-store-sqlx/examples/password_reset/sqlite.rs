//! The application over SQLite.

use std::path::Path;

use token_store::{
    Claimed, Revoke, TokenStore, Tokens, TokensError,
    ott_core::{Binding, KeyRing},
};
use token_store_sqlx::{SqliteStore, sqlx};

use super::{Answer, App, Fault, RESET, SIGN_IN};

/// What the handlers share.
pub(crate) struct Sqlite {
    tokens: Tokens<SqliteStore>,
}

impl App for Sqlite {
    type Store = SqliteStore;

    fn tokens(&self) -> &Tokens<SqliteStore> {
        &self.tokens
    }

    async fn reset(&self, token: &str, password_hash: &str) -> Result<Answer, Fault> {
        let tokens = &self.tokens;
        // The account as it is now: a link from before her last change is refused.
        let mut read = None::<i64>;
        let load = async |claimed: Claimed| {
            let Some(owner) = claimed.owner() else {
                return Ok(None);
            };
            let select = sqlx::query_scalar("SELECT epoch FROM users WHERE id = ?1");
            let select = select.bind(owner.id());
            read = select.fetch_optional(tokens.store().pool()).await?;
            let Some(epoch) = read else {
                return Ok(None);
            };
            let binding = Binding::subject(&owner).epoch(u64::try_from(epoch)?);
            Ok(Some(binding.into_owned()))
        };
        let opened = tokens.redeem_by_itself_in_transaction(&RESET, "", token, load);
        let (mut transaction, record) = match opened.await {
            Ok(opened) => opened,
            Err(TokensError::Rejected(_)) => return Ok(Answer::Refused),
            Err(outage) => return Err(outage.into()), // 503
        };
        // Whatever fails from here on, `transaction` is dropped, which rolls it back.
        let owner = record.stored().owner().ok_or("a link has an owner")?;
        // Of two links at once, the second one finds another epoch than it was held against.
        let update =
            "UPDATE users SET password = ?1, epoch = epoch + 1 WHERE id = ?2 AND epoch = ?3";
        let update = sqlx::query(update).bind(password_hash).bind(owner.id());
        let updated = update.bind(read).execute(&mut *transaction).await?;
        if updated.rows_affected() == 0 {
            return Ok(Answer::Refused);
        }
        // Her other tokens end with the old password.
        let store = tokens.store().on(&mut transaction);
        store.revoke(&Revoke::subject(&owner)).await?;
        // Others write again only after this: SQLite has one writer.
        transaction.commit().await?;
        Ok(Answer::Changed)
    }

    async fn account(&self) -> Result<(String, i64), Fault> {
        let select = sqlx::query_as("SELECT password, epoch FROM users");
        Ok(select.fetch_one(self.tokens.store().pool()).await?)
    }
}

impl Sqlite {
    pub(crate) async fn open(file: &Path) -> Result<Self, Fault> {
        let store = SqliteStore::open(file).await?;
        let users = "CREATE TABLE users (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, \
                       password TEXT NOT NULL CHECK (password <> '')) STRICT; \
                     INSERT INTO users VALUES ('4711', 0, 'old')";
        sqlx::raw_sql(users).execute(store.pool()).await?;
        let tokens = Tokens::builder(KeyRing::generate()?, store)
            .policy(&RESET)
            .policy(&SIGN_IN)
            .build()?;
        Ok(Self { tokens })
    }
}
