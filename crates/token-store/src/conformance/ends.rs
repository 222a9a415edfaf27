//! Law 8: how a factor ends, and what takes that back.

use ott_core::chrono::TimeDelta;

use super::{
    Harness,
    dice::{Dice, any_seed},
    factors::{factor, find, insert},
    fixture::{ERAS, MICRO, NOWS, Pair, alice, at, race, rounds, subject},
    report::Law,
};
use crate::{FactorState, FactorStore, MAX_FACTORS, RemoveIf, StoredFactor};

const UNDONE: Law = Law(
    8,
    "a removal is taken back until the factor is purged, and never after",
);
const DEAD: Law = Law(
    8,
    "`purge_factors` deletes what was removed, or never confirmed, before its time, and nothing else",
);
const LISTED: Law = Law(
    8,
    "`factors` lists a bounded number, and leaves out removed ones first",
);

/// Law 8: a removed factor stands again where it stood once it is restored; of a restore and a purge at once,
/// one finds it.
pub async fn law_08_removal_is_undone_until_purged<H: Harness<Store: FactorStore>>(harness: &H) {
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut dice = Dice::new(any_seed());
    for (state, now) in FactorState::ALL.into_iter().zip(NOWS.into_iter().cycle()) {
        let mut made = factor(&mut dice, &alice(), state);
        made.last = Some(5);
        made.used_at = Some(now);
        insert(store, UNDONE, &made).await;
        if state == FactorState::Removed {
            made.state = FactorState::Active;
            made.removal = None;
        } else {
            let told = UNDONE.answer("restore", store.restore(&made.id).await);
            UNDONE.same("restoring what is there", &told, &false);
            let later = now + TimeDelta::hours(1);
            let told = store.remove(&made.id, RemoveIf::Always, b"by", later).await;
            UNDONE.answer("remove", told);
        }
        let kept = state != FactorState::Pending;
        let told = UNDONE.answer("restore", store.restore(&made.id).await);
        UNDONE.same(&format!("restoring what was {state:?}"), &told, &kept);
        if kept {
            let found = find(store, UNDONE, &alice(), made.id).await;
            UNDONE.holds(found == made, || {
                format!(
                    "what was {state:?} is restored as {found:?} {:?}",
                    found.removal
                )
            });
        }
        let told = UNDONE.answer("restore", store.restore(&made.id).await);
        UNDONE.same("restoring again", &told, &false);
    }
    for (round, now) in rounds(harness.rounds() / 5) {
        let owner = subject("t1", &format!("owner {round}"));
        let mut made = factor(&mut dice, &owner, FactorState::Removed);
        if let Some(removal) = &mut made.removal {
            removal.at = now;
        }
        insert(store, UNDONE, &made).await;
        let told = race(4, |task| {
            let (store, id) = (stores.of(task / 2), made.id);
            let restores = task % 2 == 0 || round % 2 == 0;
            async move {
                if restores {
                    store.restore(&id).await.map(u64::from)
                } else {
                    store.purge_factors(now + MICRO, u32::MAX).await
                }
            }
        })
        .await;
        let mut done = [0, 0];
        for (task, told) in told.into_iter().enumerate() {
            let restores = task % 2 == 0 || round % 2 == 0;
            done[usize::from(!restores)] += UNDONE.answer("restore or purge", told);
        }
        let left = UNDONE.answer("factors", store.factors(&owner).await);
        let proves =
            |one: &StoredFactor| one.state == FactorState::Active && !one.sealed.is_empty();
        let proves = u64::from(left.iter().any(proves));
        let [restored, purged] = done;
        UNDONE.holds((restored, restored + purged) == (proves, 1), || {
            format!("round {round}: restored {restored}, purged {purged}, and left {left:?}")
        });
    }
}

/// Law 8: a purge deletes what was removed, or enrolled and never confirmed, before its time; at most as many
/// as it is allowed.
pub async fn law_08_purge_takes_dead_factors_alone<H: Harness<Store: FactorStore>>(harness: &H) {
    let store = harness.store().await;
    let mut dice = Dice::new(any_seed());
    for before in ERAS.map(at) {
        let (early, late) = (before - MICRO, before);
        let mut living = Vec::new();
        for state in FactorState::ALL {
            for (created, removed) in [(early, early), (early, late), (late, late)] {
                let mut made = factor(&mut dice, &alice(), state);
                made.created_at = created;
                made.used_at = Some(created);
                if let Some(removal) = &mut made.removal {
                    removal.at = removed;
                }
                insert(&*store, DEAD, &made).await;
                if !made.is_dead_before(before) {
                    living.push(made);
                }
            }
        }
        living.sort_by_key(|made| (made.created_at, made.id));
        // Cut to a whole microsecond: what is of this one is not of before.
        let before = before + TimeDelta::nanoseconds(999);
        // Two that wait, and the removed one.
        for (limit, expected) in [(0, 0), (2, 2), (9, 1), (9, 0)] {
            let told = DEAD.answer("purge_factors", store.purge_factors(before, limit).await);
            DEAD.same(&format!("a purge of {limit} at most"), &told, &expected);
        }
        let found = DEAD.answer("factors", store.factors(&alice()).await);
        DEAD.holds(found == living, || {
            format!("a purge left {found:?} instead of {living:?}")
        });
        // The next time begins with nothing.
        for made in &living {
            for _ in 0..2 {
                let removed = store.remove(&made.id, RemoveIf::Always, &[], before).await;
                DEAD.answer("remove", removed);
            }
        }
        let all = store
            .purge_factors(before + TimeDelta::seconds(1), u32::MAX)
            .await;
        DEAD.answer("purge_factors", all);
        let found = DEAD.answer("factors", store.factors(&alice()).await);
        DEAD.holds(found.is_empty(), || format!("a purge left {found:?}"));
    }
}

/// Law 8: however many rows a subject has, `factors` lists [`MAX_FACTORS`] at most, the confirmed ones first of
/// all, and sorts them by their age.
pub async fn law_08_list_is_bounded<H: Harness<Store: FactorStore>>(harness: &H) {
    let store = harness.store().await;
    let mut dice = Dice::new(any_seed());
    let mut all = Vec::new();
    // The confirmed are the youngest.
    let states = [
        (FactorState::Removed, MAX_FACTORS + 5),
        (FactorState::Pending, 3),
        (FactorState::Active, 2),
        (FactorState::Disabled, 1),
        (FactorState::Spare, 1),
    ];
    for (state, many) in states {
        for _ in 0..many {
            let mut made = factor(&mut dice, &alice(), state);
            let now = NOWS[all.len() * NOWS.len() / (MAX_FACTORS + 12)];
            made.created_at = now + MICRO * i32::try_from(all.len()).unwrap_or(0);
            if let Some(removal) = &mut made.removal {
                removal.at = made.created_at;
                removal.by = vec![1];
            }
            insert(&*store, LISTED, &made).await;
            all.push(made);
        }
    }
    let expected = StoredFactor::listed(all);
    let found = LISTED.answer("factors", store.factors(&alice()).await);
    LISTED.same("how many are listed", &found.len(), &MAX_FACTORS);
    LISTED.holds(found == expected, || {
        let ids = |all: &[StoredFactor]| all.iter().map(|one| one.id).collect::<Vec<_>>();
        let (found, expected) = (ids(&found), ids(&expected));
        format!("listed are {found:?} instead of {expected:?}")
    });
}
