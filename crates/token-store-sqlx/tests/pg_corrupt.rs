//! Rows that cannot be what they should be: an outage, never a panic, never a success.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::fmt::Debug;

use fixture::{CODE, PROMPT, now};
use pg::PgFixture;
use token_store::{
    Charge, Decided, FactorState, FactorStore, LimitStore, RedeemInTransaction, Redeemed,
    StoreError, TokenStore,
    ott_core::{Limit, LimitKey, LimitScope, Reason, State},
};

fn is_corrupt<T: Debug>(what: &str, told: Result<T, StoreError>) {
    assert!(
        matches!(told, Err(StoreError::Corrupt(_))),
        "{what}: {told:?}"
    );
}

/// Edits every row of a table, as an attacker or a broken disk would.
async fn edit(fixture: &PgFixture, table: &str, change: &str) {
    let changed = fixture
        .run(&format!("UPDATE {{{table}}} SET {change}"))
        .await;
    assert_eq!(changed, 1, "{change}");
}

/// A decision with one column of another value.
fn decision(column: &str, value: &str) -> String {
    let columns = [
        ("outcome", "1"),
        ("decider_tenant", "'t1'"),
        ("decider", "'a'"),
        ("decision_data", "''"),
        ("decided_at", "0"),
        ("decision_tag", "decode(repeat('00', 32), 'hex')"),
    ];
    let changed = columns.map(|(name, good)| {
        let value = if name == column { value } else { good };
        format!("{name} = {value}")
    });
    changed.join(", ")
}

/// A token's row that cannot be is corrupt for find and for both ways to redeem.
#[tokio::test(flavor = "multi_thread")]
async fn tokens() {
    let mut changes = [
        "binding = ''",
        "digest = decode(repeat('00', 31), 'hex')",
        "tag = decode(repeat('00', 33), 'hex')",
        "key = -1",
        "key = 4294967296",
        "number = 4294967296",
        "number = -1",
        "max_attempts = 65536",
        "max_attempts = -1",
        "state = 7",
        "state = -1",
        "state = 256",
        "attempts = -1",
        "attempts = 4294967296",
        "issued_at = 9223372036854775807",
        "issued_at = -9223372036854775808",
        "expires_at = 9223372036854775807",
        "used_at = -9223372036854775808, idle_micros = 1",
        "outcome = 1",
    ]
    .map(String::from)
    .to_vec();
    changes.extend([
        decision("outcome", "4"),
        decision("decider", "NULL"),
        decision("decision_data", "NULL"),
        decision("decider", "''"),
        decision("decision_tag", "''"),
        decision("decided_at", "NULL"),
    ]);
    let fixture = PgFixture::new().await;
    for change in changes {
        fixture.run("DELETE FROM {tokens}").await;
        let issued = fixture.insert(&CODE).await;
        edit(&fixture, "tokens", &change).await;
        let right = fixture.right(&CODE, &issued);
        is_corrupt(&change, fixture.store.find(issued.record.id()).await);
        let opened = fixture.store.redeem_in_transaction(&right, now()).await;
        is_corrupt(&change, opened);
        is_corrupt(&change, fixture.store.redeem(&right, now()).await);
    }
}

/// A token whose column has another type is corrupt.
#[tokio::test(flavor = "multi_thread")]
async fn column_of_another_type_is_corrupt() {
    for change in ["key TYPE real", "binding TYPE text", "attempts TYPE text"] {
        let fixture = PgFixture::new().await;
        let issued = fixture.insert(&CODE).await;
        let (column, _) = change.split_once(' ').unwrap();
        let using = match column {
            "binding" => "encode(binding, 'hex')",
            other => other,
        };
        let alter = format!("ALTER TABLE {{tokens}} ALTER {change} USING {using}");
        fixture.run(&alter).await;
        is_corrupt(change, fixture.store.find(issued.record.id()).await);
    }
}

/// Fails closed: what nobody says to be the newest is none.
#[tokio::test(flavor = "multi_thread")]
async fn record_whose_slot_is_lost_is_superseded() {
    let fixture = PgFixture::new().await;
    let issued = fixture.insert(&CODE).await;
    fixture.run("DELETE FROM {slots}").await;
    let right = fixture.right(&CODE, &issued);
    let told = fixture.store.redeem(&right, now()).await.unwrap();
    assert_eq!(told, Redeemed::Refused(Reason::Superseded));
    let found = fixture.store.find(issued.record.id()).await.unwrap();
    assert_eq!(found.map(|found| found.state), Some(State::Superseded));
}

/// A prompt whose row cannot be is not decided: the row is corrupt.
#[tokio::test(flavor = "multi_thread")]
async fn decision_on_a_corrupt_row_is_an_outage() {
    let fixture = PgFixture::new().await;
    let issued = fixture.insert(&PROMPT).await;
    let approval = fixture.approval(&issued);
    edit(&fixture, "tokens", "binding = ''").await;
    let told = fixture
        .store
        .decide(issued.record.id(), &approval, now())
        .await;
    is_corrupt::<Decided>("decide", told);
}

/// A factor's row that cannot be is corrupt for a list. A state that cannot be is corrupt for advance too.
#[tokio::test(flavor = "multi_thread")]
async fn factors() {
    let changes = [
        "state = 5",
        "state = -1",
        "last = -1",
        "subject = ''",
        "created_at = 9223372036854775807",
        "used_at = 9223372036854775807",
    ];
    let fixture = PgFixture::new().await;
    let factor = fixture.factor(1, FactorState::Active);
    for change in changes {
        fixture.run("DELETE FROM {factors}").await;
        assert!(fixture.store.insert_factor(&factor).await.unwrap());
        edit(&fixture, "factors", change).await;
        if change != "subject = ''" {
            is_corrupt(change, fixture.store.factors(&fixture.alice).await);
        }
        if change.starts_with("state") {
            is_corrupt(change, fixture.store.advance(&factor.id, 1, now()).await);
        }
    }
}

/// A label with a NUL, which PostgreSQL does not keep, is misuse.
#[tokio::test(flavor = "multi_thread")]
async fn label_that_postgresql_does_not_keep_is_misuse() {
    let fixture = PgFixture::new().await;
    let mut factor = fixture.factor(1, FactorState::Active);
    factor.label = "a\0b".into();
    let told = fixture.store.insert_factor(&factor).await;
    assert!(matches!(told, Err(StoreError::Misuse(_))), "{told:?}");
}

/// A limit's row that cannot be is corrupt for spend and refund, and stays as it is until the limit is cleared.
#[tokio::test(flavor = "multi_thread")]
async fn limits() {
    let fixture = PgFixture::new().await;
    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "a", &fixture.binding()),
        limit: Limit::ceiling(5),
    };
    for change in ["count = -1", "count = 4294967296"] {
        fixture.store.spend(&[charge], now()).await.unwrap();
        edit(&fixture, "limits", change).await;
        is_corrupt(change, fixture.store.spend(&[charge], now()).await);
        is_corrupt(change, fixture.store.refund(&[charge], 1).await);
        let kept = format!("SELECT count(*) FROM {{limits}} WHERE {change}");
        assert_eq!(fixture.number(&kept).await, 1, "{change}");
        fixture.store.clear(&charge.key).await.unwrap();
        fixture.store.spend(&[charge], now()).await.unwrap();
    }
}

/// The server adds the whole row to what it says of one that it refuses.
#[tokio::test(flavor = "multi_thread")]
async fn error_of_the_server_holds_no_value_of_a_row() {
    let fixture = PgFixture::new().await;
    let issued = fixture.issue(&CODE);
    let refuse = "ALTER TABLE {tokens} ADD CONSTRAINT refused CHECK (purpose <> 'sign-in')";
    fixture.run(refuse).await;
    let told = fixture
        .store
        .insert(core::slice::from_ref(&issued.record))
        .await;
    let error = told.expect_err("the row is refused");
    let mut texts = format!("{error} {error:?} {error:#?}");
    let mut cause = core::error::Error::source(&error);
    while let Some(source) = cause {
        texts += &format!(" {source} {source:?}");
        cause = source.source();
    }
    let digest = issued.record.stored().digest.as_bytes();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    for value in [
        "alice",
        "t1",
        "Failing row",
        "sign-in",
        &digest,
        &digest[..8],
    ] {
        assert!(!texts.contains(value), "{value} in {texts}");
    }
    assert!(texts.contains("23514"), "{texts}");
}
