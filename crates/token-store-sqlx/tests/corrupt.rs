//! Rows that cannot be what they should be: an outage, never a panic, never a success.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, PROMPT, now};
use token_store::{
    Charge, Decided, FactorState, FactorStore, LimitStore, RedeemInTransaction, StoreError,
    TokenStore,
    ott_core::{Limit, LimitKey, LimitScope},
};
use token_store_sqlx::sqlx::{self, AssertSqlSafe};

fn is_corrupt<T: core::fmt::Debug>(what: &str, told: Result<T, StoreError>) {
    assert!(
        matches!(told, Err(StoreError::Corrupt(_))),
        "{what}: {told:?}"
    );
}

/// Edits every row of a table, as an attacker or a broken disk would.
async fn edit(fixture: &Fixture, table: &str, change: &str) {
    let update = AssertSqlSafe(format!("UPDATE {table} SET {change}"));
    let done = sqlx::query(update)
        .execute(fixture.store.pool())
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), 1, "{change}");
}

/// A token's row that cannot be is corrupt for find and for both ways to redeem.
#[tokio::test]
async fn tokens() {
    let changes = [
        "slot = x''",
        "slot = zeroblob(17)",
        "policy = zeroblob(15)",
        "binding = x''",
        "digest = zeroblob(31)",
        "tag = zeroblob(33)",
        "key = -1",
        "key = 4294967296",
        "number = 4294967296",
        "number = -1",
        "max_attempts = 65536",
        "state = 7",
        "state = -1",
        "state = 256",
        "attempts = -1",
        "attempts = 4294967296",
        "issued_at = 9223372036854775807",
        "issued_at = -9223372036854775808",
        "expires_at = 9223372036854775807",
        "purpose = cast(x'ff' AS TEXT)",
        "tenant = cast(x'c328' AS TEXT)",
        "outcome = 4",
        "outcome = 1",
        "outcome = 1, decider_tenant = 't1', decider = 'a', decided_at = 0, decision_tag = zeroblob(32)",
        "outcome = 1, decider_tenant = 't1', decision_data = x'', decided_at = 0, decision_tag = zeroblob(32)",
        "outcome = 1, decider_tenant = 't1', decider = '', decision_data = x'', decided_at = 0, decision_tag = zeroblob(32)",
        "outcome = 1, decider_tenant = 't1', decider = 'a', decision_data = x'', decided_at = 0, decision_tag = x''",
        "outcome = 2, decider_tenant = 't1', decider = 'a', decision_data = x'', decision_tag = zeroblob(32)",
    ];
    for change in changes {
        let fixture = Fixture::new().await;
        let issued = fixture.insert(&CODE).await;
        edit(&fixture, "ott_tokens", change).await;
        let right = fixture.right(&CODE, &issued);
        is_corrupt(change, fixture.store.find(issued.record.id()).await);
        let opened = fixture.store.redeem_in_transaction(&right, now()).await;
        is_corrupt(change, opened);
        is_corrupt(change, fixture.store.redeem(&right, now()).await);
    }
}

/// An id of another length is not found and not listed as something else.
#[tokio::test]
async fn id_of_another_length_is_found_as_nothing_else() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&CODE).await;
    edit(&fixture, "ott_tokens", "id = substr(id, 1, 15)").await;
    assert_eq!(fixture.store.find(issued.record.id()).await.unwrap(), None);
    is_corrupt(
        "list",
        fixture.store.list(&fixture.alice, None, now()).await,
    );
}

/// A prompt whose row cannot be is not decided: the row is corrupt.
#[tokio::test]
async fn decision_on_a_corrupt_row_is_an_outage() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&PROMPT).await;
    let approval = fixture.approval(&issued);
    edit(&fixture, "ott_tokens", "binding = x''").await;
    let told = fixture
        .store
        .decide(issued.record.id(), &approval, now())
        .await;
    is_corrupt::<Decided>("decide", told);
}

/// A factor's row that cannot be is corrupt for a list. A state that cannot be is corrupt for advance too.
#[tokio::test]
async fn factors() {
    let changes = [
        "state = 5",
        "state = -1",
        "last = -1",
        "subject = ''",
        "provider = cast(x'ff' AS TEXT)",
        "label = cast(x'ff' AS TEXT)",
        "created_at = 9223372036854775807",
        "used_at = 9223372036854775807",
        "id = x'00'",
    ];
    for change in changes {
        let fixture = Fixture::new().await;
        let factor = fixture.factor(1, FactorState::Active);
        assert!(fixture.store.insert_factor(&factor).await.unwrap());
        edit(&fixture, "ott_factors", change).await;
        if change != "subject = ''" {
            is_corrupt(change, fixture.store.factors(&fixture.alice).await);
        }
        if change.starts_with("state") {
            is_corrupt(change, fixture.store.advance(&factor.id, 1, now()).await);
        }
    }
}

/// A limit's row that cannot be is corrupt for spend and refund until the limit is cleared.
#[tokio::test]
async fn limits() {
    for change in ["count = -1", "count = 4294967296"] {
        let fixture = Fixture::new().await;
        let charge = Charge {
            key: LimitKey::new(LimitScope::Application, "a", &fixture.binding()),
            limit: Limit::ceiling(5),
        };
        fixture.store.spend(&[charge], now()).await.unwrap();
        edit(&fixture, "ott_limits", change).await;
        is_corrupt(change, fixture.store.spend(&[charge], now()).await);
        is_corrupt(change, fixture.store.refund(&[charge], 1).await);
        fixture.store.clear(&charge.key).await.unwrap();
        fixture.store.spend(&[charge], now()).await.unwrap();
    }
}

/// A store does not open a file that is no database: the file is corrupt.
#[tokio::test]
async fn file_that_is_no_database_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    std::fs::write(&path, vec![b'x'; 8_192]).unwrap();
    let told = token_store_sqlx::SqliteStore::open(path).await;
    let corrupt = token_store_sqlx::StartError::Store(StoreError::Corrupt("the database file"));
    assert_eq!(told.unwrap_err().to_string(), corrupt.to_string());
}
