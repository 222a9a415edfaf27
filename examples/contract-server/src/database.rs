//! Where tokens, factors, limits and documents are kept.

use core::str::FromStr as _;
use std::{path::Path, sync::Arc};

use sqlx::{
    AnyPool,
    any::{AnyPoolOptions, install_default_drivers},
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use token_store_sqlx::{PostgresStore, SqliteStore};
use twofa_providers::token_store::{
    Clock, FactorStore, Tokens,
    ott_core::{KeyRing, Limit, Policy},
};

use crate::{Fault, Store};

/// SQLite or PostgreSQL, opened.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) store: Store,
    /// For the documents.
    pub(crate) any: AnyPool,
}

impl Database {
    /// Opens the database of this address, or the file. Commits are on the disk before they are answered.
    ///
    /// # Errors
    /// An address of another kind, or what the driver says.
    pub(crate) async fn open(url: Option<&str>, file: &Path) -> Result<Self, Fault> {
        install_default_drivers();
        let any = |url: String| async move {
            let pool = AnyPoolOptions::new().max_connections(4);
            pool.connect(&url).await
        };
        match url {
            Some(url) if url.starts_with("postgres:") || url.starts_with("postgresql:") => {
                let (options, pool) = (PgConnectOptions::from_str(url)?, any(url.into()).await?);
                // The store names its schema; the documents' table stands where the address leads to.
                let schema =
                    sqlx::query_scalar::<_, Option<String>>("SELECT current_schema()::text");
                let schema = schema.fetch_one(&pool).await?;
                let schema = schema.ok_or("--database leads to no schema: set its search_path")?;
                let store = PostgresStore::builder().schema(schema);
                let store = Store::Postgres(store.connect(options).await?);
                Ok(Self { store, any: pool })
            }
            Some(url) if !url.starts_with("sqlite:") => Err(
                "--database takes sqlite:… or postgres://…: accounts do not fit into another store"
                    .into(),
            ),
            Some(url) if url.contains(":memory:") => {
                Err("--database takes no database that is lost with the process".into())
            }
            url => {
                // As an address: what means something in one is escaped.
                let own = file.display().to_string();
                let own = own
                    .replace('%', "%25")
                    .replace('?', "%3F")
                    .replace('#', "%23");
                let own = format!("sqlite://{own}");
                let url = url.unwrap_or(&own);
                let options = SqliteConnectOptions::from_str(url)?
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full);
                private_file(options.get_filename())?;
                let pool = SqlitePoolOptions::new().max_connections(8);
                let store = SqliteStore::new(pool.connect_with(options).await?).await?;
                let (store, any) = (Store::Sqlite(store), any(url.into()).await?);
                Ok(Self { store, any })
            }
        }
    }

    /// Tokens with these policies. The allowance comes with a guess bound above our own, by its figure.
    ///
    /// # Errors
    /// What the builder refuses.
    pub(crate) fn tokens(
        &self,
        keys: KeyRing,
        policies: &[Policy],
        (allowance, accepted): (Limit, Option<u64>),
        clock: Arc<dyn Clock>,
    ) -> Result<Tokens<Store>, Fault> {
        let mut builder = Tokens::builder(keys, self.store.clone());
        for policy in policies {
            builder = builder.policy(policy);
        }
        if let Some(accepted) = accepted {
            builder = builder.accepting_guess_bound(accepted);
        }
        Ok(builder.allowance(allowance).clock(clock).build()?)
    }

    pub(crate) fn factors(&self) -> Arc<dyn FactorStore> {
        match &self.store {
            Store::Postgres(store) => Arc::new(store.clone()),
            Store::Sqlite(store) => Arc::new(store.clone()),
        }
    }
}

/// SQLite gives the files beside it (`-wal`, `-shm`) the same mode.
fn private_file(path: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new();
    let made = file.write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(format!("{}: {error}", path.display()).into())
        }
        Err(_) => {
            // It was there: what others may do with it is taken from them.
            use std::os::unix::fs::PermissionsExt as _;
            let private = std::fs::Permissions::from_mode(0o600);
            let set = std::fs::set_permissions(path, private);
            set.map_err(|error| format!("{}: {error}", path.display()).into())
        }
        Ok(_) => Ok(()),
    }
}
