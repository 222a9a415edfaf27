//! Law 5.

use std::sync::Arc;

use ott_core::{Reason, State, Subject};

use super::{
    Harness,
    fixture::{
        CODE, LINK, Mint, Minted, NOWS, OTHER_CODE, RECOVERY, Time, alice, race, records, rounds,
        subject,
    },
    report::Law,
};
use crate::{Inserted, Redeemed, TokenStore};

const BATCH: Law = Law(
    5,
    "a batch is all or none; a second insert of an id is `Collision` and retires nothing",
);
const SLOT: Law = Law(
    5,
    "superseding retires exactly its own, also when 16 insert at once",
);

/// Law 5: a batch is inserted whole or not at all; a second insert of an id is `Collision`, and
/// then nothing was inserted or retired.
pub async fn law_05_batch_is_all_or_none<H: Harness<Store: TokenStore>>(harness: &H) {
    for now in NOWS {
        batch_is_all_or_none(harness, now).await;
    }
}

async fn batch_is_all_or_none<H: Harness<Store: TokenStore>>(harness: &H, now: Time) {
    let store = harness.store().await;
    let mut mint = Mint::new();
    let old = mint.batch(&RECOVERY, &alice(), 10, now);
    insert(&*store, BATCH, "ten recovery codes", &old, Inserted::Done).await;
    let link = mint.mint(&LINK, &alice(), now);
    insert(&*store, BATCH, "a link", [&link], Inserted::Done).await;
    for place in 0..3 {
        let new = mint.batch(&RECOVERY, &alice(), 3, now);
        let mut batch = records(&new);
        batch.insert(place, link.record.clone());
        let what = format!("a batch with a known id in place {place}");
        let answer = BATCH.answer("insert", store.insert(&batch).await);
        BATCH.same(&what, &answer, &Inserted::Collision);
        nothing_happened(&*store, &what, &new, &old).await;
        let mut batch = records(&new);
        batch.insert(place, new[2].record.clone());
        let what = format!("a batch with one id twice, in place {place}");
        let answer = BATCH.answer("insert", store.insert(&batch).await);
        BATCH.same(&what, &answer, &Inserted::Collision);
        nothing_happened(&*store, &what, &new, &old).await;
    }
    // Spent or revoked, an id stays taken: a second insert would bring the token back.
    redeem(&*store, BATCH, &mint, &old[0], now).await;
    insert(
        &*store,
        BATCH,
        "a spent code",
        &old[..1],
        Inserted::Collision,
    )
    .await;
    state(
        &*store,
        BATCH,
        "a spent code, inserted again",
        &old[0],
        State::Spent,
    )
    .await;
    insert(&*store, BATCH, "no record at all", &[], Inserted::Done).await;
    for round in 0..(harness.rounds() / 30).max(1) {
        let new = mint.batch(&LINK, &alice(), 3, now);
        let answers = race(16, |_| {
            let (store, batch) = (Arc::clone(&store), records(&new));
            async move { store.insert(&batch).await }
        })
        .await;
        let answers = answers.into_iter().map(|told| BATCH.answer("insert", told));
        let done = answers.filter(|told| *told == Inserted::Done).count();
        BATCH.holds(done == 1, || {
            format!("round {round}: {done} of 16 inserts of one batch were done")
        });
    }
}

/// Law 5: a new batch retires what shares its slot, and nothing else; when 16 insert at once,
/// exactly one batch remains, whole.
pub async fn law_05_superseding_retires_exactly_its_own<H: Harness<Store: TokenStore>>(
    harness: &H,
) {
    let store = harness.store().await;
    let mut mint = Mint::new();
    for (round, now) in rounds(harness.rounds() / 10) {
        let owner = subject("t1", &format!("alice {round}"));
        one_after_the_other(&*store, &mut mint, &owner, now).await;
        sixteen_at_once(&store, &mut mint, round, now).await;
    }
}

async fn one_after_the_other<S: TokenStore>(
    store: &S,
    mint: &mut Mint,
    owner: &Subject,
    now: Time,
) {
    let elsewhere = subject("t2", owner.id());
    let first = mint.mint(&CODE, owner, now);
    let again = mint.resend(&first, now);
    let bystanders = [
        ("another flow's code", mint.mint(&CODE, owner, now)),
        ("another purpose's code", mint.mint(&OTHER_CODE, owner, now)),
        ("a link", mint.mint(&LINK, owner, now)),
        ("a recovery code", mint.mint(&RECOVERY, owner, now)),
        (
            "another tenant's recovery code",
            mint.mint(&RECOVERY, &elsewhere, now),
        ),
    ];
    insert(store, SLOT, "a code", [&first], Inserted::Done).await;
    for (_, minted) in &bystanders {
        insert(store, SLOT, "a bystander", [minted], Inserted::Done).await;
    }
    insert(
        store,
        SLOT,
        "the same flow's next code",
        [&again],
        Inserted::Done,
    )
    .await;
    state(
        store,
        SLOT,
        "a code that was sent again",
        &first,
        State::Superseded,
    )
    .await;
    state(store, SLOT, "the newer code", &again, State::Ready).await;
    let refused = SLOT.answer("redeem", store.redeem(&mint.right(&first), now).await);
    SLOT.same(
        "redeeming a superseded code",
        &refused,
        &Redeemed::Refused(Reason::Superseded),
    );
    for (what, minted) in &bystanders {
        state(
            store,
            SLOT,
            &format!("beside a resend, {what}"),
            minted,
            State::Ready,
        )
        .await;
    }
    redeem(store, SLOT, mint, &again, now).await;
    let third = mint.resend(&again, now);
    insert(store, SLOT, "a third code", [&third], Inserted::Done).await;
    state(
        store,
        SLOT,
        "a spent code that was sent again",
        &again,
        State::Spent,
    )
    .await;
}

async fn sixteen_at_once<S: TokenStore + 'static>(
    store: &Arc<S>,
    mint: &mut Mint,
    round: usize,
    now: Time,
) {
    const TASKS: usize = 16;
    let owner = subject("t1", &format!("bob {round}"));
    let old = mint.batch(&RECOVERY, &owner, 3, now);
    insert(&**store, SLOT, "recovery codes", &old, Inserted::Done).await;
    let batches: Vec<_> = (0..TASKS)
        .map(|_| mint.batch(&RECOVERY, &owner, 3, now))
        .collect();
    // Among them, somebody uses one of the old codes: spent or superseded, never both.
    let right = mint.right(&old[0]);
    let answers = race(TASKS + 1, |task| {
        let (store, right) = (Arc::clone(store), right.clone());
        let batch = batches.get(task).map(records);
        async move {
            match batch {
                Some(batch) => {
                    let told = store.insert(&batch).await;
                    told.map(|told| told == Inserted::Done)
                }
                None => {
                    let told = store.redeem(&right, now).await;
                    told.map(|told| matches!(told, Redeemed::Redeemed(_)))
                }
            }
        }
    })
    .await;
    let told: Vec<_> = answers
        .into_iter()
        .map(|told| SLOT.answer("insert", told))
        .collect();
    SLOT.holds(told[..TASKS].iter().all(|done| *done), || {
        format!("round {round}: of {TASKS} different batches some were not inserted")
    });
    let used = if told[TASKS] {
        State::Spent
    } else {
        State::Superseded
    };
    state(
        &**store,
        SLOT,
        "an old code that raced with 16 batches",
        &old[0],
        used,
    )
    .await;
    let mut live = Vec::new();
    for batch in &batches {
        let mut states = Vec::new();
        for minted in batch {
            let found = SLOT.answer("find", store.find(minted.id()).await);
            states.push(found.map(|found| found.state));
        }
        let all = |state| states.iter().all(|found| *found == Some(state));
        live.extend(all(State::Ready).then_some(()));
        SLOT.holds(all(State::Ready) || all(State::Superseded), || {
            format!("round {round}: one of {TASKS} batches is neither live nor retired: {states:?}")
        });
    }
    SLOT.holds(live.len() == 1, || {
        format!(
            "round {round}: {} of {TASKS} batches of one slot are live",
            live.len()
        )
    });
    let listed = SLOT.answer("list", store.list(&owner, None, now).await);
    SLOT.same("records of the slot in `list`", &listed.len(), &3);
}

async fn nothing_happened<S: TokenStore>(store: &S, what: &str, new: &[Minted], old: &[Minted]) {
    for minted in new {
        let found = BATCH.answer("find", store.find(minted.id()).await);
        BATCH.holds(found.is_none(), || {
            format!("{what} left one of the batch behind")
        });
    }
    for minted in old {
        state(
            store,
            BATCH,
            &format!("{what}: an older code"),
            minted,
            State::Ready,
        )
        .await;
    }
}

async fn insert<'m, S: TokenStore>(
    store: &S,
    law: Law,
    what: &str,
    batch: impl IntoIterator<Item = &'m Minted>,
    expected: Inserted,
) {
    let answer = law.answer("insert", store.insert(&records(batch)).await);
    law.same(&format!("inserting {what}"), &answer, &expected);
}

async fn redeem<S: TokenStore>(store: &S, law: Law, mint: &Mint, minted: &Minted, now: Time) {
    let answer = law.answer("redeem", store.redeem(&mint.right(minted), now).await);
    law.holds(matches!(answer, Redeemed::Redeemed(_)), || {
        format!("redeeming a live code got {answer:?}")
    });
}

async fn state<S: TokenStore>(store: &S, law: Law, what: &str, minted: &Minted, expected: State) {
    let found = law.answer("find", store.find(minted.id()).await);
    law.same(what, &found.map(|found| found.state), &Some(expected));
}
