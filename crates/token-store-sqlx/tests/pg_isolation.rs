//! A transaction that sees the rows as they were would find a superseded token alive: it is refused.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::fmt::Debug;

use fixture::{CODE, LINK, PROMPT, RECOVERY, now};
use pg::PgFixture;
use token_store::{
    Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{Reason, chrono::TimeDelta},
};
use token_store_sqlx::sqlx::{self, AssertSqlSafe};

fn is_misuse<T: Debug>(verb: &str, told: Result<T, StoreError>) {
    assert!(
        matches!(told, Err(StoreError::Misuse(_))),
        "{verb}: {told:?}"
    );
}

/// Every verb in a transaction that sees old rows is misuse and does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn verbs_in_a_transaction_with_old_rows_are_misuse() {
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let fixture = PgFixture::new().await;
        let older = fixture.insert(&RECOVERY).await;
        let link = fixture.insert(&LINK).await;
        let prompt = fixture.insert(&PROMPT).await;
        let dead = fixture.insert(&CODE).await;
        let approval = fixture.approval(&prompt);
        let revoke_dead = Revoke::Record(*dead.record.id());
        assert_eq!(fixture.store.revoke(&revoke_dead).await.unwrap(), 1);

        let begin = AssertSqlSafe(format!("BEGIN ISOLATION LEVEL {level}"));
        let mut transaction = fixture.store.pool().begin_with(begin).await.unwrap();
        // From here on it sees the rows as they are now.
        let look = AssertSqlSafe(fixture.fill("SELECT count(*) FROM {tokens}"));
        sqlx::query(look).execute(&mut *transaction).await.unwrap();
        let newer = fixture.insert(&RECOVERY).await;
        let slots = fixture.number("SELECT count(*) FROM {slots}").await;

        let on = fixture.store.on(&mut transaction);
        let id = *link.record.id();
        let right = fixture.right(&RECOVERY, &older);
        is_misuse("redeem", on.redeem(&right, now()).await);
        is_misuse("find", on.find(older.record.id()).await);
        is_misuse("touch", on.touch(&id, now()).await);
        is_misuse("list", on.list(&fixture.alice, None, now()).await);
        is_misuse("revoke", on.revoke(&Revoke::Record(id)).await);
        let own = Revoke::own(&fixture.alice, id);
        is_misuse("revoke", on.revoke(&own).await);
        is_misuse("revoke", on.revoke(&Revoke::subject(&fixture.alice)).await);
        let decided = on.decide(prompt.record.id(), &approval, now()).await;
        is_misuse("decide", decided);
        is_misuse("insert", on.insert(&[fixture.issue(&LINK).record]).await);
        is_misuse("insert", on.insert(&[fixture.issue(&CODE).record]).await);
        let later = now() + TimeDelta::microseconds(1);
        is_misuse("purge", on.purge(later, 10).await);
        transaction.commit().await.unwrap();

        let told = fixture.store.redeem(&right, now()).await.unwrap();
        assert_eq!(told, Redeemed::Refused(Reason::Superseded));
        for issued in [&link, &prompt, &newer] {
            let found = fixture.store.find(issued.record.id()).await.unwrap();
            assert_eq!(found.as_ref(), Some(issued.record.stored()));
        }
        assert_eq!(fixture.number("SELECT count(*) FROM {tokens}").await, 5);
        assert_eq!(fixture.number("SELECT count(*) FROM {slots}").await, slots);
    }
}

/// PostgreSQL has no dirty reads: this one is READ COMMITTED by another name.
#[tokio::test(flavor = "multi_thread")]
async fn other_name_of_read_committed_will_do() {
    let fixture = PgFixture::new().await;
    let link = fixture.insert(&LINK).await;
    let begin = fixture
        .store
        .pool()
        .begin_with("BEGIN ISOLATION LEVEL READ UNCOMMITTED");
    let mut transaction = begin.await.unwrap();
    let on = fixture.store.on(&mut transaction);
    let told = on.redeem(&fixture.right(&LINK, &link), now()).await;
    assert!(matches!(told, Ok(Redeemed::Redeemed(_))), "{told:?}");
}
