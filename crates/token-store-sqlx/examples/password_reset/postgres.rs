//! The application over PostgreSQL.

use token_store::{
    Claimed, Revoke, TokenStore, Tokens, TokensError,
    ott_core::{Binding, KeyRing},
};
use token_store_sqlx::{
    PostgresStore,
    sqlx::{self, AssertSqlSafe, PgPool},
};

use super::{Answer, App, Fault, RESET, SIGN_IN};

/// What the handlers share.
pub(crate) struct Postgres {
    tokens: Tokens<PostgresStore>,
    pool: PgPool,
    schema: String,
}

impl App for Postgres {
    type Store = PostgresStore;

    fn tokens(&self) -> &Tokens<PostgresStore> {
        &self.tokens
    }

    async fn reset(&self, token: &str, password_hash: &str) -> Result<Answer, Fault> {
        // The account as it is now: a link from before her last change is refused.
        let mut read = None::<i64>;
        let load = async |claimed: Claimed| {
            let Some(owner) = claimed.owner() else {
                return Ok(None);
            };
            let select = format!("SELECT epoch FROM {}.users WHERE id = $1", self.schema);
            let select = sqlx::query_scalar(AssertSqlSafe(select)).bind(owner.id());
            read = select.fetch_optional(&self.pool).await?;
            let Some(epoch) = read else {
                return Ok(None);
            };
            let binding = Binding::subject(&owner).epoch(u64::try_from(epoch)?);
            Ok(Some(binding.into_owned()))
        };
        let tokens = &self.tokens;
        let opened = tokens.redeem_by_itself_in_transaction(&RESET, "", token, load);
        let (mut transaction, record) = match opened.await {
            Ok(opened) => opened,
            Err(TokensError::Rejected(_)) => return Ok(Answer::Refused),
            Err(outage) => return Err(outage.into()), // 503
        };
        // Whatever fails from here on, `transaction` is dropped, which rolls it back.
        let owner = record.stored().owner().ok_or("a link has an owner")?;
        // Of two links at once, the second one finds another epoch than it was held against.
        let update = format!(
            "UPDATE {}.users SET password = $1, epoch = epoch + 1 WHERE id = $2 AND epoch = $3",
            self.schema
        );
        let update = sqlx::query(AssertSqlSafe(update)).bind(password_hash);
        let update = update.bind(owner.id()).bind(read);
        if update.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(Answer::Refused);
        }
        // Her other tokens end with the old password.
        let store = tokens.store().on(&mut transaction);
        store.revoke(&Revoke::subject(&owner)).await?;
        transaction.commit().await?;
        Ok(Answer::Changed)
    }

    async fn account(&self) -> Result<(String, i64), Fault> {
        let select = format!("SELECT password, epoch FROM {}.users", self.schema);
        let select = sqlx::query_as(AssertSqlSafe(select));
        Ok(select.fetch_one(&self.pool).await?)
    }
}

impl Postgres {
    pub(crate) async fn open(url: &str, schema: &str) -> Result<Self, Fault> {
        let builder = PostgresStore::builder().schema(schema);
        let pool = builder.pool_options().connect(url).await?;
        let store = builder.pool(pool.clone()).await?;
        let users = format!(
            "CREATE TABLE {schema}.users (id text PRIMARY KEY, epoch bigint NOT NULL, \
               password text NOT NULL CHECK (password <> '')); \
             INSERT INTO {schema}.users VALUES ('4711', 0, 'old')"
        );
        sqlx::raw_sql(AssertSqlSafe(users)).execute(&pool).await?;
        let tokens = Tokens::builder(KeyRing::generate()?, store)
            .policy(&RESET)
            .policy(&SIGN_IN)
            .build()?;
        Ok(Self {
            tokens,
            pool,
            schema: schema.to_owned(),
        })
    }

    pub(crate) async fn remove(self) -> Result<(), Fault> {
        let drop = AssertSqlSafe(format!("DROP SCHEMA {} CASCADE", self.schema));
        sqlx::raw_sql(drop).execute(&self.pool).await?;
        Ok(())
    }
}
