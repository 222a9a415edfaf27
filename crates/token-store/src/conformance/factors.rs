//! Law 8: what a factor is, and what changes it.

use ott_core::{Subject, chrono::TimeDelta};

use super::{
    Harness,
    dice::{Dice, any_seed},
    fixture::{ERAS, Time, alice, at, long_name, subject},
    report::Law,
};
use crate::{
    Advanced, ConfirmIf, FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER,
    Removal, RemoveIf, StoredFactor,
};

const KEPT: Law = Law(8, "a factor changes by its verbs alone");

/// Law 8: a factor is kept as it was inserted, and changes by its verbs alone. Once removed it proves nothing,
/// and its row says how it was removed.
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
        insert(
            &*store,
            KEPT,
            &factor(&mut dice, other, FactorState::Active),
        )
        .await;
    }
    let mut model = Vec::new();
    for (place, state) in FactorState::ALL.into_iter().enumerate() {
        let mut made = factor(&mut dice, &alice(), state);
        let era = at(ERAS[place.saturating_sub(1).min(2)]);
        made.created_at = era + TimeDelta::microseconds(place as i64);
        made.label = long_name(['a', 'b', 'c', 'd', 'e'][place]);
        made.last = [None, Some(0), Some(HIGHEST_COUNTER), None, None][place];
        insert(&*store, KEPT, &made).await;
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
            (seal(&there, &newer), true),
            (FactorChange::Label(label.clone()), kept),
            (FactorChange::Disable, made.state == FactorState::Active),
            (FactorChange::Disable, false),
        ];
        for (change, possible) in changes {
            let told = KEPT.answer("update", store.update(&made.id, &change).await);
            let what = format!("{change:?} of a factor that was {:?}", made.state);
            KEPT.same(&what, &told, &possible);
        }
        made.sealed = newer;
        if kept {
            made.label.clone_from(&label);
        }
        if made.state == FactorState::Active {
            made.state = FactorState::Disabled;
        }
    }
    same_factors(&*store, "updated", &model).await;
    let by = [0, 0xff, b'\'', b'a'];
    for made in &mut model {
        let (from, only) = (made.state, RemoveIf::Always);
        for again in [false, true] {
            let told = KEPT.answer("remove", store.remove(&made.id, only, &by, cut).await);
            let what = format!("removing a factor that was {from:?}, again: {again}");
            KEPT.same(&what, &told, &(!again && from != FactorState::Removed));
        }
        if from != FactorState::Removed {
            made.state = FactorState::Removed;
            made.removal = Some(Removal {
                from,
                at: later,
                by: by.to_vec(),
            });
        }
        for told in [
            store.advance(&made.id, HIGHEST_COUNTER, later).await,
            store
                .confirm(&made.id, None, ConfirmIf::Always, later)
                .await,
        ] {
            let told = KEPT.answer("advance", told);
            KEPT.same("a code of a removed factor", &told, &Advanced::Absent);
        }
    }
    // What waited for its confirmation is gone.
    model.retain(|made| {
        let from = made.removal.as_ref().map(|removal| removal.from);
        from != Some(FactorState::Pending)
    });
    same_factors(&*store, "removed", &model).await;
    let unknown = factor(&mut dice, &alice(), FactorState::Active).id;
    let told = store.remove(&unknown, RemoveIf::Always, &[], later).await;
    let told = KEPT.answer("remove", told);
    KEPT.same("removing what never was", &told, &false);
    for other in &others {
        let found = KEPT.answer("factors", store.factors(other).await);
        KEPT.same(&format!("factors of {other:?}"), &found.len(), &1);
        let as_it_was = found[0].state == FactorState::Active && !found[0].sealed.is_empty();
        KEPT.holds(as_it_was, || format!("a factor of {other:?} was changed"));
    }
}

/// A factor that was enrolled long ago.
pub(super) fn factor(dice: &mut Dice, subject: &Subject, state: FactorState) -> StoredFactor {
    let id = [dice.next().to_be_bytes(), dice.next().to_be_bytes()].concat();
    StoredFactor {
        id: FactorId::from_bytes(id.try_into().expect("twice eight bytes")),
        subject: subject.clone(),
        provider: String::from("totp"),
        label: String::from("Zoë's \"phone\"; --"),
        state,
        sealed: (0..=255).collect(),
        last: None,
        created_at: at(ERAS[0]),
        used_at: None::<Time>,
        removal: (state == FactorState::Removed).then(|| Removal {
            from: FactorState::Active,
            at: at(ERAS[0]),
            by: Vec::new(),
        }),
    }
}

pub(super) async fn insert<S: FactorStore>(store: &S, law: Law, factor: &StoredFactor) {
    let new = law.answer("insert_factor", store.insert_factor(factor).await);
    law.same("inserting a new factor", &new, &true);
}

pub(super) async fn find<S: FactorStore>(
    store: &S,
    law: Law,
    owner: &Subject,
    id: FactorId,
) -> StoredFactor {
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
                "{once}: a factor is {found:?} {:?} {:?} {:?} {:?} instead of {expected:?} {:?} {:?} {:?} {:?}",
                found.label,
                found.sealed.len(),
                found.used_at,
                found.removal,
                expected.label,
                expected.sealed.len(),
                expected.used_at,
                expected.removal,
            )
        });
    }
}
