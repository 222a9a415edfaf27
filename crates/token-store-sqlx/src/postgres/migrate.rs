//! The tables: made, and brought up to date.

use core::time::Duration;

use sqlx::{Connection, PgConnection, Row, migrate::MigrateError};

use super::{
    connection::{ask, run},
    names::Names,
    outage::{is_lock_timeout, outage},
};
use crate::StartError;

/// What was applied stands in a table of its own, apart from the application's.
const MIGRATIONS: [(i64, &str); 1] =
    [(1, include_str!("../../migrations/postgres/0001_first.sql"))];

const MIGRATIONS_TABLE: &str = "\
CREATE TABLE {migrations} ( \
  version bigint NOT NULL PRIMARY KEY, \
  applied_at timestamptz NOT NULL DEFAULT now())";

/// Whoever migrates holds this lock: of two processes that start at once, one waits.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7815290144635907123)";

/// Whether nothing is to be made or changed.
///
/// # Errors
/// [`StartError::Migration`] for the tables of a newer version.
pub(super) async fn are_current(
    connection: &mut PgConnection,
    names: &Names,
) -> Result<bool, StartError> {
    let applied = version(connection, names)
        .await
        .map_err(|error| StartError::Store(outage(error)))?;
    let newest = MIGRATIONS.iter().map(|(version, _)| *version).max();
    if applied > newest {
        let unknown = MigrateError::VersionMissing(applied.unwrap_or_default());
        return Err(StartError::Migration(unknown));
    }
    Ok(applied == newest)
}

/// Makes the tables, and brings them up to date. A lock that somebody else holds is waited for no longer
/// than the time-out.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    names: &Names,
    timeout: Duration,
) -> Result<(), StartError> {
    let patience = timeout.as_millis().max(1);
    let told = apply(connection, names, patience).await;
    told.map_err(|error| {
        if is_lock_timeout(&error) {
            StartError::Migrating
        } else {
            StartError::Migration(MigrateError::Execute(error))
        }
    })
}

/// The newest migration that was applied.
async fn version(connection: &mut PgConnection, names: &Names) -> Result<Option<i64>, sqlx::Error> {
    let exists = format!(
        "SELECT to_regclass('{}') IS NOT NULL",
        names.table("migrations")
    );
    if !ask(connection, exists).await?.try_get::<bool, _>(0)? {
        return Ok(None);
    }
    let newest = names.fill("SELECT coalesce(max(version), 0) FROM {migrations}");
    ask(connection, newest).await?.try_get(0)
}

/// In one transaction, and for as long as the work takes; a lock that somebody else holds is waited for
/// no longer than so many milliseconds. Asks for no right that is not needed: whoever may make no tables
/// can start where somebody else has made them.
async fn apply(
    connection: &mut PgConnection,
    names: &Names,
    patience: u128,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let times = format!("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {patience}");
    run(&mut transaction, times).await?;
    run(&mut transaction, LOCK.into()).await?;
    let schema = format!(
        "SELECT count(*) FROM pg_namespace WHERE nspname = '{}'",
        names.schema
    );
    if ask(&mut transaction, schema).await?.try_get::<i64, _>(0)? == 0 {
        let create = format!("CREATE SCHEMA \"{}\"", names.schema);
        run(&mut transaction, create).await?;
    }
    let applied = version(&mut transaction, names).await?;
    if applied.is_none() {
        run(&mut transaction, names.fill(MIGRATIONS_TABLE)).await?;
    }
    for (number, text) in MIGRATIONS {
        if applied < Some(number) {
            run(&mut transaction, names.fill(text)).await?;
            let note = format!("INSERT INTO {{migrations}} (version) VALUES ({number})");
            run(&mut transaction, names.fill(&note)).await?;
        }
    }
    transaction.commit().await
}
