//! Takes over the secrets of `users (id, totp_secret, last_step)`: `migrate DATABASE KEYS`.

#![expect(clippy::arithmetic_side_effects, reason = "it counts rows")]
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a report")]

use core::error::Error;
use std::{env, sync::Arc};

use migrate::OldCodes;
use token_store_sqlx::{SqliteStore, sqlx};
use twofa_providers::{
    Existing, Import, Imported, TotpProvider, TwoFactor,
    oath_otp::{Secret, Totp},
    token_store::{Tokens, key_file, ott_core::Subject},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(database), Some(keys)) = (args.next(), args.next()) else {
        return Err("migrate DATABASE KEYS".into());
    };
    let store = SqliteStore::open(database).await?;
    let pool = store.pool().clone();
    let ring = key_file::read_or_create(keys)?;
    let tokens = Tokens::builder(ring, store.clone()).build()?.shared();
    let engine = TwoFactor::builder(tokens, Arc::new(store))
        .provider(TotpProvider::new("Example")?)
        .provider(OldCodes::new(&pool))
        .build()?;

    let totp = Totp::default(); // SHA-1, 6 digits, 30 seconds: what the old system had
    let (mut new, mut there, mut unreadable) = (0, 0, 0);
    let rows = sqlx::query_as("SELECT id, totp_secret, last_step FROM users ORDER BY id");
    let rows: Vec<(i64, String, Option<i64>)> = rows.fetch_all(&pool).await?;
    for (id, base32, last_step) in rows {
        let name = id.to_string();
        let subject = Subject::new("", &*name)?;
        let Ok(secret) = Secret::import_short_base32(&base32) else {
            eprintln!("user {id}: the secret is no base32");
            unreadable += 1;
            continue;
        };
        let mut import = Import::new(&subject, &name, "App", Existing::Totp(&totp, &secret));
        if let Some(step) = last_step {
            import = import.last(u64::try_from(step)?); // its code is used up
        }
        match engine.import("totp", &import).await? {
            Imported::New(_) => new += 1,
            Imported::There(_) => there += 1,
        }
    }
    println!("{new} new, {there} there, {unreadable} unreadable");
    Ok(())
}
