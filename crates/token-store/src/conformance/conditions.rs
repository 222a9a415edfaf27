//! Law 8: what must hold in the step of a verb.

use ott_core::Subject;

use super::{
    Harness,
    dice::{Dice, any_seed},
    factors::{factor, find, insert},
    fixture::{NOWS, Pair, alice, race, rounds, subject},
    report::Law,
};
use crate::{Advanced, ConfirmIf, FactorState, FactorStore, RemoveIf, StoredFactor};

const ONE: Law = Law(
    8,
    "`remove` beside another factor only while that one is active; of all at once one stays",
);
const FIRST: Law = Law(
    8,
    "`confirm` decides in its own step: of first factors at once one is accepted",
);
const PENDING: Law = Law(
    8,
    "what waits for its confirmation is confirmed or removed, and never both",
);

/// Law 8: a removal beside another factor takes place only if that one is active in the same step, or spare where
/// a spare one is removed: of all that a subject has, removed beside each other at once, one stays.
pub async fn law_08_one_factor_stays<H: Harness<Store: FactorStore>>(harness: &H) {
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut dice = Dice::new(any_seed());
    let own = factor(&mut dice, &alice(), FactorState::Active);
    insert(store, ONE, &own).await;
    let unknown = factor(&mut dice, &alice(), FactorState::Active);
    let foreign = factor(&mut dice, &subject("t1", "Alice"), FactorState::Active);
    insert(store, ONE, &foreign).await;
    let spare = factor(&mut dice, &alice(), FactorState::Spare);
    insert(store, ONE, &spare).await;
    let mut others = vec![
        (own.id, FactorState::Active),
        (spare.id, FactorState::Spare),
    ];
    for state in FactorState::ALL {
        let other = factor(&mut dice, &alice(), state);
        insert(store, ONE, &other).await;
        others.push((other.id, state));
    }
    for (own, now) in [(&own, NOWS[1]), (&spare, NOWS[2])] {
        let mut useless = vec![own.id, unknown.id, foreign.id];
        let of_another_kind = others.iter().filter(|(_, state)| *state != own.state);
        useless.extend(of_another_kind.map(|(id, _)| *id));
        for other in useless {
            let only = RemoveIf::Beside(other);
            let told = store.remove(&own.id, only, &[], now).await;
            ONE.same(
                "`remove` beside itself, or one that does not stand as it does or is not hers",
                &ONE.answer("remove", told),
                &false,
            );
            let found = find(store, ONE, &alice(), own.id).await;
            ONE.same("the factor", &found.state, &own.state);
        }
    }
    for (round, now) in rounds(harness.rounds() / 5) {
        let owner = subject("t1", &format!("owner {round}"));
        let mut ids = Vec::new();
        let state = [FactorState::Active, FactorState::Spare][round % 2];
        for _ in 0..3 {
            let made = factor(&mut dice, &owner, state);
            insert(store, ONE, &made).await;
            ids.push(made.id);
        }
        let pairs = [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)];
        let told = race(pairs.len(), |task| {
            let store = stores.of(task);
            let (own, other) = pairs[task];
            let (own, other) = (ids[own], ids[other]);
            async move { store.remove(&own, RemoveIf::Beside(other), &[], now).await }
        })
        .await;
        let told = told.into_iter().map(|told| ONE.answer("remove", told));
        let removed = told.filter(|removed| *removed).count();
        let left = ONE.answer("factors", store.factors(&owner).await);
        let stayed = left.iter().filter(|factor| factor.state == state).count();
        ONE.holds((removed, stayed) == (2, 1), || {
            format!("round {round}: of three factors that are {state:?} {removed} were removed and {stayed} stayed")
        });
    }
}

/// Law 8: `confirm` as the first only while no other factor of the subject is active or disabled, and beside
/// another only while that one is active; of all that are confirmed as the first at once, one is.
pub async fn law_08_one_first_factor<H: Harness<Store: FactorStore>>(harness: &H) {
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut dice = Dice::new(any_seed());
    conditions_of_confirm(store, &mut dice).await;
    for (round, now) in rounds(harness.rounds() / 5) {
        let owner = subject("t1", &format!("owner {round}"));
        let mut ids = Vec::new();
        for _ in 0..4 {
            let made = factor(&mut dice, &owner, FactorState::Pending);
            // The last two are enrolled while the others are confirmed.
            if ids.len() < 2 {
                insert(store, FIRST, &made).await;
            }
            ids.push(made);
        }
        let told = race(ids.len(), |task| {
            let (store, made) = (stores.of(task), ids[task].clone());
            async move {
                if task >= 2 {
                    store.insert_factor(&made).await?;
                }
                store.confirm(&made.id, None, ConfirmIf::First, now).await
            }
        })
        .await;
        let told = told.into_iter().map(|told| FIRST.answer("confirm", told));
        let accepted = told.filter(|told| *told == Advanced::Accepted).count();
        let active = active(store, &owner, FIRST).await;
        FIRST.holds((accepted, active) == (1, 1), || {
            format!("round {round}: of four first factors {accepted} were accepted, and {active} are active")
        });
    }
}

async fn conditions_of_confirm<S: FactorStore>(store: &S, dice: &mut Dice) {
    let foreign = factor(dice, &subject("t1", "Alice"), FactorState::Active);
    insert(store, FIRST, &foreign).await;
    for (number, state) in FactorState::ALL.into_iter().enumerate() {
        let now = NOWS[number % 3];
        let owner = subject("t2", &format!("owner {number}"));
        let own = factor(dice, &owner, FactorState::Pending);
        let other = factor(dice, &owner, state);
        let unknown = factor(dice, &owner, FactorState::Active).id;
        insert(store, FIRST, &own).await;
        insert(store, FIRST, &other).await;
        let is_first = !matches!(state, FactorState::Active | FactorState::Disabled);
        let mut tries = vec![
            (ConfirmIf::Beside(own.id), false),
            (ConfirmIf::Beside(unknown), false),
            (ConfirmIf::Beside(foreign.id), false),
        ];
        if !is_first {
            tries.push((ConfirmIf::First, false));
        }
        tries.push((ConfirmIf::Beside(other.id), state == FactorState::Active));
        tries.push((ConfirmIf::First, is_first));
        for (only, holds) in tries {
            let waits = find(store, FIRST, &owner, own.id).await == own;
            let told = store.confirm(&own.id, Some(3), only, now).await;
            let expected = match (waits, holds) {
                (true, true) => Advanced::Accepted,
                (true, false) => Advanced::Unvouched,
                // Confirmed beside that one a moment ago.
                (false, _) => Advanced::Absent,
            };
            let what = format!("`confirm` {only:?} with another that is {state:?}");
            FIRST.same(&what, &FIRST.answer("confirm", told), &expected);
        }
    }
}

/// Law 8: `remove` of what waits for its confirmation never takes off what was confirmed meanwhile.
pub async fn law_08_pending_removal_spares_the_confirmed<H: Harness<Store: FactorStore>>(
    harness: &H,
) {
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut dice = Dice::new(any_seed());
    for (state, now) in FactorState::ALL.into_iter().zip(NOWS.into_iter().cycle()) {
        let made = factor(&mut dice, &alice(), state);
        insert(store, PENDING, &made).await;
        let told = store.remove(&made.id, RemoveIf::Pending, &[], now).await;
        let what = format!("`remove` while pending of a factor that is {state:?}");
        let pending = state == FactorState::Pending;
        PENDING.same(&what, &PENDING.answer("remove", told), &pending);
    }
    for (round, now) in rounds(harness.rounds() / 5) {
        let owner = subject("t1", &format!("owner {round}"));
        let made = factor(&mut dice, &owner, FactorState::Pending);
        insert(store, PENDING, &made).await;
        let told = race(6, |task| {
            let (store, id) = (stores.of(task / 2), made.id);
            async move {
                if task % 2 == 0 {
                    let confirmed = store.confirm(&id, None, ConfirmIf::Always, now).await;
                    confirmed.map(|told| told == Advanced::Accepted)
                } else {
                    store.remove(&id, RemoveIf::Pending, &[], now).await
                }
            }
        })
        .await;
        let mut done = [0, 0];
        for (task, told) in told.into_iter().enumerate() {
            done[task % 2] += usize::from(PENDING.answer("confirm or remove", told));
        }
        let active = active(store, &owner, PENDING).await;
        PENDING.holds(done == [active, 1 - active.min(1)], || {
            let [confirmed, removed] = done;
            format!(
                "round {round}: confirmed {confirmed}, removed {removed}, and {active} are active"
            )
        });
    }
}

async fn active<S: FactorStore>(store: &S, owner: &Subject, law: Law) -> usize {
    let left = law.answer("factors", store.factors(owner).await);
    let active = |factor: &&StoredFactor| factor.state == FactorState::Active;
    left.iter().filter(active).count()
}
