//! Redeeming inside a transaction that the caller gets: no rollback gives a guess back.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, LINK, PROMPT, at_once, now};
use token_store::{
    InTransaction, RedeemInTransaction, Redeemed, Revoke, TokenStore,
    ott_core::{Presented, Reason, RecordId, State},
};
use token_store_sqlx::{SqliteStore, sqlx};

/// Redeems, and rolls back whatever was handed over.
async fn roll_back(store: &SqliteStore, presented: &Presented) -> Result<(), Reason> {
    match store.redeem_in_transaction(presented, now()).await.unwrap() {
        InTransaction::Redeemed(transaction, stored) => {
            assert_eq!(stored.state, State::Spent);
            transaction.rollback().await.unwrap();
            Ok(())
        }
        InTransaction::Refused(reason) => Err(reason),
    }
}

/// A rollback gives no guess back: of 64 wrong guesses at once five are compared, and then the right token is refused.
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

/// A success that is rolled back or dropped leaves the token unspent.
#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_success_leaves_the_token_unspent() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    for _ in 0..20 {
        assert_eq!(roll_back(&fixture.store, &right).await, Ok(()));
        let opened = fixture
            .store
            .redeem_in_transaction(&right, now())
            .await
            .unwrap();
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

/// A commit applies the redeem and the caller's own write. A transaction that is dropped applies neither.
#[tokio::test(flavor = "multi_thread")]
async fn commit_applies_both() {
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
        let InTransaction::Redeemed(mut transaction, _) = fixture
            .store
            .redeem_in_transaction(&right, now())
            .await
            .unwrap()
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

/// A redeem that is refused says why and changes no record.
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

/// Redeems, and retires what was sent beside it in the same step.
async fn with_sibling(
    store: &SqliteStore,
    presented: &Presented,
    sibling: RecordId,
    commits: bool,
) -> Result<(), Reason> {
    let opened = store.redeem_in_transaction(presented, now()).await.unwrap();
    let mut transaction = match opened {
        InTransaction::Redeemed(transaction, _) => transaction,
        InTransaction::Refused(reason) => return Err(reason),
    };
    let revoke = Revoke::Record(sibling);
    let revoked = store.on(&mut transaction).revoke(&revoke).await;
    assert_eq!(revoked.unwrap(), 1);
    if commits {
        transaction.commit().await.unwrap();
    }
    Ok(())
}

/// A code and its sibling link are retired in one step.
#[tokio::test(flavor = "multi_thread")]
async fn code_and_its_sibling_link_end_in_one_step() {
    for (used, other) in [(&CODE, &LINK), (&LINK, &CODE)] {
        for commits in [false, true] {
            let fixture = Fixture::new().await;
            let (one, sibling) = (fixture.insert(used).await, fixture.insert(other).await);
            let right = fixture.right(used, &one);
            let id = *sibling.record.id();
            let redeemed = with_sibling(&fixture.store, &right, id, commits).await;
            assert_eq!(redeemed, Ok(()));
            let beside = fixture.right(other, &sibling);
            let late = fixture.store.redeem(&beside, now()).await.unwrap();
            assert_eq!(late == Redeemed::Refused(Reason::Revoked), commits);
            let again = fixture.store.redeem(&right, now()).await.unwrap();
            assert_eq!(again == Redeemed::Refused(Reason::Spent), commits);
        }
    }
}

/// If a code and its sibling link are used at once, one of them counts.
#[tokio::test(flavor = "multi_thread")]
async fn code_and_its_sibling_link_used_at_once_count_one() {
    for round in 0..20 {
        let fixture = Fixture::new().await;
        let (code, link) = (fixture.insert(&CODE).await, fixture.insert(&LINK).await);
        let pairs = [
            (fixture.right(&CODE, &code), *link.record.id()),
            (fixture.right(&LINK, &link), *code.record.id()),
        ];
        let tasks = pairs.map(|(right, sibling)| {
            let store = fixture.store.clone();
            async move { with_sibling(&store, &right, sibling, true).await }
        });
        let mut answers = at_once(tasks).await;
        answers.sort_by_key(Result::is_err);
        assert_eq!(answers, [Ok(()), Err(Reason::Revoked)], "round {round}");
    }
}
