//! Transactions that want each other's records: one waits, none is ended by the server.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{CODE, LINK, at_once, now};
use pg::PgFixture;
use token_store::{
    InTransaction, Inserted, RedeemInTransaction, Redeemed, Revoke, TokenStore,
    ott_core::{Presented, Reason, Record, RecordId, State},
};
use token_store_sqlx::{
    PostgresStore,
    sqlx::{self, AssertSqlSafe},
};

/// Redeems, and revokes in the same step.
async fn with_sibling(
    store: &PostgresStore,
    presented: &Presented,
    sibling: &Revoke,
    commits: bool,
) -> Result<(), Reason> {
    let opened = store.redeem_in_transaction(presented, now()).await.unwrap();
    let mut transaction = match opened {
        InTransaction::Redeemed(transaction, _) => transaction,
        InTransaction::Refused(reason) => return Err(reason),
    };
    let revoked = store.on(&mut transaction).revoke(sibling).await;
    assert_eq!(revoked.unwrap(), 1);
    if commits {
        transaction.commit().await.unwrap();
    }
    Ok(())
}

/// A code and its sibling link are retired in one step.
#[tokio::test(flavor = "multi_thread")]
async fn code_and_its_sibling_link_end_in_one_step() {
    let fixture = PgFixture::new().await;
    for (used, other) in [(&CODE, &LINK), (&LINK, &CODE)] {
        for commits in [false, true] {
            fixture.run("DELETE FROM {tokens}").await;
            let (one, sibling) = (fixture.insert(used).await, fixture.insert(other).await);
            let right = fixture.right(used, &one);
            let revoke = Revoke::Record(*sibling.record.id());
            let redeemed = with_sibling(&fixture.store, &right, &revoke, commits).await;
            assert_eq!(redeemed, Ok(()));
            let beside = fixture.right(other, &sibling);
            let late = fixture.store.redeem(&beside, now()).await.unwrap();
            assert_eq!(late == Redeemed::Refused(Reason::Revoked), commits);
            let again = fixture.store.redeem(&right, now()).await.unwrap();
            assert_eq!(again == Redeemed::Refused(Reason::Spent), commits);
        }
    }
}

/// Without the subject's lock each has its own record and wants the other's.
#[tokio::test(flavor = "multi_thread")]
async fn code_and_its_sibling_link_used_at_once_count_one() {
    let fixture = PgFixture::new().await;
    let all = Revoke::subject(&fixture.alice);
    let one = |id: &RecordId| Revoke::Record(*id);
    for round in 0..40 {
        fixture.run("DELETE FROM {tokens}").await;
        let (code, link) = (fixture.insert(&CODE).await, fixture.insert(&LINK).await);
        let (code_is_right, link_is_right) =
            (fixture.right(&CODE, &code), fixture.right(&LINK, &link));
        let mut pairs = [
            (code_is_right, one(link.record.id())),
            (link_is_right, one(code.record.id())),
        ];
        if round % 2 == 0 {
            pairs.iter_mut().for_each(|pair| pair.1 = all.clone());
        }
        let tasks = pairs.map(|(right, revoke)| {
            let store = fixture.store.clone();
            async move { with_sibling(&store, &right, &revoke, true).await }
        });
        let mut answers = at_once(tasks).await;
        answers.sort_by_key(Result::is_err);
        assert_eq!(answers, [Ok(()), Err(Reason::Revoked)], "round {round}");
    }
}

/// The same where the one record is redeemed in a transaction that somebody else began, and where all
/// are revoked beside it.
#[tokio::test(flavor = "multi_thread")]
async fn open_transactions_of_one_subject_do_not_deadlock() {
    let fixture = PgFixture::new().await;
    for round in 0..20 {
        fixture.run("DELETE FROM {tokens}").await;
        let links = [fixture.insert(&LINK).await, fixture.insert(&LINK).await];
        let tasks = (0..4).map(|task: usize| {
            let store = fixture.store.clone();
            let all = Revoke::subject(&fixture.alice);
            let right = links.get(task).map(|link| fixture.right(&LINK, link));
            let ids = links.each_ref().map(|link| *link.record.id());
            async move {
                let Some(right) = right else {
                    return store.revoke(&all).await.map(drop);
                };
                let mut transaction = store.pool().begin().await.unwrap();
                let on = store.on(&mut transaction);
                if round % 2 == 0 {
                    on.redeem(&right, now()).await?;
                } else {
                    on.revoke(&Revoke::Record(ids[task])).await?;
                }
                on.revoke(&all).await?;
                transaction.commit().await.unwrap();
                Ok(())
            }
        });
        for told in at_once(tasks).await {
            assert!(told.is_ok(), "round {round}: {told:?}");
        }
        for link in &links {
            let found = fixture.store.find(link.record.id()).await.unwrap();
            let state = found.map(|found| found.state);
            assert!(matches!(state, Some(State::Spent | State::Revoked)));
        }
    }
}

/// Statements of this store that wait for a lock.
async fn until_one_waits(fixture: &PgFixture) {
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{}%'",
        fixture.place.name
    );
    while fixture.number(&waiting).await == 0 {
        tokio::task::yield_now().await;
    }
}

/// The server breaks a circle by ending one of those who wait in it. A verb of the pool was rolled back
/// whole then, and is run again.
#[tokio::test(flavor = "multi_thread")]
async fn verb_ended_by_a_deadlock_is_run_again() {
    for _ in 0..5 {
        if verb_ended_by_a_deadlock_is_done().await {
            return;
        }
    }
    panic!("each time the server ended the other side");
}

/// Whether the server ended the verb. On a slow machine the verb has waited for longer than `deadlock_timeout` before
/// there is a circle, and looks no more: then the other side is ended.
async fn verb_ended_by_a_deadlock_is_done() -> bool {
    let fixture = PgFixture::new().await;
    let mut batch: Vec<_> = (0..2).map(|_| fixture.issue(&CODE).record).collect();
    batch.sort_by_key(|record| record.stored().slot);
    let slot = |record: &Record| -> String {
        let slot = record.stored().slot.unwrap();
        slot.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let [first, second] = batch.as_slice() else {
        panic!("two records");
    };
    let (low, high) = (slot(first), slot(second));
    fixture
        .run(&format!(
            "INSERT INTO {{slots}} VALUES ('{low}', 0), ('{high}', 0)"
        ))
        .await;
    let hold = |slot: &str| {
        let update =
            format!("UPDATE {{slots}} SET generation = generation WHERE slot = '{slot}'::uuid");
        sqlx::query(AssertSqlSafe(fixture.fill(&update)))
    };
    let mut transaction = fixture.store.pool().begin().await.unwrap();
    hold(&high).execute(&mut *transaction).await.unwrap();
    let (store, records) = (fixture.store.clone(), batch.clone());
    // It has the lower one, and waits for the higher one.
    let insert = tokio::spawn(async move { store.insert(&records).await });
    until_one_waits(&fixture).await;
    if hold(&low).execute(&mut *transaction).await.is_err() {
        drop(transaction);
        insert.await.unwrap().unwrap();
        return false;
    }
    transaction.commit().await.unwrap();
    assert_eq!(insert.await.unwrap().unwrap(), Inserted::Done);
    assert_eq!(
        fixture
            .number("SELECT sum(generation)::bigint FROM {slots}")
            .await,
        2
    );
    true
}
