//! Law 8.

use ott_core::{Subject, chrono::TimeDelta};

use super::{
    Harness,
    dice::{Dice, any_seed},
    fixture::{ERAS, Pair, Time, alice, at, long_name, now, race, subject},
    report::Law,
};
use crate::{
    Advanced, FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER, StoredFactor,
};

const ONCE: Law = Law(
    8,
    "`advance` and `confirm` to an equal or smaller counter are `Replayed`; 64 equal ones in parallel: one accepted",
);
const ONE: Law = Law(
    8,
    "`remove` beside another factor only while that one is active; of all at once one stays",
);
const KEPT: Law = Law(8, "a factor changes by its verbs alone");

/// Law 8: `advance` and `confirm` to an equal or smaller counter are `Replayed`; of 64 equal ones
/// in parallel one is accepted. "None yet" is below 0, and the highest counter is 2⁶³ − 1.
pub async fn law_08_one_code_counts_once<H: Harness<Store: FactorStore>>(harness: &H) {
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut dice = Dice::new(any_seed());
    one_after_the_other(store, &mut dice).await;
    for round in 0..(harness.rounds() / 5).max(1) {
        let factor = factor(&mut dice, &alice(), FactorState::Pending);
        let (id, counter) = (factor.id, u64::try_from(round).unwrap_or(0));
        insert(store, &factor).await;
        for verb in ["confirm", "advance"] {
            let counter = counter + u64::from(verb == "advance");
            let answers = race(64, |task| {
                let store = stores.of(task);
                async move {
                    if verb == "confirm" {
                        store.confirm(&id, Some(counter), now()).await
                    } else {
                        store.advance(&id, counter, now()).await
                    }
                }
            })
            .await;
            let told = answers.into_iter().map(|told| ONCE.answer(verb, told));
            let accepted = told.filter(|told| *told == Advanced::Accepted).count();
            ONCE.holds(accepted == 1, || {
                format!("round {round}: of 64 equal `{verb}` in parallel {accepted} were accepted")
            });
        }
        let answers = race(64, |task| {
            let (store, ahead) = (stores.of(task), u64::try_from(task).unwrap_or(0));
            async move { store.advance(&id, counter + 2 + ahead, now()).await }
        })
        .await;
        for told in answers {
            let told = ONCE.answer("advance", told);
            ONCE.holds(told != Advanced::Absent, || {
                format!("round {round}: `advance` of an active factor got `Absent`")
            });
        }
        let last = find(store, ONCE, &alice(), id).await.last;
        ONCE.same(
            &format!("round {round}: the last counter after 64 different `advance`"),
            &last,
            &Some(counter + 65),
        );
    }
}

async fn one_after_the_other<S: FactorStore>(store: &S, dice: &mut Dice) {
    let highest = HIGHEST_COUNTER;
    let confirmed = factor(dice, &alice(), FactorState::Pending);
    insert(store, &confirmed).await;
    let advance = async |counter: u64, expected: Advanced| {
        let told = ONCE.answer(
            "advance",
            store.advance(&confirmed.id, counter, now()).await,
        );
        ONCE.same(&format!("`advance` to {counter}"), &told, &expected);
    };
    let confirm = async |id: FactorId, counter: Option<u64>, expected: Advanced| {
        let told = ONCE.answer("confirm", store.confirm(&id, counter, now()).await);
        ONCE.same(&format!("`confirm` with {counter:?}"), &told, &expected);
    };
    advance(1, Advanced::Absent).await; // not active yet
    confirm(confirmed.id, None, Advanced::Accepted).await;
    confirm(confirmed.id, Some(7), Advanced::Absent).await; // not pending any more
    advance(0, Advanced::Accepted).await; // "none yet" is below 0
    advance(0, Advanced::Replayed).await;
    advance(5, Advanced::Accepted).await;
    advance(5, Advanced::Replayed).await;
    advance(4, Advanced::Replayed).await;
    advance(highest, Advanced::Accepted).await;
    advance(highest, Advanced::Replayed).await;
    let before = find(store, ONCE, &alice(), confirmed.id).await;
    let later = now() + TimeDelta::seconds(1);
    for counter in [highest + 1, u64::MAX] {
        let told = store.advance(&confirmed.id, counter, later).await;
        ONCE.misuse(&format!("`advance` to {counter}"), told);
        let told = store.confirm(&confirmed.id, Some(counter), later).await;
        ONCE.misuse(&format!("`confirm` with {counter}"), told);
        let mut too_high = factor(dice, &alice(), FactorState::Pending);
        too_high.last = Some(counter);
        let told = store.insert_factor(&too_high).await;
        ONCE.misuse(&format!("a factor at {counter}"), told);
    }
    let replayed = store.advance(&confirmed.id, 3, later).await;
    ONCE.same(
        "`advance` back",
        &ONCE.answer("advance", replayed),
        &Advanced::Replayed,
    );
    let after = find(store, ONCE, &alice(), confirmed.id).await;
    ONCE.holds(before == after, || {
        format!("a refused `advance` changed {before:?} to {after:?}")
    });
    for (first, again) in [(0, 0), (9, 8), (highest, highest)] {
        let mut used = factor(dice, &alice(), FactorState::Pending);
        used.last = Some(first);
        insert(store, &used).await;
        confirm(used.id, Some(again), Advanced::Replayed).await;
        let found = find(store, ONCE, &alice(), used.id).await;
        ONCE.same(
            "the state after `Replayed`",
            &found.state,
            &FactorState::Pending,
        );
    }
    let unknown = factor(dice, &alice(), FactorState::Active);
    confirm(unknown.id, Some(1), Advanced::Absent).await;
    let told = ONCE.answer("advance", store.advance(&unknown.id, 1, now()).await);
    ONCE.same("`advance` of an unknown factor", &told, &Advanced::Absent);
}

/// Law 8: a factor is kept as it was inserted, changes by its verbs alone, and once removed is a
/// row without a secret.
pub async fn law_08_factors_keep_what_they_are<H: Harness<Store: FactorStore>>(harness: &H) {
    let store = harness.store().await;
    let mut dice = Dice::new(any_seed());
    let others = [
        subject("t2", "alice"),
        subject("t1", "Alice"),
        subject("t1", "alice "),
        subject("t1", "alic_"),
        subject("t", "1alice"),
        subject("t1", &long_name('a')),
        subject("t1", &long_name('b')),
        subject(&long_name('a'), "alice"),
        subject(&long_name('b'), "alice"),
    ];
    for other in &others {
        insert(&*store, &factor(&mut dice, other, FactorState::Active)).await;
    }
    let mut model = Vec::new();
    for (place, state) in FactorState::ALL.into_iter().enumerate() {
        let mut made = factor(&mut dice, &alice(), state);
        let era = at(ERAS[place.saturating_sub(1)]);
        made.created_at = era + TimeDelta::microseconds(place as i64);
        made.label = long_name(['a', 'b', 'c', 'd'][place]);
        made.last = [None, Some(0), Some(HIGHEST_COUNTER), None][place];
        insert(&*store, &made).await;
        let mut twin = made.clone();
        twin.label = String::from("twin");
        let told = KEPT.answer("insert_factor", store.insert_factor(&twin).await);
        KEPT.same("inserting an id again", &told, &false);
        model.push(made);
    }
    same_factors(&*store, "inserted", &model).await;
    let later = at(ERAS[2]) + TimeDelta::microseconds(1_234_567);
    let label = format!("a 'new' \"läbel\" {}", "ö".repeat(100));
    let cut = later + TimeDelta::nanoseconds(999);
    for made in &mut model {
        let seal = |old: &[u8], new: &[u8]| FactorChange::Seal {
            old: old.to_vec(),
            new: new.to_vec(),
        };
        let (there, newer) = (made.sealed.clone(), vec![0, 255, 7]);
        let kept = made.state != FactorState::Removed;
        let changes = [
            (seal(b"not what stands there", b"x"), false),
            (seal(&there, &newer), kept),
            (FactorChange::Label(label.clone()), kept),
            (FactorChange::Disable, made.state == FactorState::Active),
            (FactorChange::Disable, false),
        ];
        for (change, possible) in changes {
            let told = KEPT.answer("update", store.update(&made.id, &change).await);
            let what = format!("{change:?} of a factor that was {:?}", made.state);
            KEPT.same(&what, &told, &possible);
        }
        if kept {
            made.sealed = newer;
            made.label.clone_from(&label);
        }
        if made.state == FactorState::Active {
            made.state = FactorState::Disabled;
        }
    }
    same_factors(&*store, "updated", &model).await;
    for made in &mut model {
        for state in [made.state, FactorState::Removed] {
            let told = KEPT.answer("remove", store.remove(&made.id, None, cut).await);
            let what = format!("removing a factor that is {state:?}");
            KEPT.same(&what, &told, &(state != FactorState::Removed));
            if state != FactorState::Removed {
                made.state = FactorState::Removed;
                made.sealed = Vec::new();
                made.used_at = Some(later);
            }
        }
        for told in [
            store.advance(&made.id, HIGHEST_COUNTER, later).await,
            store.confirm(&made.id, None, later).await,
        ] {
            let told = KEPT.answer("advance", told);
            KEPT.same("a code of a removed factor", &told, &Advanced::Absent);
        }
    }
    same_factors(&*store, "removed", &model).await;
    let unknown = factor(&mut dice, &alice(), FactorState::Active).id;
    let told = KEPT.answer("remove", store.remove(&unknown, None, now()).await);
    KEPT.same("removing what never was", &told, &false);
    for other in &others {
        let found = KEPT.answer("factors", store.factors(other).await);
        KEPT.same(&format!("factors of {other:?}"), &found.len(), &1);
        let as_it_was = found[0].state == FactorState::Active && !found[0].sealed.is_empty();
        KEPT.holds(as_it_was, || format!("a factor of {other:?} was changed"));
    }
}

/// Law 8: a removal beside another factor takes place only if that one is active in the same step:
/// of all that a subject has, removed beside each other at once, one stays.
pub async fn law_08_one_factor_stays<H: Harness<Store: FactorStore>>(harness: &H) {
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut dice = Dice::new(any_seed());
    let own = factor(&mut dice, &alice(), FactorState::Active);
    insert(store, &own).await;
    let unknown = factor(&mut dice, &alice(), FactorState::Active);
    let mut useless = vec![own.id, unknown.id];
    for state in FactorState::ALL {
        let other = factor(&mut dice, &alice(), state);
        insert(store, &other).await;
        if state != FactorState::Active {
            useless.push(other.id);
        }
    }
    for other in useless {
        let told = store.remove(&own.id, Some(&other), now()).await;
        ONE.same(
            "`remove` beside itself, or one that is not active",
            &ONE.answer("remove", told),
            &false,
        );
        let found = find(store, ONE, &alice(), own.id).await;
        ONE.same("the factor", &found.state, &FactorState::Active);
    }
    for round in 0..(harness.rounds() / 5).max(1) {
        let owner = subject("t1", &format!("owner {round}"));
        let mut ids = Vec::new();
        for _ in 0..3 {
            let made = factor(&mut dice, &owner, FactorState::Active);
            insert(store, &made).await;
            ids.push(made.id);
        }
        let pairs = [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)];
        let told = race(pairs.len(), |task| {
            let store = stores.of(task);
            let (own, other) = pairs[task];
            let (own, other) = (ids[own], ids[other]);
            async move { store.remove(&own, Some(&other), now()).await }
        })
        .await;
        let told = told.into_iter().map(|told| ONE.answer("remove", told));
        let removed = told.filter(|removed| *removed).count();
        let left = ONE.answer("factors", store.factors(&owner).await);
        let active = |factor: &&StoredFactor| factor.state == FactorState::Active;
        let active = left.iter().filter(active).count();
        ONE.holds((removed, active) == (2, 1), || {
            format!("round {round}: of three factors {removed} were removed and {active} stayed")
        });
    }
}

pub(super) fn factor(dice: &mut Dice, subject: &Subject, state: FactorState) -> StoredFactor {
    let id = [dice.next().to_be_bytes(), dice.next().to_be_bytes()].concat();
    StoredFactor {
        id: FactorId::from_bytes(id.try_into().expect("twice eight bytes")),
        subject: subject.clone(),
        provider: String::from("totp"),
        label: String::from("Zoë's \"phone\"; --"),
        state,
        sealed: if state == FactorState::Removed {
            Vec::new()
        } else {
            (0..=255).collect()
        },
        last: None,
        created_at: now(),
        used_at: None::<Time>,
    }
}

async fn insert<S: FactorStore>(store: &S, factor: &StoredFactor) {
    let new = KEPT.answer("insert_factor", store.insert_factor(factor).await);
    KEPT.same("inserting a new factor", &new, &true);
}

async fn find<S: FactorStore>(store: &S, law: Law, owner: &Subject, id: FactorId) -> StoredFactor {
    let found = law.answer("factors", store.factors(owner).await);
    match found.into_iter().find(|factor| factor.id == id) {
        Some(factor) => factor,
        None => law.broken(&format!("the factor {id} is gone")),
    }
}

async fn same_factors<S: FactorStore>(store: &S, once: &str, model: &[StoredFactor]) {
    let found = KEPT.answer("factors", store.factors(&alice()).await);
    KEPT.same(&format!("{once}: how many"), &found.len(), &model.len());
    for (found, expected) in found.iter().zip(model) {
        KEPT.holds(found == expected, || {
            format!(
                "{once}: a factor is {found:?} {:?} {:?} {:?} instead of {expected:?} {:?} {:?} {:?}",
                found.label,
                found.sealed.len(),
                found.used_at,
                expected.label,
                expected.sealed.len(),
                expected.used_at,
            )
        });
    }
}
