//! Law 13, and laws 10 and 11, of guesses at factors.

use core::fmt::Display;

use ott_core::{Binding, Limit, LimitKey, LimitScope, chrono::TimeDelta};

use super::{
    Harness,
    charged::{LAW, LAWS_SEED, Step, passes, spend_all},
    dice::{Dice, any_seed},
    dropped::{LAW as DROPPED, cut},
    factors::factor,
    fixture::{NOWS, Pair, Time, alice, race, rounds},
    history::{era, seeds},
    outage::fails,
};
use crate::{
    Advanced, Charge, Charged, ChargedFactors, FactorChange, FactorState, FactorStore, Guess,
    HIGHEST_COUNTER, LimitStore, Looked, MemoryStore, Spent, StoreError, StoredFactor,
};

/// A store that keeps factors and limits, and charges a guess in the step that burns its code.
pub trait Guarded: FactorStore + LimitStore + ChargedFactors {}

impl<S: FactorStore + LimitStore + ChargedFactors> Guarded for S {}

fn charge(name: &str, limit: Limit) -> Charge {
    Charge {
        key: LimitKey::new(LimitScope::Application, name, &Binding::subject(&alice())),
        limit,
    }
}

fn ceiling_of(factor: &StoredFactor, most: u32) -> Charge {
    Charge {
        key: factor.id.failures_key(),
        limit: Limit::ceiling(most),
    }
}

async fn inserted<S: FactorStore>(store: &S, dice: &mut Dice, last: u64) -> StoredFactor {
    let mut made = factor(dice, &alice(), FactorState::Active);
    made.last = Some(last);
    LAW.answer("insert_factor", store.insert_factor(&made).await);
    made
}

/// Law 13: random histories of guesses, beside plain verbs, follow the plain verbs of [`MemoryStore`] one after another, and a look
/// sees what they left.
pub async fn law_13_charged_advances_follow_the_verbs<H: Harness<Store: Guarded>>(harness: &H) {
    for seed in seeds((harness.rounds() / 5).max(1)) {
        let store = harness.store().await;
        history(&*store, seed).await;
    }
}

async fn history<S: Guarded>(store: &S, seed: u64) {
    let (model, mut dice) = (MemoryStore::new(), Dice::new(seed));
    let mut now = era(seed);
    let mut pool = Vec::new();
    for last in 0..3 {
        let made = inserted(store, &mut dice, last).await;
        LAW.answer("insert_factor", model.insert_factor(&made).await);
        pool.push(made);
    }
    let mut limits = vec![
        charge("pace", Limit::pace(3, TimeDelta::minutes(1))),
        charge("allowance", Limit::allowance(5, TimeDelta::hours(1))),
        charge("failures", Limit::ceiling(4)),
    ];
    limits.extend(pool.iter().map(|factor| ceiling_of(factor, 3)));
    for step in 0..60 {
        now += TimeDelta::seconds(i64::try_from(dice.below(30)).unwrap_or(0));
        let charges = some_of(&mut dice, &limits);
        let id = pool[dice.below(pool.len())].id;
        let counter = u64::try_from(dice.below(step + 4)).unwrap_or(0);
        let verb = dice.below(10);
        let what = Step {
            seed,
            step,
            verb,
            charges: &charges,
        };
        match verb {
            0..=4 => {
                let cleared: Vec<_> = some_of(&mut dice, &limits)
                    .iter()
                    .map(|charge| charge.key)
                    .collect();
                let guess = Guess {
                    right: (dice.below(3) > 0).then_some((id, counter)),
                    charges: &charges,
                    cleared: &cleared,
                };
                let told = store.advance_charged(guess, now).await;
                let expected = advance_apart(&model, guess, now).await;
                LAW.same_at(
                    format_args!("{what}, {guess:?}"),
                    &LAW.answer("advance_charged", told),
                    &expected,
                );
            }
            5 => {
                let told = store.advance(&id, counter, now).await;
                let expected = LAW.answer("advance", model.advance(&id, counter, now).await);
                LAW.same_at(what, &LAW.answer("advance", told), &expected);
            }
            6 => {
                let told = store.spend(&charges, now).await;
                let expected = LAW.answer("spend", model.spend(&charges, now).await);
                LAW.same_at(what, &LAW.answer("spend", told), &expected);
            }
            7 => {
                for Charge { key, .. } in &charges {
                    LAW.answer("clear", store.clear(key).await);
                    LAW.answer("clear", model.clear(key).await);
                }
            }
            8 if dice.below(8) == 0 => {
                let disable = FactorChange::Disable;
                let told = store.update(&id, &disable).await;
                let expected = LAW.answer("update", model.update(&id, &disable).await);
                LAW.same_at(what, &LAW.answer("update", told), &expected);
            }
            _ => same_look(store, &model, &limits, what, now).await,
        }
    }
    let what = format!("{LAWS_SEED}{seed}, at the end");
    let what = &what;
    same_look(store, &model, &limits, what, now).await;
}

fn some_of(dice: &mut Dice, limits: &[Charge]) -> Vec<Charge> {
    let mut left = limits.to_vec();
    (0..dice.below(5))
        .map(|_| left.swap_remove(dice.below(left.len())))
        .collect()
}

async fn same_look<S: Guarded>(
    store: &S,
    model: &MemoryStore,
    limits: &[Charge],
    what: impl Display + Copy,
    now: Time,
) {
    // Those of the factors are found without being named.
    let named: Vec<_> = limits.iter().take(3).map(|charge| charge.key).collect();
    let seen = LAW.answer("look", store.look(&alice(), &named).await);
    let expected = LAW.answer("look", model.look(&alice(), &named).await);
    LAW.same_at(
        format_args!("{what}: the factors"),
        &seen.factors,
        &expected.factors,
    );
    for charge in limits {
        // What time gave back already is written or not.
        let left = |looked: &Looked| {
            let state = looked.limits.get(&charge.key);
            let count = state.map_or(0, |state| state.count);
            (count, looked.allows(&[*charge], now))
        };
        LAW.same_at(
            format_args!("{what}: what {charge:?} counted, and whether it allows one more"),
            &left(&seen),
            &left(&expected),
        );
    }
}

async fn advance_apart(
    model: &MemoryStore,
    guess: Guess<'_>,
    now: Time,
) -> Charged<Option<Advanced>> {
    if let Err(refused) = spend_all(model, guess.charges, now).await {
        return Charged::Refused(refused);
    }
    let Some((id, counter)) = guess.right else {
        return Charged::Answered(None);
    };
    let advanced = LAW.answer("advance", model.advance(&id, counter, now).await);
    if advanced == Advanced::Accepted {
        LAW.answer("refund", model.refund(guess.charges, 1).await);
        for key in guess.cleared {
            LAW.answer("clear", model.clear(key).await);
        }
    }
    Charged::Answered(Some(advanced))
}

/// Law 13: 64 tasks at two instances guess at one factor under a ceiling of 10. Wrong guesses are answered 10 times; after that a right
/// one is refused too, and burns nothing. Of 64 right ones with one code, one is accepted, 10 are charged as replays, and the rest is
/// refused. A success leaves nothing charged, and what it clears is clear.
pub async fn law_13_charged_advances_are_exact<H: Harness<Store: Guarded>>(harness: &H) {
    const TASKS: usize = 64;
    let (stores, mut dice) = (Pair::new(harness).await, Dice::new(any_seed()));
    let (stores, store) = (&stores, stores.first());
    for (round, now) in rounds(harness.rounds() / 50) {
        let minute = TimeDelta::minutes(1);
        let pace = charge(
            &format!("pace of guesses {round}"),
            Limit::pace(1_000, minute),
        );
        let all_at_once = |ceiling, right| {
            let charges = [pace, ceiling];
            race(TASKS, move |task| {
                let store = stores.of(task);
                async move {
                    let guess = Guess {
                        right,
                        charges: &charges,
                        cleared: &[],
                    };
                    store.advance_charged(guess, now).await
                }
            })
        };
        let wrong = inserted(store, &mut dice, 5).await;
        let ceiling = ceiling_of(&wrong, 10);
        let told = all_at_once(ceiling, None).await;
        let (answered, refused) = counted(told, ceiling);
        LAW.same(
            "wrong guesses answered under a ceiling of 10",
            &answered,
            &[None; 10].to_vec(),
        );
        LAW.same("wrong guesses refused", &refused, &(TASKS - 10));
        let guess = Guess {
            right: Some((wrong.id, 6)),
            charges: &[pace, ceiling],
            cleared: &[ceiling.key],
        };
        let told = LAW.answer("advance_charged", store.advance_charged(guess, now).await);
        let locked = Charged::Refused(Spent::Locked(ceiling.key));
        LAW.same("a right guess after ten wrong ones", &told, &locked);
        LAW.same("what it burnt", &last(store, &wrong).await, &Some(5));

        let right = inserted(store, &mut dice, 5).await;
        let ceiling = ceiling_of(&right, 10);
        let told = all_at_once(ceiling, Some((right.id, 6))).await;
        let (mut answered, refused) = counted(told, ceiling);
        answered.sort_by_key(|answer| *answer != Some(Advanced::Accepted));
        let mut expected = vec![Some(Advanced::Replayed); 11];
        expected[0] = Some(Advanced::Accepted);
        LAW.same("right guesses with one code at once", &answered, &expected);
        LAW.same("those refused", &refused, &(TASKS - 11));
        LAW.same("what they burnt", &last(store, &right).await, &Some(6));

        let more = ceiling_of(&right, 11);
        let cleared = [more.key];
        let guess = Guess {
            right: Some((right.id, 7)),
            charges: &[pace, more],
            cleared: &cleared,
        };
        let told = LAW.answer("advance_charged", store.advance_charged(guess, now).await);
        let accepted = Charged::Answered(Some(Advanced::Accepted));
        LAW.same("the next code", &told, &accepted);
        LAW.same("failures left of 11", &passes(store, more).await, &11);
    }
}

/// What was answered, and how often the ceiling refused.
fn counted(
    told: Vec<Result<Charged<Option<Advanced>>, StoreError>>,
    ceiling: Charge,
) -> (Vec<Option<Advanced>>, usize) {
    let (mut answered, mut refused) = (Vec::new(), 0);
    for told in told {
        match LAW.answer("advance_charged", told) {
            Charged::Answered(answer) => answered.push(answer),
            Charged::Refused(Spent::Locked(key)) if key == ceiling.key => refused += 1,
            told => LAW.broken(&format!("a guess got {told:?}")),
        }
    }
    (answered, refused)
}

async fn last<S: FactorStore>(store: &S, factor: &StoredFactor) -> Option<u64> {
    let all = LAW.answer("factors", store.factors(&factor.subject).await);
    let own = all.into_iter().find(|one| one.id == factor.id);
    own.and_then(|own| own.last)
}

/// Law 13: one key twice is misuse, as is a counter that no store keeps; neither changes anything.
pub async fn law_13_charged_advance_misuse<H: Harness<Store: Guarded>>(harness: &H) {
    let now = NOWS[1];
    let (store, mut dice) = (harness.store().await, Dice::new(any_seed()));
    let made = inserted(&*store, &mut dice, 0).await;
    let once = charge("once", Limit::ceiling(3));
    let guesses = [
        ("one key twice", 1, vec![once, once]),
        (
            "a counter above the highest",
            HIGHEST_COUNTER + 1,
            vec![once],
        ),
    ];
    for (what, counter, charges) in guesses {
        let guess = Guess {
            right: Some((made.id, counter)),
            charges: &charges,
            cleared: &[],
        };
        LAW.misuse(what, store.advance_charged(guess, now).await);
    }
    LAW.same("what was burnt", &last(&*store, &made).await, &Some(0));
    LAW.same("what is left", &passes(&*store, once).await, &3);
}

/// Law 10: a dropped future leaves a guess done with its charges, or neither.
pub async fn law_10_dropped_charged_advances<H: Harness<Store: Guarded>>(harness: &H) {
    let (store, mut dice) = (harness.store().await, Dice::new(any_seed()));
    for (round, now) in rounds(harness.rounds() / 5) {
        let made = inserted(&*store, &mut dice, 0).await;
        let mut limits = ["dropped", "again", "wrong"]
            .into_iter()
            .map(|name| charge(&format!("{name} {round}"), Limit::ceiling(3)));
        let mut next = || limits.next().into_iter().collect::<Vec<_>>();
        let (dropped, again, wrong) = (next(), next(), next());
        let guess = |right: Option<u64>, charges| {
            let right = right.map(|counter| (made.id, counter));
            let cleared = &[];
            store.advance_charged(
                Guess {
                    right,
                    charges,
                    cleared,
                },
                now,
            )
        };
        // Whenever the dropped one is done, it is above the other one, and so it charges nothing.
        let told = cut(&mut dice, guess(Some(2), &dropped)).await;
        let told = told.map(|told| DROPPED.answer("advance_charged", told));
        let other = DROPPED.answer("advance_charged", guess(Some(1), &again).await);
        let expected = [Advanced::Replayed, Advanced::Accepted].map(Some);
        let was_first = other == Charged::Answered(expected[0]);
        let was_second = told.is_none() && other == Charged::Answered(expected[1]);
        DROPPED.holds(was_first || was_second, || {
            format!("a code got {told:?}, and the one before it {other:?}")
        });
        let left = passes(&*store, dropped[0]).await;
        DROPPED.same("left of 3 after a right guess", &left, &3);
        let left = passes(&*store, again[0]).await;
        DROPPED.same(
            "left of 3 after the other",
            &left,
            &(3 - u32::from(was_first)),
        );
        let told = cut(&mut dice, guess(None, &wrong)).await;
        let left = passes(&*store, wrong[0]).await;
        DROPPED.holds(left == 2 || (told.is_none() && left == 3), || {
            format!("after a wrong guess that got {told:?}: {left} left of 3")
        });
    }
}

/// Law 11: each verb of a broken [`ChargedFactors`] is a `StoreError` in time.
pub async fn law_11_outage_of_charged_factors<H: Harness<Store: Guarded>>(harness: &H) {
    let (store, patience) = (harness.broken().await, harness.patience());
    let (made, now) = (
        factor(&mut Dice::new(any_seed()), &alice(), FactorState::Active),
        NOWS[1],
    );
    let charges = [charge("outage", Limit::ceiling(3))];
    let (owner, keys) = (alice(), [charges[0].key]);
    let guess = |right| Guess {
        right,
        charges: &charges,
        cleared: &keys,
    };
    let right = guess(Some((made.id, 1)));
    tokio::join!(
        fails(patience, "look", store.look(&owner, &keys)),
        fails(
            patience,
            "advance_charged",
            store.advance_charged(right, now)
        ),
        fails(
            patience,
            "advance_charged",
            store.advance_charged(guess(None), now)
        ),
    );
}
