//! Every verb that writes, what it is asked about, and what it leaves.

use core::{fmt::Debug, future::Future, pin::Pin};

use token_store::{
    Charge, Charged, ChargedFactors as _, ChargedStore as _, ConfirmIf, Cost, Decided,
    FactorChange, FactorState, FactorStore as _, Guess, LimitStore as _, Redeemed, RemoveIf,
    Revoke, StoreError, TokenStore as _,
    ott_core::{Decision, Issued, Limit, LimitKey, LimitScope, Presented, Record},
};
use token_store_sqlx::{
    SqliteStore,
    sqlx::{self, AssertSqlSafe},
};

use crate::fixture::{Fixture, LINK, PROMPT, RECOVERY, now};

pub(crate) const FREE: Cost<'static> = Cost {
    charges: &[],
    unknown_is_free: true,
};

/// What a verb answered, in words.
pub(crate) type Told = Result<String, StoreError>;
pub(crate) type Verb<'s> = Pin<Box<dyn Future<Output = Told> + Send + 's>>;

pub(crate) fn verb<'s, T: Debug>(
    verb: impl Future<Output = Result<T, StoreError>> + Send + 's,
) -> Verb<'s> {
    Box::pin(async { verb.await.map(|answer| format!("{answer:?}")) })
}

/// What each verb is asked about: nothing is two verbs'.
pub(crate) struct Prepared {
    pub(crate) inserted: Record,
    pub(crate) replaced: Issued,
    pub(crate) replacing: Record,
    pub(crate) right: Presented,
    pub(crate) earning: Presented,
    pub(crate) earned: Record,
    pub(crate) prompt: Issued,
    pub(crate) approval: Decision,
    pub(crate) touched: Issued,
    pub(crate) revoked: Issued,
    pub(crate) charges: [Charge; 3],
    /// Charged by the wrong guess.
    pub(crate) guessed: [Charge; 1],
    /// Asked by the right guess, which clears the second.
    pub(crate) asked: [Charge; 2],
}

pub(crate) const NAMES: [&str; 18] = [
    "insert",
    "insert into a slot",
    "redeem",
    "redeem and earn",
    "decide",
    "touch",
    "revoke",
    "spend",
    "refund",
    "clear",
    "insert_factor",
    "confirm",
    "advance",
    "update",
    "remove",
    "restore",
    "advance_charged, wrong",
    "advance_charged",
];
pub(crate) const MANY: usize = NAMES.len();

pub(crate) async fn prepare(fixture: &Fixture) -> Prepared {
    let store = &fixture.store;
    let replaced = fixture.insert(&RECOVERY).await;
    let prompt = fixture.insert(&PROMPT).await;
    let redeemed = fixture.insert(&LINK).await;
    let earning = fixture.insert(&LINK).await;
    let charge = |name| Charge {
        key: LimitKey::new(LimitScope::Application, name, &fixture.binding()),
        limit: Limit::ceiling(5),
    };
    let charges = ["a", "b", "c"].map(charge);
    store.spend(&charges, now()).await.unwrap();
    let (guessed, asked) = (["d"].map(charge), ["e", "f"].map(charge));
    for _ in 0..2 {
        store.spend(&guessed, now()).await.unwrap();
    }
    store.spend(&asked[1..], now()).await.unwrap();
    for (id, state) in [
        (2, FactorState::Pending),
        (3, FactorState::Active),
        (4, FactorState::Active),
        (5, FactorState::Active),
        (6, FactorState::Active),
        (7, FactorState::Active),
    ] {
        let factor = fixture.factor(id, state);
        assert!(store.insert_factor(&factor).await.unwrap());
    }
    let removed = fixture.factor(6, FactorState::Active).id;
    let removed = store.remove(&removed, RemoveIf::Always, &[], now());
    assert!(removed.await.unwrap());
    Prepared {
        inserted: fixture.issue(&LINK).record,
        replacing: fixture.issue(&RECOVERY).record,
        right: fixture.right(&LINK, &redeemed),
        earning: fixture.right(&LINK, &earning),
        earned: fixture.issue(&LINK).record,
        approval: fixture.approval(&prompt),
        touched: fixture.insert(&LINK).await,
        revoked: fixture.insert(&LINK).await,
        replaced,
        prompt,
        charges,
        guessed,
        asked,
    }
}

/// All of them, in the order of [`NAMES`].
pub(crate) fn verbs<'s>(
    store: &'s SqliteStore,
    fixture: &'s Fixture,
    prepared: &'s Prepared,
) -> Vec<Verb<'s>> {
    let [spent, refunded, cleared] = &prepared.charges;
    let factor = |id| fixture.factor(id, FactorState::Active);
    vec![
        verb(store.insert(core::slice::from_ref(&prepared.inserted))),
        verb(store.insert(core::slice::from_ref(&prepared.replacing))),
        verb(async {
            Ok(matches!(
                store.redeem(&prepared.right, now()).await?,
                Redeemed::Redeemed(_)
            ))
        }),
        verb(async {
            let earned = core::slice::from_ref(&prepared.earned);
            let told = store.redeem_charged(&prepared.earning, FREE, earned, now());
            Ok(matches!(
                told.await?,
                Charged::Answered(Redeemed::Redeemed(_))
            ))
        }),
        verb(async {
            let id = prepared.prompt.record.id();
            let decided = store.decide(id, &prepared.approval, now()).await?;
            Ok(matches!(decided, Decided::Decided(_)))
        }),
        verb(store.touch(prepared.touched.record.id(), now())),
        verb(async {
            store
                .revoke(&Revoke::Record(*prepared.revoked.record.id()))
                .await
        }),
        verb(store.spend(core::slice::from_ref(spent), now())),
        verb(store.refund(core::slice::from_ref(refunded), 1)),
        verb(store.clear(&cleared.key)),
        verb(async move { store.insert_factor(&factor(1)).await }),
        verb(async move {
            store
                .confirm(&factor(2).id, Some(1), ConfirmIf::Always, now())
                .await
        }),
        verb(async move { store.advance(&factor(3).id, 1, now()).await }),
        verb(async move {
            store
                .update(&factor(4).id, &FactorChange::Label("other".into()))
                .await
        }),
        verb(async move {
            store
                .remove(&factor(5).id, RemoveIf::Always, &[], now())
                .await
        }),
        verb(async move { store.restore(&factor(6).id).await }),
        verb(async {
            let guess = Guess {
                right: None,
                charges: &prepared.guessed,
                cleared: &[],
            };
            store.advance_charged(guess, now()).await
        }),
        verb(async move {
            let guess = Guess {
                right: Some((factor(7).id, 2)),
                charges: &prepared.asked,
                cleared: &prepared.asked[1..]
                    .iter()
                    .map(|charge| charge.key)
                    .collect::<Vec<_>>(),
            };
            store.advance_charged(guess, now()).await
        }),
    ]
}

/// What each answers when it is done.
pub(crate) const DONE: [&str; MANY] = [
    "Done",
    "Done",
    "true",
    "true",
    "true",
    "()",
    "1",
    "Allowed",
    "()",
    "()",
    "true",
    "Accepted",
    "Accepted",
    "true",
    "true",
    "true",
    "Answered(None)",
    "Answered(Some(Accepted))",
];

/// Whether what each of them does is done.
pub(crate) async fn effects(store: &SqliteStore, prepared: &Prepared) -> [bool; MANY] {
    let find = |id| async move { store.find(&id).await.unwrap() };
    let state = |id| async move {
        store
            .find(&id)
            .await
            .unwrap()
            .map(|found| found.state.number())
    };
    let used = |id| async move { store.find(&id).await.unwrap().unwrap().used_at.is_some() };
    let count = |charge: Charge| async move {
        let select = "SELECT count FROM ott_limits WHERE key = ?1";
        let count = sqlx::query_scalar::<_, i64>(select).bind(charge.key.as_bytes().as_slice());
        count.fetch_optional(store.pool()).await.unwrap()
    };
    let factor = |id: u8, holds: &'static str| async move {
        let select = format!("SELECT count(*) FROM ott_factors WHERE id = ?1 AND {holds}");
        let select = sqlx::query_scalar::<_, i64>(AssertSqlSafe(select)).bind(vec![id; 16]);
        select.fetch_one(store.pool()).await.unwrap() == 1
    };
    let replaced = state(*prepared.replaced.record.id()).await == Some(6);
    assert_eq!(
        find(*prepared.replacing.id()).await.is_some(),
        replaced,
        "half of an insert"
    );
    let earned = find(*prepared.earned.id()).await.is_some();
    let earning = state(*prepared.earning.id()).await == Some(5);
    assert_eq!(earned, earning, "half of a redeem that earns");
    let [spent, refunded, cleared] = prepared.charges;
    let [asked, failures] = prepared.asked;
    assert_eq!(count(asked).await, None, "a charge of a success");
    let burnt = factor(7, "last = 2").await;
    let left = (!burnt).then_some(1);
    assert_eq!(count(failures).await, left, "half of a right guess");
    [
        find(*prepared.inserted.id()).await.is_some(),
        replaced,
        state(*prepared.right.id()).await == Some(5),
        earned,
        state(*prepared.prompt.record.id()).await == Some(1),
        used(*prepared.touched.record.id()).await,
        state(*prepared.revoked.record.id()).await == Some(4),
        count(spent).await == Some(2),
        count(refunded).await == Some(0),
        count(cleared).await.is_none(),
        factor(1, "true").await,
        factor(2, "state = 1").await,
        factor(3, "last = 1").await,
        factor(4, "label = 'other'").await,
        factor(5, "state = 3").await,
        factor(6, "state = 1").await,
        count(prepared.guessed[0]).await == Some(3),
        burnt,
    ]
}
