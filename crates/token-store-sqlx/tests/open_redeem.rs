//! Redeeming inside a transaction that the caller gets: no rollback gives a guess back.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, PROMPT, at_once, now};
use token_store::{
    OpenRedeem, Opened, Redeemed, TokenStore,
    ott_core::{Presented, Reason, State},
};
use token_store_sqlx::{SqliteStore, sqlx};

/// Redeems, and rolls back whatever was handed over.
async fn roll_back(store: &SqliteStore, presented: &Presented) -> Result<(), Reason> {
    match store.redeem_open(presented, now()).await.unwrap() {
        Opened::Redeemed(transaction, stored) => {
            assert_eq!(stored.state, State::Spent);
            transaction.rollback().await.unwrap();
            Ok(())
        }
        Opened::Refused(reason) => Err(reason),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_guesses_stay_counted() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let wrong = fixture.wrong(&issued);
    let tasks = (0..64).map(|_| {
        let (store, wrong) = (fixture.store.clone(), wrong.clone());
        async move { roll_back(&store, &wrong).await }
    });
    let answers = at_once(tasks).await;
    let compared = answers
        .iter()
        .filter(|a| **a == Err(Reason::Mismatch))
        .count();
    assert_eq!(compared, 4); // The fifth exhausts.
    assert!(answers.iter().all(Result::is_err));
    let right = fixture.right(&CODE, &issued);
    assert_eq!(
        roll_back(&fixture.store, &right).await,
        Err(Reason::Exhausted)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_is_rolled_back_or_dropped_leaves_the_token_unspent() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    for _ in 0..20 {
        assert_eq!(roll_back(&fixture.store, &right).await, Ok(()));
        let opened = fixture.store.redeem_open(&right, now()).await.unwrap();
        drop(opened);
    }
    let stored = fixture
        .store
        .find(issued.record.id())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored, *issued.record.stored());
    let redeemed = fixture.store.redeem(&right, now()).await.unwrap();
    assert!(matches!(redeemed, Redeemed::Redeemed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_applies_both() {
    let fixture = Fixture::new().await;
    let pool = fixture.store.pool();
    sqlx::query("CREATE TABLE users (password TEXT)")
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO users VALUES ('old')")
        .execute(pool)
        .await
        .unwrap();
    for (commits, password) in [(false, "old"), (true, "new")] {
        let issued = fixture.insert(&CODE).await;
        let right = fixture.right(&CODE, &issued);
        let Opened::Redeemed(mut transaction, _) =
            fixture.store.redeem_open(&right, now()).await.unwrap()
        else {
            panic!("the right token is refused");
        };
        let update = sqlx::query("UPDATE users SET password = 'new'");
        update.execute(&mut *transaction).await.unwrap();
        if commits {
            transaction.commit().await.unwrap();
        } else {
            drop(transaction);
        }
        let select = sqlx::query_scalar::<_, String>("SELECT password FROM users");
        assert_eq!(select.fetch_one(pool).await.unwrap(), password);
        let again = fixture.store.redeem(&right, now()).await.unwrap();
        assert_eq!(again == Redeemed::Refused(Reason::Spent), commits);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_why_and_change_nothing_else() {
    let fixture = Fixture::new().await;
    let waiting = fixture.insert(&PROMPT).await;
    let right = fixture.right(&PROMPT, &waiting);
    assert_eq!(
        roll_back(&fixture.store, &right).await,
        Err(Reason::Pending)
    );
    let stored = fixture
        .store
        .find(waiting.record.id())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored, *waiting.record.stored());
    let unknown = fixture.issue(&CODE);
    let presented = fixture.right(&CODE, &unknown);
    assert_eq!(
        roll_back(&fixture.store, &presented).await,
        Err(Reason::Unknown)
    );
}
