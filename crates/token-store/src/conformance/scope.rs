//! Law 7.

use std::sync::Arc;

use ott_core::{Policy, Purpose, State, Subject, chrono::TimeDelta};

use super::{
    Harness,
    fixture::{
        BEARER, CODE, LINK, MICRO, Mint, Minted, NOWS, PAIRING, Time, alice, long_name, race,
        records, subject,
    },
    report::Law,
};
use crate::{Inserted, Redeemed, Revoke, TokenStore};

const SCOPE: Law = Law(
    7,
    "revoke and list touch that subject, tenant and purpose only",
);
const PURGE: Law = Law(7, "purge takes nothing live and counts what it removed");

/// Law 7: `revoke` and `list` touch that subject, tenant and purpose only, and not what `except`
/// names; `revoke` counts what it changed, and changes nothing twice.
pub async fn law_07_revoke_and_list_keep_to_their_own<H: Harness<Store: TokenStore>>(harness: &H) {
    // Names that a pattern, a collation, a join or a cut would take for alice of t1.
    let strangers = [
        subject("t1", "bob"),
        subject("t2", "alice"),
        subject("", "alice"),
        subject("t1", "Alice"),
        subject("t1", "alice "),
        subject("t1", "alic_"),
        subject("t1", "%"),
        subject("t1", "alíce"),
        subject("t1a", "lice"),
        subject("t", "1alice"),
        subject("alice", "t1"),
    ];
    for now in NOWS {
        own_alone(&*harness.store().await, &alice(), &strangers, now).await;
    }
    // And names of 255 bytes that differ in their last.
    let [own, other] = ['a', 'b'].map(long_name);
    let strangers = [subject(&own, &other), subject(&other, &own)];
    own_alone(
        &*harness.store().await,
        &subject(&own, &own),
        &strangers,
        NOWS[1],
    )
    .await;
}

async fn own_alone<S: TokenStore>(store: &S, owner: &Subject, strangers: &[Subject], now: Time) {
    let longer = Policy::bearer(Purpose::new("law-bearer-2"), TimeDelta::days(1));
    let mut mint = Mint::new();
    let mut theirs = Vec::new();
    for stranger in strangers {
        theirs.push(mint.mint(&BEARER, stranger, now));
        theirs.push(mint.mint(&CODE, stranger, now));
    }
    let nobodys = mint.mint_for(&PAIRING, owner.tenant(), None, b"", None, now);
    theirs.push(nobodys);
    let own = |mint: &mut Mint, policy: &Policy| {
        let mut minted = mint.batch(policy, owner, 2, now);
        minted.push(mint.mint(policy, owner, now - TimeDelta::seconds(5)));
        minted
    };
    let bearers = own(&mut mint, &BEARER);
    let others = own(&mut mint, &longer);
    for minted in theirs.iter().chain(&bearers).chain(&others) {
        let answer = SCOPE.answer("insert", store.insert(&records([minted])).await);
        SCOPE.same("inserting a bystander", &answer, &Inserted::Done);
    }
    lists(store, &subject(owner.tenant(), "nobody"), None, &[], now).await;
    let lists = async |policy: Option<&Policy>, expected: &[&Minted]| {
        lists(store, owner, policy, expected, now).await;
    };
    let all: Vec<_> = bearers.iter().chain(&others).collect();
    lists(None, &all).await;
    lists(Some(&BEARER), &bearers.iter().collect::<Vec<_>>()).await;
    lists(Some(&CODE), &[]).await;
    let revoke = async |what: Revoke, expected: u64| {
        let count = SCOPE.answer("revoke", store.revoke(&what).await);
        SCOPE.same(&format!("what {what:?} counts"), &count, &expected);
    };
    revoke(Revoke::purpose(owner, CODE.purpose()), 0).await;
    let id = *bearers[0].id();
    for stranger in strangers {
        revoke(Revoke::own(stranger, id), 0).await;
    }
    revoke(Revoke::own(owner, *theirs[0].id()), 0).await;
    revoke(Revoke::own(owner, id), 1).await;
    revoke(Revoke::own(owner, id), 0).await;
    let link = mint.mint(&LINK, owner, now);
    SCOPE.answer("insert", store.insert(&records([&link])).await);
    revoke(Revoke::Record(*link.id()), 1).await;
    revoke(Revoke::Record(*link.id()), 0).await;
    revoke(Revoke::purpose(owner, BEARER.purpose()), 2).await;
    revoke(Revoke::purpose(owner, BEARER.purpose()), 0).await;
    lists(None, &others.iter().collect::<Vec<_>>()).await;
    let but = |except: &Minted, purpose: Option<Purpose>| Revoke::Subject {
        subject: owner.clone(),
        purpose,
        except: Some(*except.id()),
    };
    revoke(but(&others[1], Some(*longer.purpose())), 2).await;
    lists(None, &[&others[1]]).await;
    revoke(but(&others[1], None), 0).await;
    revoke(but(&others[0], None), 1).await;
    revoke(Revoke::subject(owner), 0).await;
    lists(None, &[]).await;
    for minted in &all {
        let found = SCOPE.answer("find", store.find(minted.id()).await);
        SCOPE.same(
            "the state of what was revoked",
            &found.map(|found| found.state),
            &Some(State::Revoked),
        );
    }
    for minted in &theirs {
        let found = SCOPE.answer("find", store.find(minted.id()).await);
        let what = format!("a record of {:?}", minted.subject);
        SCOPE.same_record(&what, found.as_ref(), minted.stored());
    }
}

async fn lists<S: TokenStore>(
    store: &S,
    subject: &Subject,
    policy: Option<&Policy>,
    expected: &[&Minted],
    now: Time,
) {
    let purpose = policy.map(Policy::purpose);
    let listed = SCOPE.answer("list", store.list(subject, purpose, now).await);
    SCOPE.holds(listed.is_sorted_by_key(|stored| stored.issued_at), || {
        format!("the list of {subject:?} is not oldest first")
    });
    let strange = listed
        .iter()
        .find(|found| !expected.iter().any(|minted| *minted.id() == found.id));
    SCOPE.holds(strange.is_none(), || {
        format!("the list of {subject:?}, {purpose:?}, shows {strange:?}")
    });
    let what = format!("records listed for {subject:?}, {purpose:?}");
    SCOPE.same(&what, &listed.len(), &expected.len());
    for minted in expected {
        let found = listed.iter().find(|found| found.id == *minted.id());
        SCOPE.same_record(&what, found, minted.stored());
    }
}

/// Law 7: `purge` takes nothing live, counts what it removed, and removes at most its limit.
///
/// A purge that runs while tokens are redeemed takes none of them.
pub async fn law_07_purge_takes_the_dead_alone<H: Harness<Store: TokenStore>>(harness: &H) {
    for now in NOWS {
        purge_takes_the_dead_alone(harness, now).await;
    }
}

async fn purge_takes_the_dead_alone<H: Harness<Store: TokenStore>>(harness: &H, now: Time) {
    let store = harness.store().await;
    let mut mint = Mint::new();
    let ready = mint.batch(&LINK, &alice(), 12, now);
    PURGE.answer("insert", store.insert(&records(&ready)).await);
    for minted in &ready[..3] {
        PURGE.answer("redeem", store.redeem(&mint.right(minted), now).await);
    }
    for minted in &ready[3..6] {
        PURGE.answer("revoke", store.revoke(&Revoke::Record(*minted.id())).await);
    }
    let left = async || {
        let mut left = 0;
        for minted in &ready {
            let found = PURGE.answer("find", store.find(minted.id()).await);
            left += usize::from(found.is_some());
        }
        left
    };
    let purge = async |before: Time, limit: u32, expected: u64, what: &str| {
        let count = PURGE.answer("purge", store.purge(before, limit).await);
        PURGE.same(&format!("{what}: what `purge` counts"), &count, &expected);
    };
    purge(now, u32::MAX, 0, "before they were a microsecond old").await;
    purge(now + MICRO, 0, 0, "none allowed").await;
    purge(now + MICRO, 4, 4, "six final ones, four allowed").await;
    PURGE.same("records left", &left().await, &8);
    purge(now + MICRO, u32::MAX, 2, "two final ones left").await;
    PURGE.same("records left", &left().await, &6);
    let dead = ready[0].expires_at() + TimeDelta::seconds(60);
    purge(
        dead - MICRO,
        u32::MAX,
        0,
        "an approval might still make it live",
    )
    .await;
    for minted in &ready[6..] {
        let found = PURGE.answer("find", store.find(minted.id()).await);
        PURGE.same_record(
            "a live record after purges",
            found.as_ref(),
            minted.stored(),
        );
    }
    purge(dead, 5, 5, "six expired ones, five allowed").await;
    purge(dead, u32::MAX, 1, "one expired one left").await;
    PURGE.same("records left", &left().await, &0);
    purge(dead, u32::MAX, 0, "nothing left").await;
    beside_redeems(&store, &mut mint, now).await;
    // A purge leaves a slot in order: what a purged batch superseded stays so.
    let old = mint.mint_for(&CODE, "t1", Some(&alice()), b"", None, now + MICRO);
    let new = mint.resend(&old, now);
    for minted in [&old, &new] {
        PURGE.answer("insert", store.insert(&records([minted])).await);
    }
    PURGE.answer("revoke", store.revoke(&Revoke::Record(*new.id())).await);
    purge(now + MICRO, u32::MAX, 1, "the newer of two, revoked").await;
    let found = PURGE.answer("find", store.find(old.id()).await);
    PURGE.same(
        "what a purged batch had superseded",
        &found.map(|found| found.state),
        &Some(State::Superseded),
    );
}

async fn beside_redeems<S: TokenStore + 'static>(store: &Arc<S>, mint: &mut Mint, now: Time) {
    for round in 0..7 {
        let minted = mint.batch(&LINK, &alice(), 16, now);
        PURGE.answer("insert", store.insert(&records(&minted)).await);
        let answers = race(20, |task| {
            let store = Arc::clone(store);
            let right = minted.get(task).map(|minted| mint.right(minted));
            async move {
                match right {
                    Some(right) => store.redeem(&right, now).await.map(Some),
                    None => store.purge(now + MICRO, u32::MAX).await.map(|_| None),
                }
            }
        })
        .await;
        for told in answers {
            let told = PURGE.answer("redeem", told);
            PURGE.holds(!matches!(told, Some(Redeemed::Refused(_))), || {
                format!("round {round}: redeeming a live token beside purges got {told:?}")
            });
        }
        PURGE.answer("purge", store.purge(now + MICRO, u32::MAX).await);
    }
}
