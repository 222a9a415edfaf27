//! Law 13 and law 10 of what a redeem earns.

use ott_core::{Limit, Presented, Reason, Record, RecordId, State, Stored};

use super::{
    Harness,
    charged::{LAW, Together, charge, cost, is_twice, passes},
    dice::{Dice, any_seed},
    dropped::{LAW as DROPPED, cut},
    fixture::{
        AGES, BEARER, CODE, Mint, NOWS, PROMPT, Pair, RECOVERY, Time, alice, at, race, records,
        rounds, subject,
    },
};
use crate::{Charge, Charged, ChargedStore, Redeemed, Spent, TokenStore};

async fn found<S: TokenStore>(store: &S, id: &RecordId) -> Option<Stored> {
    LAW.answer("find", store.find(id).await)
}

/// A redeem that a store in order answers.
async fn earn<S: Together>(
    store: &S,
    presented: &Presented,
    charges: &[Charge],
    earned: &[Record],
    now: Time,
) -> Charged<Redeemed> {
    let told = store.redeem_charged(presented, cost(charges), earned, now);
    LAW.answer("redeem_charged", told.await)
}

async fn state<S: TokenStore>(store: &S, id: &RecordId) -> Option<State> {
    found(store, id).await.map(|found| found.state)
}

async fn insert<S: TokenStore>(store: &S, batch: &[Record]) {
    LAW.answer("insert", store.insert(batch).await);
}

/// Law 13: what is earned is there after a success, as it was given, and after no refusal.
pub async fn law_13_earned_comes_with_its_redeem<H: Harness<Store: Together>>(harness: &H) {
    for now in NOWS {
        earned_comes_with_its_redeem(&*harness.store().await, now).await;
    }
}

async fn earned_comes_with_its_redeem<S: Together>(store: &S, now: Time) {
    let mut mint = Mint::new();
    let full = [charge("full", Limit::ceiling(1))];
    LAW.answer("spend", store.spend(&full, now).await);
    let free = [charge("free", Limit::ceiling(9))];
    let code = mint.mint(&CODE, &alice(), now);
    let (prompt, unknown) = (
        mint.mint(&PROMPT, &alice(), now),
        mint.mint(&CODE, &alice(), now),
    );
    insert(store, &records([&code, &prompt])).await;
    let refused = |reason| Charged::Answered(Redeemed::Refused(reason));
    let limited = Charged::Refused(Spent::Locked(full[0].key));
    let (right, ages) = (mint.right(&code), at(AGES));
    for (presented, charges, when, expected) in [
        (mint.wrong(&code, 1), &free, now, refused(Reason::Mismatch)),
        (mint.keyless(&code), &free, now, refused(Reason::KeyMissing)),
        (mint.right(&prompt), &free, now, refused(Reason::Pending)),
        (mint.right(&unknown), &free, now, refused(Reason::Unknown)),
        (right.clone(), &free, ages, refused(Reason::Expired)),
        (right.clone(), &full, now, limited),
    ] {
        let session = mint.mint(&BEARER, &alice(), now);
        let earned = records([&session]);
        let told = earn(store, &presented, charges, &earned, when).await;
        LAW.same("a redeem that earns", &told, &expected);
        let what = format!("what a redeem earned that got {told:?}");
        LAW.same(&what, &found(store, session.id()).await, &None);
    }
    let session = mint.in_use(&BEARER, &alice(), now);
    let other = mint.mint(&BEARER, &subject("t2", "bob"), now);
    let earned = records([&session, &other]);
    let told = earn(store, &right, &free, &earned, now).await;
    let redeemed = matches!(told, Charged::Answered(Redeemed::Redeemed(_)));
    LAW.holds(redeemed, || format!("a right code got {told:?}"));
    for one in [&session, &other] {
        let there = found(store, one.id()).await;
        LAW.same_record("what a code earned", there.as_ref(), one.stored());
    }
    let listed = store.list(&alice(), Some(BEARER.purpose()), now).await;
    let listed = LAW.answer("list", listed);
    LAW.same("sessions of alice", &listed.len(), &1);
    // Without a limit it is the same step.
    let (code, late) = (
        mint.mint(&CODE, &alice(), now),
        mint.mint(&BEARER, &alice(), now),
    );
    insert(store, &records([&code])).await;
    for (times, presented) in [mint.wrong(&code, 2), mint.right(&code)].iter().enumerate() {
        earn(store, presented, &[], &records([&late]), now).await;
        let there = found(store, late.id()).await.is_some();
        LAW.same("what is earned without a limit", &there, &(times == 1));
    }
    let told = earn(store, &right, &free, &records([&unknown]), now).await;
    LAW.same("the code again", &told, &refused(Reason::Spent));
    LAW.same(
        "what it earned again",
        &found(store, unknown.id()).await,
        &None,
    );
}

/// Law 13: what is earned supersedes as an insert does: its own slot, and nothing that is final.
pub async fn law_13_earned_supersedes_exactly_its_own<H: Harness<Store: Together>>(harness: &H) {
    for now in NOWS {
        earned_supersedes_exactly_its_own(&*harness.store().await, now).await;
    }
}

async fn earned_supersedes_exactly_its_own<S: Together>(store: &S, now: Time) {
    let mut mint = Mint::new();
    let (code, older) = (
        mint.mint(&CODE, &alice(), now),
        mint.mint(&CODE, &alice(), now),
    );
    let spared = mint.mint(&CODE, &alice(), now);
    insert(store, &records([&code, &older, &spared])).await;
    // In the slot of another flow, and in the one of the code itself.
    let earned = [mint.resend(&older, now), mint.resend(&code, now)];
    let right = mint.right(&code);
    earn(store, &right, &[], &records(&earned), now).await;
    for (what, one, expected) in [
        ("the code that earned", &code, State::Spent),
        ("what stood in the slot", &older, State::Superseded),
        ("what stood elsewhere", &spared, State::Ready),
        ("what was earned", &earned[0], State::Ready),
        (
            "what was earned in the code's slot",
            &earned[1],
            State::Ready,
        ),
    ] {
        LAW.same(what, &state(store, one.id()).await, &Some(expected));
    }
    let told = earn(store, &mint.right(&earned[1]), &[], &[], now).await;
    let redeemed = matches!(told, Charged::Answered(Redeemed::Redeemed(_)));
    LAW.holds(redeemed, || format!("what was earned got {told:?}"));
}

/// Law 13: where an id of what is earned is there already, nothing is redeemed, charged, inserted or superseded.
pub async fn law_13_earned_twice_redeems_nothing<H: Harness<Store: Together>>(harness: &H) {
    for now in NOWS {
        earned_twice_redeems_nothing(&*harness.store().await, now).await;
    }
}

async fn earned_twice_redeems_nothing<S: Together>(store: &S, now: Time) {
    let mut mint = Mint::new();
    let ceiling = charge("twice earned", Limit::ceiling(3));
    let (code, older) = (
        mint.mint(&CODE, &alice(), now),
        mint.mint(&CODE, &alice(), now),
    );
    insert(store, &records([&code, &older])).await;
    let there = mint.mint(&BEARER, &alice(), now);
    insert(store, &records([&there])).await;
    let (new, newer) = (mint.mint(&BEARER, &alice(), now), mint.resend(&older, now));
    let right = mint.right(&code);
    for (what, earned) in [
        ("what is there", records([&newer, &new, &there])),
        ("one twice", records([&newer, &new, &new])),
        ("the code itself", records([&code])),
    ] {
        let charges = [ceiling];
        let told = store.redeem_charged(&right, cost(&charges), &earned, now);
        is_twice(what, &told.await);
        let code = found(store, code.id()).await;
        let code = code.map(|code| (code.state, code.attempts));
        LAW.same(what, &code, &Some((State::Ready, 0)));
        for one in [&new, &newer] {
            LAW.same(what, &found(store, one.id()).await, &None);
        }
        let older = state(store, older.id()).await;
        LAW.same(what, &older, &Some(State::Ready));
    }
    // A wrong guess does not come so far.
    let (wrong, earned) = (mint.wrong(&code, 1), records([&there]));
    let told = earn(store, &wrong, &[ceiling], &earned, now).await;
    let mismatch = Charged::Answered(Redeemed::Refused(Reason::Mismatch));
    LAW.same(
        "a wrong guess that would earn what is there",
        &told,
        &mismatch,
    );
    LAW.same("what is left of 3", &passes(store, ceiling).await, &2);
}

/// Law 13: 50 tasks with one code and a session each, at two instances: one code is redeemed, and its session alone lives. Of 10 recovery
/// codes that renew themselves at once, one does.
pub async fn law_13_one_code_earns_once<H: Harness<Store: Together>>(harness: &H) {
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut mint = Mint::new();
    for (round, now) in rounds(harness.rounds() / 50) {
        let owner = subject("t1", &format!("alice {round}"));
        let charges = [charge(&format!("earning {round}"), Limit::ceiling(60))];
        let code = mint.mint(&CODE, &owner, now);
        insert(store, &records([&code])).await;
        let sessions: Vec<_> = (0..50).map(|_| mint.mint(&BEARER, &owner, now)).collect();
        let answers = race(50, |task| {
            let (store, right) = (stores.of(task), mint.right(&code));
            let earned = records([&sessions[task]]);
            async move {
                store
                    .redeem_charged(&right, cost(&charges), &earned, now)
                    .await
            }
        });
        let answers = answers.await.into_iter().zip(&sessions);
        let won: Vec<_> = answers
            .filter_map(|(told, session)| match LAW.answer("redeem_charged", told) {
                Charged::Answered(Redeemed::Redeemed(_)) => Some(*session.id()),
                Charged::Answered(Redeemed::Refused(Reason::Spent)) => None,
                told => LAW.broken(&format!("one of 50 got {told:?}")),
            })
            .collect();
        LAW.same("how many of 50 redeemed one code", &won.len(), &1);
        let listed = store.list(&owner, Some(BEARER.purpose()), now).await;
        let listed = LAW.answer("list", listed);
        let listed: Vec<_> = listed.into_iter().map(|session| session.id).collect();
        LAW.same("the sessions that one code earned", &listed, &won);

        let codes: Vec<_> = (0..10).map(|_| mint.mint(&RECOVERY, &owner, now)).collect();
        insert(store, &records(&codes)).await;
        let newer: Vec<_> = (0..10).map(|_| mint.mint(&RECOVERY, &owner, now)).collect();
        let answers = race(10, |task| {
            let (store, right) = (stores.of(task), mint.right(&codes[task]));
            let earned = records([&newer[task]]);
            async move { store.redeem_charged(&right, cost(&[]), &earned, now).await }
        });
        let answers = answers.await.into_iter().zip(&newer);
        let won: Vec<_> = answers
            .filter_map(|(told, newer)| match LAW.answer("redeem_charged", told) {
                Charged::Answered(Redeemed::Redeemed(_)) => Some(*newer.id()),
                Charged::Answered(Redeemed::Refused(Reason::Superseded)) => None,
                told => LAW.broken(&format!("one of 10 got {told:?}")),
            })
            .collect();
        let listed = store.list(&owner, Some(RECOVERY.purpose()), now).await;
        let listed = LAW.answer("list", listed);
        let listed: Vec<_> = listed.into_iter().map(|code| code.id).collect();
        LAW.same("how many of 10 renewed one set", &won.len(), &1);
        LAW.same("the set that is left", &listed, &won);
    }
}

/// Law 10: a dropped future leaves a redeem done with what it earned, or neither.
pub async fn law_10_dropped_earning<H: Harness<Store: Together>>(harness: &H) {
    let store = harness.store().await;
    let (mut mint, mut dice) = (Mint::new(), Dice::new(any_seed()));
    for (_, now) in rounds(harness.rounds() / 5) {
        let code = mint.mint(&CODE, &alice(), now);
        insert(&*store, &records([&code])).await;
        let right = mint.right(&code);
        let [first, second] = [(), ()].map(|()| mint.mint(&BEARER, &alice(), now));
        let earned = records([&first]);
        let told = store.redeem_charged(&right, cost(&[]), &earned, now);
        let told = cut(&mut dice, told).await;
        // If it was dropped it may be done now, or while this waits.
        let earned = records([&second]);
        let again = store.redeem_charged(&right, cost(&[]), &earned, now);
        let again = DROPPED.answer("redeem_charged", again.await);
        let was_done = again == Charged::Answered(Redeemed::Refused(Reason::Spent));
        let won = matches!(again, Charged::Answered(Redeemed::Redeemed(_)));
        let there = [
            found(&*store, first.id()).await.is_some(),
            found(&*store, second.id()).await.is_some(),
        ];
        let holds = there == [was_done, won] && was_done != won && (told.is_none() || was_done);
        DROPPED.holds(holds, || {
            format!("a redeem that earns got {told:?}, and again {again:?}; of both sessions there are {there:?}")
        });
    }
}
