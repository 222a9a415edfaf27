//! The verbs on the caller's transaction: its fate is theirs, and nothing counted can be undone.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, LINK, PROMPT, RECOVERY, now};
use token_store::{
    Decided, FactorStore, Inserted, LimitStore, Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{Reason, State, Subject, chrono::TimeDelta},
};
use token_store_sqlx::{
    OnTransaction,
    sqlx::{Sqlite, Transaction},
};

async fn begin(fixture: &Fixture) -> Transaction<'static, Sqlite> {
    fixture
        .store
        .pool()
        .begin_with("BEGIN IMMEDIATE")
        .await
        .unwrap()
}

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

assert_not_impl!(OnTransaction<'static>: LimitStore);
assert_not_impl!(OnTransaction<'static>: FactorStore);
assert_not_impl!(OnTransaction<'static>: token_store::RedeemInTransaction);

/// Redeeming a record that counts attempts is misuse, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn record_with_attempts_is_misuse() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let mut transaction = begin(&fixture).await;
    for presented in [fixture.right(&CODE, &issued), fixture.wrong(&issued)] {
        let told = fixture
            .store
            .on(&mut transaction)
            .redeem(&presented, now())
            .await;
        assert!(matches!(told, Err(StoreError::Misuse(_))), "{told:?}");
    }
    transaction.commit().await.unwrap();
    let stored = fixture
        .store
        .find(issued.record.id())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored, *issued.record.stored());
}

/// Verbs on the caller's transaction are done if it commits, and undone if it is rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn verbs_stand_or_fall_with_the_transaction() {
    for commits in [false, true] {
        let fixture = Fixture::new().await;
        let link = fixture.insert(&LINK).await;
        let prompt = fixture.insert(&PROMPT).await;
        let older = fixture.insert(&RECOVERY).await;
        let code = fixture.insert(&CODE).await;
        let dead = fixture.insert(&CODE).await;
        let newer = fixture.issue(&RECOVERY);
        let presented = fixture.right(&LINK, &link);
        let id = |issued: &token_store::ott_core::Issued| *issued.record.id();
        let revoke_dead = Revoke::Record(id(&dead));
        assert_eq!(fixture.store.revoke(&revoke_dead).await.unwrap(), 1);

        let mut transaction = begin(&fixture).await;
        let on = fixture.store.on(&mut transaction);
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
        let later = now() + TimeDelta::microseconds(1);
        assert_eq!(on.purge(later, 1).await.unwrap(), 1);
        assert_eq!(on.list(&fixture.alice, None, now()).await.unwrap().len(), 2);
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }

        let states = [&link, &prompt, &older, &code].map(id);
        let mut found = Vec::new();
        for id in states {
            found.push(
                fixture
                    .store
                    .find(&id)
                    .await
                    .unwrap()
                    .map(|stored| stored.state),
            );
        }
        let before = [State::Ready, State::Waiting, State::Ready, State::Ready].map(Some);
        let after = [
            None,
            Some(State::Ready),
            Some(State::Superseded),
            Some(State::Revoked),
        ];
        // One of the three final ones was purged; which one is not said.
        let gone = found.iter().filter(|state| state.is_none()).count();
        if commits {
            let dead_gone = fixture.store.find(&id(&dead)).await.unwrap().is_none();
            assert_eq!(gone + usize::from(dead_gone), 1);
            let same = found.iter().zip(after).skip(1);
            assert!(
                same.filter(|(found, _)| found.is_some())
                    .all(|(found, after)| *found == after)
            );
        } else {
            assert_eq!(found, before);
        }
        let inserted = fixture.store.find(&id(&newer)).await.unwrap();
        assert_eq!(inserted.is_some(), commits);
    }
}

/// A collision undoes its batch and not the transaction.
#[tokio::test(flavor = "multi_thread")]
async fn collision_undoes_its_batch_alone() {
    let fixture = Fixture::new().await;
    let older = fixture.insert(&RECOVERY).await;
    let (one, two) = (fixture.issue(&RECOVERY), fixture.issue(&LINK));
    let mut transaction = begin(&fixture).await;
    let on = fixture.store.on(&mut transaction);
    on.insert(core::slice::from_ref(&two.record)).await.unwrap();
    let batch = [one.record.clone(), older.record.clone()];
    assert_eq!(on.insert(&batch).await.unwrap(), Inserted::Collision);
    transaction.commit().await.unwrap();
    let find = async |id| fixture.store.find(id).await.unwrap();
    assert_eq!(find(one.record.id()).await, None);
    assert_eq!(
        find(two.record.id()).await.as_ref(),
        Some(two.record.stored())
    );
    assert_eq!(
        find(older.record.id()).await.as_ref(),
        Some(older.record.stored())
    );
}
