//! Accounts of `otp-vault` in the SQL database that the application already runs: SQLite or PostgreSQL.
//!
//! ```
//! use std::sync::Arc;
//! use otp_vault_sqlx::{SqlVaultStore, otp_vault::{KeyRing, read_uri, store::{Draft, Subject, Vaults}}, sqlx::SqlitePool};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}/vault.db?mode=rwc", folder.path().display());
//! let store = SqlVaultStore::sqlite(SqlitePool::connect(&url).await?).await?;
//! let vaults = Vaults::new(Arc::new(store), KeyRing::generate()?);
//! let alice = Subject::new("", "4711")?;
//! let entry = read_uri("otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXP&issuer=Example")?;
//! vaults.add(&alice, None, &[Draft::new(entry)]).await?;
//! assert_eq!(vaults.list(&alice).await?[0].kept.entry.issuer, "Example");
//! # Ok(()) }
//! ```
//!
//! # What it guarantees
//!
//! * Both databases keep all laws of [`VaultStore`](otp_vault::store::VaultStore) (`tests/laws.rs`).
//! * Writes of one owner come one after the other; those of several stand in nobody's way in PostgreSQL. SQLite has one
//!   writer.
//! * No row and no file holds an issuer, account, secret, note, icon or URI that can be searched for.
//!
//! # What it does not
//!
//! * Durability is the pool's: for SQLite, WAL mode with `synchronous=FULL` is what survives a power cut.
//! * It shares no transaction with the application.
//!
//! # Tables
//!
//! `vault_owners`, `vault_groups`, `vault_accounts`; what was applied stands in `_otp_vault_migrations`.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `sqlite` (default) | `SqlVaultStore::sqlite` |
//! | `postgres` | `SqlVaultStore::postgres`, for PostgreSQL 12 or newer |

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod database;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod groups;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod ids;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod store;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use database::SqlVaultStore;

pub use otp_vault;
pub use sqlx;
