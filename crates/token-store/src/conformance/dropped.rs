//! Law 10.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use ott_core::{Binding, Limit, LimitKey, LimitScope, State, chrono::TimeDelta};

use super::{
    Harness,
    dice::{Dice, any_seed},
    factors::factor,
    fixture::{CODE, MICRO, Mint, Minted, PROMPT, RECOVERY, Time, alice, records, rounds, subject},
    report::Law,
};
use crate::{
    Advanced, Charge, ConfirmIf, Decided, FactorChange, FactorState, FactorStore, Inserted,
    LimitStore, Redeemed, Removal, RemoveIf, Revoke, Spent, StoredFactor, TokenStore,
};

pub(super) const LAW: Law = Law(
    10,
    "a dropped future leaves each verb done or not done, never half, never twice",
);

/// Polls a verb a few times and drops it, unless it answers before.
pub(super) async fn cut<F: Future>(dice: &mut Dice, verb: F) -> Option<F::Output> {
    // From "never begun" to as long as a disk takes; every other is short, and mostly one that was begun just now.
    let longest = 1 << dice.below(13);
    let polls = match dice.below(4) {
        0 | 1 => dice.below(longest),
        2 => 1,
        _ => dice.below(4),
    };
    let mut verb = pin!(verb);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(verb.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = polled {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Law 10: a dropped future leaves each verb of a [`TokenStore`] done or not done.
///
/// A store may finish the step after the drop; nothing here waits for it.
pub async fn law_10_dropped_token_verbs<H: Harness<Store: TokenStore>>(harness: &H) {
    let store = harness.store().await;
    let (mut mint, mut dice) = (Mint::new(), Dice::new(any_seed()));
    for (round, now) in rounds(harness.rounds() / 5) {
        let owner = subject("t1", &format!("alice {round}"));
        redeem(&*store, &mut mint, &mut dice, now).await;
        guess(&*store, &mut mint, &mut dice, now).await;
        decide(&*store, &mut mint, &mut dice, now).await;
        insert_and_revoke(&*store, &mut mint, &mut dice, &owner, now).await;
    }
}

async fn redeem<S: TokenStore>(store: &S, mint: &mut Mint, dice: &mut Dice, now: Time) {
    let minted = mint.mint(&CODE, &alice(), now);
    let right = mint.right(&minted);
    LAW.answer("insert", store.insert(&records([&minted])).await);
    let dropped = cut(dice, store.redeem(&right, now)).await;
    let was_dropped = dropped.is_none();
    let again = store.redeem(&right, now).await;
    let told = dropped.into_iter().chain([again]);
    let told = told.map(|told| LAW.answer("redeem", told));
    let winners = told.filter(|told| matches!(told, Redeemed::Redeemed(_)));
    let winners = winners.count();
    LAW.holds(winners == 1 || (was_dropped && winners == 0), || {
        format!("a redeem (dropped: {was_dropped}) and another: {winners} succeeded")
    });
    let found = LAW.answer("find", store.find(minted.id()).await);
    LAW.same(
        "state and attempts after a dropped redeem and another",
        &found.map(|found| (found.state, found.attempts)),
        &Some((State::Spent, 1)),
    );
}

async fn guess<S: TokenStore>(store: &S, mint: &mut Mint, dice: &mut Dice, now: Time) {
    let minted = mint.mint(&CODE, &alice(), now);
    let wrong = mint.wrong(&minted, 0);
    let most = minted.stored().max_attempts.map_or(0, u32::from);
    LAW.answer("insert", store.insert(&records([&minted])).await);
    let dropped = cut(dice, store.redeem(&wrong, now)).await.is_none();
    for _ in 0..most {
        LAW.answer("redeem", store.redeem(&wrong, now).await);
    }
    let found = LAW.answer("find", store.find(minted.id()).await);
    LAW.same(
        &format!("state and attempts after {most} wrong guesses and one (dropped: {dropped})"),
        &found.map(|found| (found.state, found.attempts)),
        &Some((State::Exhausted, most)),
    );
}

async fn decide<S: TokenStore>(store: &S, mint: &mut Mint, dice: &mut Dice, now: Time) {
    let minted = mint.mint(&PROMPT, &alice(), now);
    let yes = mint.approve(&minted, &alice(), now);
    let no = mint.decide(&minted, &alice(), ott_core::Verdict::Deny, b"no", now);
    LAW.answer("insert", store.insert(&records([&minted])).await);
    let first = cut(dice, store.decide(minted.id(), &yes, now)).await;
    let first = first.map(|told| LAW.answer("decide", told));
    let approved = matches!(first, Some(Decided::Decided(_)));
    let second = LAW.answer("decide", store.decide(minted.id(), &no, now).await);
    let denied = matches!(second, Decided::Decided(_));
    LAW.holds(
        !(approved && denied) && (approved || denied || first.is_none()),
        || format!("an approval got {first:?} and a denial afterwards {second:?}"),
    );
    let found = LAW.answer("find", store.find(minted.id()).await);
    let expected = if denied {
        (State::Denied, Some(no.stored().clone()))
    } else {
        (State::Ready, Some(yes.stored().clone()))
    };
    LAW.same(
        "state and decision after a dropped approval and a denial",
        &found.map(|found| (found.state, found.decision)),
        &Some(expected),
    );
}

async fn insert_and_revoke<S: TokenStore>(
    store: &S,
    mint: &mut Mint,
    dice: &mut Dice,
    owner: &ott_core::Subject,
    now: Time,
) {
    let (old, new) = (
        mint.batch(&RECOVERY, owner, 3, now),
        mint.batch(&RECOVERY, owner, 3, now),
    );
    LAW.answer("insert", store.insert(&records(&old)).await);
    let batch = records(&new);
    let first = cut(dice, store.insert(&batch)).await;
    let first = first.map(|told| LAW.answer("insert", told));
    let listed = LAW.answer("list", store.list(owner, None, now).await);
    let shows = |batch: &[Minted]| {
        let all = |minted: &Minted| listed.iter().any(|found| found.id == *minted.id());
        listed.len() == batch.len() && batch.iter().all(all)
    };
    LAW.holds(shows(&new) || (first.is_none() && shows(&old)), || {
        format!(
            "after an insert that got {first:?}, of an older and a newer batch of three the list shows {}",
            listed.len()
        )
    });
    let again = LAW.answer("insert", store.insert(&batch).await);
    LAW.holds(first.is_none() || again == Inserted::Collision, || {
        format!("a batch that was inserted got {again:?} when inserted again")
    });
    let mut states = Vec::new();
    for minted in old.iter().chain(&new) {
        let found = LAW.answer("find", store.find(minted.id()).await);
        states.push(found.map(|found| found.state));
    }
    let expected = [[Some(State::Superseded); 3], [Some(State::Ready); 3]].concat();
    LAW.same("an older and a newer batch, at the end", &states, &expected);
    let what = Revoke::subject(owner);
    let first = cut(dice, store.revoke(&what)).await;
    let first = first.map(|told| LAW.answer("revoke", told));
    let again = LAW.answer("revoke", store.revoke(&what).await);
    let expected: &[u64] = match first {
        Some(3) => &[0],
        Some(_) => &[],
        None => &[0, 3],
    };
    LAW.holds(expected.contains(&again), || {
        format!("revoking three live records got {first:?}, and again {again}")
    });
}

/// Law 10: a dropped future leaves each verb of a [`FactorStore`] done or not done.
pub async fn law_10_dropped_factor_verbs<H: Harness<Store: FactorStore>>(harness: &H) {
    let store = harness.store().await;
    let mut dice = Dice::new(any_seed());
    for (round, now) in rounds(harness.rounds() / 5) {
        let owner = subject("t1", &format!("alice {round}"));
        let mut made = factor(&mut dice, &owner, FactorState::Pending);
        made.created_at = now + TimeDelta::days(1);
        let first = cut(&mut dice, store.insert_factor(&made)).await;
        let first = first.map(|told| LAW.answer("insert_factor", told));
        let again = LAW.answer("insert_factor", store.insert_factor(&made).await);
        LAW.holds(first.is_none() || again != (first == Some(true)), || {
            format!("inserting a factor got {first:?}, and again {again}")
        });
        let id = made.id;
        let one = async || {
            let found = LAW.answer("factors", store.factors(&owner).await);
            LAW.same("factors of one who has one", &found.len(), &1);
            found.into_iter().next().unwrap_or_else(|| made.clone())
        };
        LAW.holds(one().await == made, || {
            String::from("a factor was inserted half")
        });

        let first = cut(
            &mut dice,
            store.confirm(&id, Some(3), ConfirmIf::Always, now),
        )
        .await;
        let first = first.map(|told| LAW.answer("confirm", told));
        let confirmed = StoredFactor {
            state: FactorState::Active,
            last: Some(3),
            used_at: Some(now),
            ..made.clone()
        };
        let found = one().await;
        LAW.holds(
            found == confirmed || (first.is_none() && found == made),
            || format!("`confirm` got {first:?} and left {found:?}"),
        );
        let again = LAW.answer(
            "confirm",
            store.confirm(&id, Some(3), ConfirmIf::Always, now).await,
        );
        once(first, again, Advanced::Absent);
        LAW.holds(one().await == confirmed, || {
            String::from("a factor was confirmed half")
        });

        let first = cut(&mut dice, store.advance(&id, 4, now)).await;
        let first = first.map(|told| LAW.answer("advance", told));
        let again = LAW.answer("advance", store.advance(&id, 4, now).await);
        once(first, again, Advanced::Replayed);
        LAW.same("the last counter", &one().await.last, &Some(4));

        let change = FactorChange::Seal {
            old: made.sealed.clone(),
            new: vec![1, 2, 3],
        };
        let first = cut(&mut dice, store.update(&id, &change)).await;
        let first = first.map(|told| LAW.answer("update", told));
        let again = LAW.answer("update", store.update(&id, &change).await);
        LAW.holds(first.is_none() || again != (first == Some(true)), || {
            format!("changing a seal got {first:?}, and again {again}")
        });
        LAW.same("the seal", &one().await.sealed, &vec![1, 2, 3]);

        let there = one().await;
        let removed = StoredFactor {
            state: FactorState::Removed,
            removal: Some(Removal {
                from: FactorState::Active,
                at: made.created_at,
                by: vec![9],
            }),
            ..there.clone()
        };
        let remove = || store.remove(&id, RemoveIf::Always, &[9], made.created_at);
        let first = cut(&mut dice, remove()).await;
        let first = first.map(|told| LAW.answer("remove", told));
        let found = one().await;
        LAW.holds(
            found == removed || (first.is_none() && found == there),
            || format!("`remove` got {first:?} and left {found:?}"),
        );
        LAW.answer("remove", remove().await);
        LAW.holds(one().await == removed, || {
            String::from("a factor was removed half")
        });

        let first = cut(&mut dice, store.restore(&id)).await;
        let first = first.map(|told| LAW.answer("restore", told));
        let again = LAW.answer("restore", store.restore(&id).await);
        LAW.holds(first.is_none() || again != (first == Some(true)), || {
            format!("restoring a factor got {first:?}, and again {again}")
        });
        LAW.holds(one().await == there, || {
            String::from("a factor was restored half")
        });

        // A purge that ends after its drop takes nothing of a later round.
        let at = now + TimeDelta::seconds(i64::try_from(round).unwrap_or(0));
        let owner = subject("t2", &format!("alice {round}"));
        let mut dead = factor(&mut dice, &owner, FactorState::Removed);
        if let Some(removal) = &mut dead.removal {
            removal.at = at;
        }
        LAW.answer("insert_factor", store.insert_factor(&dead).await);
        let purge = || store.purge_factors(at + MICRO, u32::MAX);
        let first = cut(&mut dice, purge()).await;
        let first = first.map(|told| LAW.answer("purge_factors", told));
        let again = LAW.answer("purge_factors", purge().await);
        let left = LAW.answer("factors", store.factors(&owner).await);
        let counted = first.map_or(again <= 1, |first| first + again == 1);
        LAW.holds(left.is_empty() && counted, || {
            format!("a purge got {first:?}, and again {again}, and left {left:?}")
        });
    }
}

#[track_caller]
fn once(first: Option<Advanced>, again: Advanced, refused: Advanced) {
    let as_it_should = match first {
        Some(Advanced::Accepted) => again == refused,
        Some(_) => false,
        None => again == Advanced::Accepted || again == refused,
    };
    LAW.holds(as_it_should, || {
        format!("a code got {first:?}, and again {again:?}")
    });
}

/// Law 10: a dropped future leaves each verb of a [`LimitStore`] done or not done.
pub async fn law_10_dropped_limit_verbs<H: Harness<Store: LimitStore>>(harness: &H) {
    let store = harness.store().await;
    let mut dice = Dice::new(any_seed());
    let (owner, minute) = (alice(), TimeDelta::minutes(1));
    for (round, now) in rounds(harness.rounds() / 5) {
        let limit = [Limit::pace(3, minute), Limit::ceiling(3)][round % 2];
        // A key for each verb: one that was dropped may be done while a later one is asked for.
        let charge = |verb: &str| {
            let name = format!("dropped {verb} {round}");
            let key = LimitKey::new(LimitScope::Application, &name, &Binding::subject(&owner));
            [Charge { key, limit }]
        };
        let passes = async |charge: &[Charge]| {
            let mut passes = 0;
            while passes < 9 {
                let told = LAW.answer("spend", store.spend(charge, now).await);
                if told != Spent::Allowed {
                    break;
                }
                passes += 1;
            }
            passes
        };
        let one_of = |what: &str, was_dropped: bool, found: i32, [not, done]: [i32; 2]| {
            LAW.holds(found == done || (was_dropped && found == not), || {
                format!("after {what} (dropped: {was_dropped}) {found} more pass a burst of 3")
            });
        };
        let spent = charge("spend");
        let dropped = cut(&mut dice, store.spend(&spent, now)).await.is_none();
        one_of("a spend", dropped, passes(&spent).await, [3, 2]);
        let refunded = charge("refund");
        one_of("nothing", false, passes(&refunded).await, [3, 3]);
        let dropped = cut(&mut dice, store.refund(&refunded, 2)).await.is_none();
        one_of("giving two back", dropped, passes(&refunded).await, [0, 2]);
        let cleared = charge("clear");
        one_of("nothing", false, passes(&cleared).await, [3, 3]);
        let [Charge { key, .. }] = cleared;
        let dropped = cut(&mut dice, store.clear(&key)).await.is_none();
        one_of("clearing", dropped, passes(&cleared).await, [0, 3]);
    }
}
