//! The engine that the application will run, over the new tables.

use core::error::Error;
use std::{path::Path, sync::Arc};

use sqlx::SqlitePool;
use token_store_sqlx::SqliteStore;
use twofa_providers::{
    TotpProvider, TwoFactor,
    token_store::{Clock, Tokens, key_file},
};

use crate::OldCodes;

/// The engine, with the provider of apps and that of the old codes.
///
/// # Errors
/// The store, the keys or the settings.
pub async fn engine(
    pool: &SqlitePool,
    keys: impl AsRef<Path>,
    clock: Arc<dyn Clock>,
) -> Result<TwoFactor, Box<dyn Error>> {
    let store = SqliteStore::new(pool.clone()).await?;
    let tokens = Tokens::builder(key_file::read_or_create(keys)?, store.clone())
        .clock(clock)
        .build()?
        .shared();
    Ok(TwoFactor::builder(tokens, Arc::new(store))
        .provider(TotpProvider::new("Example")?)
        .provider(OldCodes::new(pool))
        .build()?)
}
