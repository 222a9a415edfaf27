//! Takes over the factors of the database that the first argument names.

use core::error::Error;
use std::sync::Arc;

use migrate::{engine, import_all};
use sqlx::SqlitePool;
use twofa_providers::token_store::SystemClock;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that a person starts")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(database), Some(keys)) = (args.next(), args.next()) else {
        return Err("migrate DATABASE KEYS".into());
    };
    let pool = SqlitePool::connect(&format!("sqlite:{database}")).await?;
    let engine = engine(&pool, keys, Arc::new(SystemClock)).await?;
    let taken = import_all(&pool, &engine).await?;
    println!("{taken:?}");
    Ok(())
}
