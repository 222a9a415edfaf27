//! What every store of accounts keeps, over SQLite and PostgreSQL; and that a store which breaks a law is caught.

#![expect(clippy::indexing_slicing, reason = "what is not there fails its test")]
#![expect(clippy::unwrap_used, reason = "an error fails its test")]

#[path = "support/broken.rs"]
mod broken;
#[path = "support/laws.rs"]
mod laws;

use core::{future::Future, panic::AssertUnwindSafe};
use std::sync::Arc;

use broken::{Break, Broken};
use otp_vault_sqlx::{
    SqlVaultStore,
    sqlx::{
        AssertSqlSafe, Executor as _, PgPool, SqlitePool,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
    },
};
use tempfile::TempDir;

async fn sqlite() -> (SqlVaultStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("vault.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    let pool: SqlitePool = SqlitePoolOptions::new()
        .connect_with(options)
        .await
        .unwrap();
    (SqlVaultStore::sqlite(pool).await.unwrap(), folder)
}

/// A schema of its own, which is dropped with its connections.
async fn postgres() -> (SqlVaultStore, PgPool, String) {
    let url = std::env::var("POSTGRES_URL");
    let url = url.expect("POSTGRES_URL: run it beside scripts/with-servers");
    let admin = PgPool::connect(&url).await.unwrap();
    let name = format!("vault_{:08x}", rand::random::<u32>());
    let make = AssertSqlSafe(format!("CREATE SCHEMA {name}"));
    admin.execute(make).await.unwrap();
    let sign = if url.contains('?') { '&' } else { '?' };
    let own = format!("{url}{sign}options[search_path]={name}");
    let pool = PgPool::connect(&own).await.unwrap();
    (SqlVaultStore::postgres(pool).await.unwrap(), admin, name)
}

macro_rules! over_both {
    ($($law:ident: $words:literal,)*) => {
        mod sqlite_keeps {
            $(#[doc = $words]
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                let (store, _folder) = super::sqlite().await;
                super::laws::$law(std::sync::Arc::new(store)).await;
            })*
        }

        mod postgres_keeps {
            $(#[doc = $words]
            #[tokio::test(flavor = "multi_thread")]
            async fn $law() {
                use otp_vault_sqlx::sqlx::Executor as _;
                let (store, admin, schema) = super::postgres().await;
                super::laws::$law(std::sync::Arc::new(store)).await;
                let gone = super::AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"));
                admin.execute(gone).await.unwrap();
            })*
        }
    };
}

over_both! {
    counters_are_taken_once: "Fifty at once who ask for the counter of one account get fifty different ones.",
    counters_survive_changes: "A change that names no counter, beside reads, brings none back.",
    counters_end_at_the_last: "The last counter is taken once, and nothing comes behind it.",
    order_is_the_owners: "What is named stands in front, the rest follows as it stood.",
    groups_have_one_name_each: "A name is one group's of an owner, also of those who ask at once.",
    groups_leave_their_accounts: "A group that is removed leaves its accounts, in none.",
    owners_do_not_meet: "Nothing of another owner's is read or changed.",
    batches_are_whole: "Of ids that are the owner's and others, all of the owner's are removed, and no other.",
    changes_compare_what_was_read: "A change of what somebody else changed meanwhile is refused.",
    seals_stay_in_their_rows: "A seal in another row does not open.",
    numbers_are_given_once: "The number of an account that is gone is nobody's again.",
    versions_count_changes: "Every change of what an owner has changes their version, and nobody else's.",
}

/// Runs a law over a store that is broken so; whether the law caught it.
async fn catches<F: Future<Output = ()> + Send + 'static>(
    broken: Break,
    law: impl FnOnce(Arc<dyn otp_vault_sqlx::otp_vault::store::VaultStore>) -> F + Send + 'static,
) -> bool {
    let (store, _folder) = sqlite().await;
    let store = Arc::new(Broken::new(store, broken));
    let ran = tokio::spawn(AssertUnwindSafe(law(store)));
    ran.await.is_err()
}

/// Each law fails over a store that breaks it.
#[tokio::test(flavor = "multi_thread")]
async fn broken_stores_are_caught() {
    std::panic::set_hook(Box::new(|_| {}));
    let caught = [
        (
            "counter read, then written",
            catches(Break::CounterInTwoSteps, laws::counters_are_taken_once).await,
        ),
        (
            "counter set by a change",
            catches(Break::ChangeSetsCounter, laws::counters_survive_changes).await,
        ),
        (
            "counter without an end",
            catches(Break::CounterStarts, laws::counters_end_at_the_last).await,
        ),
        (
            "order ignored",
            catches(Break::NoOrder, laws::order_is_the_owners).await,
        ),
        (
            "names compared before",
            catches(Break::NamesTwice, laws::groups_have_one_name_each).await,
        ),
        (
            "accounts go with their group",
            catches(Break::GroupTakesAccounts, laws::groups_leave_their_accounts).await,
        ),
        (
            "owner ignored",
            catches(Break::AnyOwner, laws::owners_do_not_meet).await,
        ),
        (
            "half a batch",
            catches(Break::HalfBatch, laws::batches_are_whole).await,
        ),
        (
            "change without comparing",
            catches(Break::ChangeCompares, laws::changes_compare_what_was_read).await,
        ),
        (
            "version stands",
            catches(Break::NoVersion, laws::versions_count_changes).await,
        ),
    ];
    drop(std::panic::take_hook());
    for (what, caught) in caught {
        assert!(caught, "{what}");
    }
}
