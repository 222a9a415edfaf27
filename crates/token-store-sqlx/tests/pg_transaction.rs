//! Redeeming and applying in one transaction of the caller's: both or neither, and no rollback gives a
//! guess back.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{CODE, LINK, PROMPT, RECOVERY, at_once, now};
use pg::PgFixture;
use token_store::{
    Charge, Decided, FactorStore, InTransaction, Inserted, LimitStore, RedeemInTransaction,
    Redeemed, Revoke, Spent, StoreError, TokenStore,
    ott_core::{
        Issued, Limit, LimitKey, LimitScope, Presented, Reason, State, Subject, chrono::TimeDelta,
    },
};
use token_store_sqlx::{
    OnPgTransaction, PostgresStore,
    sqlx::{self, AssertSqlSafe},
};

/// Compiles only while the type lacks the trait: with it, two implementations fit `_`.
macro_rules! assert_not_impl {
    ($type:ty: $($trait:tt)+) => {
        const _: fn() = || {
            trait Ambiguous<A> { fn here() {} }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Has;
            impl<T: ?Sized + $($trait)+> Ambiguous<Has> for T {}
            let _ = <$type as Ambiguous<_>>::here;
        };
    };
}

assert_not_impl!(OnPgTransaction<'static>: LimitStore);
assert_not_impl!(OnPgTransaction<'static>: FactorStore);
assert_not_impl!(OnPgTransaction<'static>: RedeemInTransaction);

/// Redeems, and rolls back whatever was handed over.
async fn roll_back(store: &PostgresStore, presented: &Presented) -> Result<(), Reason> {
    match store.redeem_in_transaction(presented, now()).await.unwrap() {
        InTransaction::Redeemed(transaction, stored) => {
            assert_eq!(stored.state, State::Spent);
            transaction.rollback().await.unwrap();
            Ok(())
        }
        InTransaction::Refused(reason) => Err(reason),
    }
}

/// The password of the account, after a code was redeemed for another one in the same transaction.
async fn change_password(
    fixture: &PgFixture,
    presented: &Presented,
    password: &str,
    commits: bool,
) -> Result<(), Reason> {
    let opened = fixture
        .store
        .redeem_in_transaction(presented, now())
        .await
        .unwrap();
    let InTransaction::Redeemed(mut transaction, _) = opened else {
        let InTransaction::Refused(reason) = opened else {
            unreachable!()
        };
        return Err(reason);
    };
    let update = format!("UPDATE {}.users SET password = $1", fixture.place.name);
    let update = sqlx::query(AssertSqlSafe(update)).bind(password);
    update.execute(&mut *transaction).await.unwrap();
    // Every other token of hers dies with the old password.
    let on = fixture.store.on(&mut transaction);
    on.revoke(&Revoke::subject(&fixture.alice)).await.unwrap();
    if commits {
        transaction.commit().await.unwrap();
    } else {
        drop(transaction);
    }
    Ok(())
}

/// A password changes with its token or not at all and attempts stand.
#[tokio::test(flavor = "multi_thread")]
async fn password_changes_with_its_token_or_not_at_all() {
    let fixture = PgFixture::new().await;
    let users = format!("{}.users", fixture.place.name);
    fixture
        .run(&format!("CREATE TABLE {users} (password text)"))
        .await;
    fixture
        .run(&format!("INSERT INTO {users} VALUES ('old')"))
        .await;
    let password = async |is: &str| {
        let count = format!("SELECT count(*) FROM {users} WHERE password = '{is}'");
        assert_eq!(fixture.number(&count).await, 1, "the password is not {is}");
    };
    let issued = fixture.insert(&CODE).await;
    let other = fixture.insert(&LINK).await;
    let state = async |issued: &Issued| {
        let found = fixture.store.find(issued.record.id()).await.unwrap();
        found.map(|found| (found.state, found.attempts)).unwrap()
    };
    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "pace", &fixture.binding()),
        limit: Limit::ceiling(3),
    };
    let (right, wrong) = (fixture.right(&CODE, &issued), fixture.wrong(&issued));

    // Wrong: nothing is handed over, and the guess is committed before it is told.
    fixture.store.spend(&[charge], now()).await.unwrap();
    let told = change_password(&fixture, &wrong, "stolen", true).await;
    assert_eq!(told, Err(Reason::Mismatch));
    assert_eq!(state(&issued).await, (State::Ready, 1));

    // Right, and rolled back: the token is unspent, the password old, the other link alive; the wrong
    // guess before it and what its limit allowed stay counted.
    fixture.store.spend(&[charge], now()).await.unwrap();
    assert_eq!(
        change_password(&fixture, &right, "new", false).await,
        Ok(())
    );
    password("old").await;
    assert_eq!(state(&issued).await, (State::Ready, 1));
    assert_eq!(state(&other).await.0, State::Ready);

    // Right, and committed: all of it.
    assert_eq!(
        fixture.store.spend(&[charge], now()).await.unwrap(),
        Spent::Allowed
    );
    assert_eq!(change_password(&fixture, &right, "new", true).await, Ok(()));
    password("new").await;
    assert_eq!(state(&issued).await, (State::Spent, 2));
    assert_eq!(state(&other).await.0, State::Revoked);
    let told = change_password(&fixture, &right, "again", true).await;
    assert_eq!(told, Err(Reason::Spent));
    password("new").await;
    assert_eq!(
        fixture.store.spend(&[charge], now()).await.unwrap(),
        Spent::Locked(charge.key)
    );
}

/// A rollback gives no guess back: of 64 wrong guesses at once five are compared, and then the right token is refused.
#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_guesses_stay_counted() {
    let fixture = PgFixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let wrong = fixture.wrong(&issued);
    let tasks = (0..64).map(|_| {
        let (store, wrong) = (fixture.store.clone(), wrong.clone());
        async move { roll_back(&store, &wrong).await }
    });
    let answers = at_once(tasks).await;
    let compared = answers
        .iter()
        .filter(|answer| **answer == Err(Reason::Mismatch))
        .count();
    assert_eq!(compared, 4); // The fifth exhausts.
    assert!(answers.iter().all(Result::is_err));
    let right = fixture.right(&CODE, &issued);
    assert_eq!(
        roll_back(&fixture.store, &right).await,
        Err(Reason::Exhausted)
    );
}

/// Redeeming a record that counts attempts is misuse, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn record_with_attempts_is_misuse() {
    let fixture = PgFixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let mut transaction = fixture.store.pool().begin().await.unwrap();
    for presented in [fixture.right(&CODE, &issued), fixture.wrong(&issued)] {
        let on = fixture.store.on(&mut transaction);
        let told = on.redeem(&presented, now()).await;
        assert!(matches!(told, Err(StoreError::Misuse(_))), "{told:?}");
    }
    transaction.commit().await.unwrap();
    let stored = fixture.store.find(issued.record.id()).await.unwrap();
    assert_eq!(stored.as_ref(), Some(issued.record.stored()));
}

/// Verbs on the caller's transaction are done if it commits, and undone if it is rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn verbs_stand_or_fall_with_the_transaction() {
    let fixture = PgFixture::new().await;
    for commits in [false, true] {
        fixture.run("DELETE FROM {tokens}").await;
        let link = fixture.insert(&LINK).await;
        let prompt = fixture.insert(&PROMPT).await;
        let older = fixture.insert(&RECOVERY).await;
        let code = fixture.insert(&CODE).await;
        let dead = fixture.insert(&CODE).await;
        let newer = fixture.issue(&RECOVERY);
        let presented = fixture.right(&LINK, &link);
        let id = |issued: &Issued| *issued.record.id();
        let revoke_dead = Revoke::Record(id(&dead));
        assert_eq!(fixture.store.revoke(&revoke_dead).await.unwrap(), 1);

        let mut transaction = fixture.store.pool().begin().await.unwrap();
        let on = fixture.store.on(&mut transaction);
        let later = now() + TimeDelta::microseconds(1);
        assert_eq!(on.purge(later, 1).await.unwrap(), 1);
        assert_eq!(on.find(&id(&dead)).await.unwrap(), None);
        let redeemed = on.redeem(&presented, now()).await.unwrap();
        assert!(matches!(redeemed, Redeemed::Redeemed(_)));
        let again = on.redeem(&presented, now()).await.unwrap();
        assert_eq!(again, Redeemed::Refused(Reason::Spent));
        let approval = fixture.approval(&prompt);
        let decided = on.decide(&id(&prompt), &approval, now()).await.unwrap();
        assert!(matches!(decided, Decided::Decided(_)));
        let batch = [newer.record.clone()];
        assert_eq!(on.insert(&batch).await.unwrap(), Inserted::Done);
        assert_eq!(on.insert(&batch).await.unwrap(), Inserted::Collision);
        on.touch(&id(&newer), now()).await.unwrap();
        let mallory = Subject::new("t1", "mallory").unwrap();
        let (foreign, own) = (
            Revoke::own(&mallory, id(&code)),
            Revoke::own(&fixture.alice, id(&code)),
        );
        assert_eq!(on.revoke(&foreign).await.unwrap(), 0);
        assert_eq!(on.revoke(&own).await.unwrap(), 1);
        assert_eq!(on.list(&fixture.alice, None, now()).await.unwrap().len(), 2);
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }

        let mut found = Vec::new();
        for issued in [&link, &prompt, &older, &code, &dead, &newer] {
            let stored = fixture.store.find(&id(issued)).await.unwrap();
            found.push(stored.map(|stored| stored.state));
        }
        let expected = if commits {
            [
                Some(State::Spent),
                Some(State::Ready),
                Some(State::Superseded),
                Some(State::Revoked),
                None,
                Some(State::Ready),
            ]
        } else {
            [
                Some(State::Ready),
                Some(State::Waiting),
                Some(State::Ready),
                Some(State::Ready),
                Some(State::Revoked),
                None,
            ]
        };
        assert_eq!(found, expected, "commits: {commits}");
    }
}

/// A collision undoes its batch and not the transaction.
#[tokio::test(flavor = "multi_thread")]
async fn collision_undoes_its_batch_alone() {
    let fixture = PgFixture::new().await;
    let older = fixture.insert(&RECOVERY).await;
    let (one, two) = (fixture.issue(&RECOVERY), fixture.issue(&LINK));
    let mut transaction = fixture.store.pool().begin().await.unwrap();
    let on = fixture.store.on(&mut transaction);
    on.insert(core::slice::from_ref(&two.record)).await.unwrap();
    let batch = [one.record.clone(), older.record.clone()];
    assert_eq!(on.insert(&batch).await.unwrap(), Inserted::Collision);
    transaction.commit().await.unwrap();
    let find = async |id| fixture.store.find(id).await.unwrap();
    assert_eq!(find(one.record.id()).await, None);
    for kept in [&two, &older] {
        let found = find(kept.record.id()).await;
        assert_eq!(found.as_ref(), Some(kept.record.stored()));
    }
}
