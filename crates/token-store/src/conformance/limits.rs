//! Law 9.

use std::collections::HashMap;

use ott_core::{Binding, Limit, LimitKey, LimitScope, chrono::TimeDelta};

use super::{
    Harness,
    fixture::{AGES, ERAS, MICRO, Pair, Time, at, race, rounds, subject},
    report::Law,
};
use crate::{Charge, LimitStore, Spent};

const EXACT: Law = Law(9, "k of n parallel spends pass for burst k, exactly");
const ORDER: Law = Law(
    9,
    "spending stops at the first refusal, which changes nothing",
);
const BACK: Law = Law(9, "only time, `refund` and `clear` give back");

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Law 9: of n parallel spends exactly k pass for burst k, on each key by itself when several are
/// charged in different orders.
pub async fn law_09_burst_is_exact<H: Harness<Store: LimitStore>>(harness: &H) {
    const TASKS: usize = 64;
    let stores = Pair::new(harness).await;
    for (round, now) in rounds(harness.rounds() / 10) {
        let charges = [
            charge(&format!("address {round}"), Limit::pace(10, MINUTE)),
            charge(&format!("tenant {round}"), Limit::allowance(7, MINUTE)),
            charge(&format!("factor {round}"), Limit::ceiling(20)),
        ];
        for one in charges {
            let alone = Charge {
                key: charge(&format!("alone {:?} {round}", one.limit), one.limit).key,
                ..one
            };
            let told = spends(&stores, TASKS, now, |_| vec![alone]).await;
            let passed = told.iter().filter(|told| **told == Spent::Allowed).count();
            let burst = alone.limit.burst() as usize;
            EXACT.holds(passed == burst, || {
                format!("round {round}: {passed} of {TASKS} spends passed a burst of {burst}")
            });
        }
        // Each task charges the keys in its own order; what was charged before a refusal stays.
        let order = |task: usize| {
            let mut mine = charges.to_vec();
            mine.rotate_left(task % 3);
            if task % 2 == 1 {
                mine.swap(0, 1);
            }
            mine
        };
        let told = spends(&stores, TASKS, now, order).await;
        let mut charged: HashMap<LimitKey, u32> = HashMap::new();
        let mut refused = Vec::new();
        for (task, told) in told.iter().enumerate() {
            let stopped_at = match told {
                Spent::Allowed => None,
                Spent::Ahead(key) | Spent::Locked(key) | Spent::RetryAt(key, _) => Some(*key),
            };
            refused.extend(stopped_at);
            let mine = order(task).into_iter();
            for charge in mine.take_while(|charge| Some(charge.key) != stopped_at) {
                *charged.entry(charge.key).or_default() += 1;
            }
        }
        for charge in charges {
            let spent = charged.get(&charge.key).copied().unwrap_or(0);
            let burst = charge.limit.burst();
            let exact = spent == burst || (spent < burst && !refused.contains(&charge.key));
            EXACT.holds(exact, || {
                format!("round {round}: of three keys, one with burst {burst} passed {spent} times")
            });
        }
    }
}

/// Law 9: keys are charged in the order given, up to the first refusal, which names its key, says
/// when to come back, and changes nothing on it; one key twice in a call is misuse.
pub async fn law_09_order_and_refusal<H: Harness<Store: LimitStore>>(harness: &H) {
    for era in ERAS {
        order_and_refusal(&*harness.store().await, era).await;
    }
}

async fn order_and_refusal<S: LimitStore>(store: &S, era: i64) {
    let now = || at(era);
    let before = charge("before", Limit::pace(3, MINUTE));
    let narrow = charge("narrow", Limit::pace(1, MINUTE));
    let locked = charge("locked", Limit::ceiling(1));
    let after = charge("after", Limit::ceiling(3));
    let spend = async |charges: &[Charge], now: Time, what: &str, expected: Spent| {
        let told = ORDER.answer("spend", store.spend(charges, now).await);
        ORDER.same(what, &told, &expected);
    };
    spend(&[], now(), "spending nothing", Spent::Allowed).await;
    spend(&[narrow], now(), "the only one", Spent::Allowed).await;
    spend(
        &[locked],
        now(),
        "the only one of a ceiling",
        Spent::Allowed,
    )
    .await;
    let yesterday = now() - TimeDelta::days(1);
    let what = "a key whose time lies ahead of any that this clock could have written";
    spend(&[narrow], yesterday, what, Spent::Ahead(narrow.key)).await;
    let back = Spent::RetryAt(narrow.key, now() + MINUTE);
    for refusal in 1..=3 {
        let what = format!("refusal {refusal} of a pace in second place");
        spend(&[before, narrow, after], now(), &what, back).await;
    }
    let empty = Spent::RetryAt(before.key, now() + MINUTE);
    let what = "a key that three refused calls charged before they were refused";
    spend(&[before, narrow, after], now(), what, empty).await;
    let what = "a ceiling in first place";
    spend(&[locked, after], now(), what, Spent::Locked(locked.key)).await;
    let what = "a ceiling, in the year 2109";
    spend(&[locked], at(AGES), what, Spent::Locked(locked.key)).await;
    for left in (1..=3).rev() {
        let what = format!("a key behind refusals, {left} left");
        spend(&[after], now(), &what, Spent::Allowed).await;
    }
    spend(
        &[after],
        now(),
        "a key with none left",
        Spent::Locked(after.key),
    )
    .await;
    // None of the refusals moved the time: exactly then the next one passes.
    let early = now() + MINUTE - MICRO;
    spend(&[narrow], early, "1 µs too early", back).await;
    let cut = now() + MINUTE - TimeDelta::nanoseconds(1);
    spend(&[narrow], cut, "1 ns too early", back).await;
    spend(&[narrow], now() + MINUTE, "on time", Spent::Allowed).await;
    let next = Spent::RetryAt(narrow.key, now() + MINUTE * 2);
    spend(&[narrow], now() + MINUTE, "on time, again", next).await;
    let twice = charge("twice", Limit::ceiling(5));
    for charges in [&[twice, twice][..], &[twice, after, twice]] {
        ORDER.misuse("one key twice", store.spend(charges, now()).await);
    }
    for _ in 0..5 {
        let what = "a key that misuse must not charge";
        spend(&[twice], now(), what, Spent::Allowed).await;
    }
}

/// Law 9: only time, `refund` and `clear` give back what was spent; a clock that stands behind, and
/// a purge, give nothing.
pub async fn law_09_what_gives_back<H: Harness<Store: LimitStore>>(harness: &H) {
    for era in ERAS {
        what_gives_back(&*harness.store().await, era).await;
    }
}

async fn what_gives_back<S: LimitStore>(store: &S, era: i64) {
    let now = || at(era);
    let spends = async |charge: Charge, now: Time, times: u32, what: &str| {
        for time in 1..=times {
            let told = BACK.answer("spend", store.spend(&[charge], now).await);
            BACK.same(
                &format!("{what}: spend {time} of {times}"),
                &told,
                &Spent::Allowed,
            );
        }
        let told = BACK.answer("spend", store.spend(&[charge], now).await);
        BACK.holds(told != Spent::Allowed, || {
            format!("{what}: more than {times} passed")
        });
    };
    let purge = async |before: Time| {
        BACK.answer("purge_limits", store.purge_limits(before, u32::MAX).await)
    };
    for (name, limit) in [
        ("pace", Limit::pace(4, MINUTE)),
        ("allowance", Limit::allowance(4, MINUTE)),
        ("ceiling", Limit::ceiling(4)),
    ] {
        let timed = name != "ceiling";
        let key = charge(name, limit);
        spends(key, now(), 4, name).await;
        spends(
            key,
            at(era - 600),
            0,
            &format!("{name}, ten minutes before"),
        )
        .await;
        purge(now() + MINUTE * 4 - MICRO).await;
        spends(key, now(), 0, &format!("{name}, after a purge")).await;
        let refunded = [key, charge("never spent", limit)];
        BACK.answer("refund", store.refund(&refunded, 2).await);
        spends(key, now(), 2, &format!("{name}, two given back")).await;
        BACK.answer("refund", store.refund(&[key], u32::MAX).await);
        spends(key, now(), 4, &format!("{name}, more than all given back")).await;
        BACK.answer("clear", store.clear(&charge("another", limit).key).await);
        spends(key, now(), 0, &format!("{name}, another cleared")).await;
        BACK.answer("clear", store.clear(&key.key).await);
        spends(key, now(), 4, &format!("{name}, cleared")).await;
        let passed = |minutes: u32| if timed { minutes } else { 0 };
        let soon = now() + MINUTE;
        spends(key, soon, passed(1), &format!("{name}, a minute later")).await;
        let much_later = now() + TimeDelta::days(365);
        spends(key, much_later, passed(4), &format!("{name}, a year later")).await;
        spends(charge("never spent", limit), now(), 4, "never spent").await;
        BACK.answer(
            "clear",
            store.clear(&charge("never spent", limit).key).await,
        );
    }
    purge_counts(store, now()).await;
}

async fn purge_counts<S: LimitStore>(store: &S, now: Time) {
    let purge = async |before: Time, limit: u32| {
        BACK.answer("purge_limits", store.purge_limits(before, limit).await)
    };
    purge(at(AGES), u32::MAX).await;
    for number in 0..5 {
        let one = charge(&format!("purged {number}"), Limit::pace(3, MINUTE));
        BACK.answer("spend", store.spend(&[one], now).await);
    }
    let (full, what) = (now + MINUTE, "keys that a purge removed");
    BACK.same(what, &purge(full - MICRO, u32::MAX).await, &0);
    BACK.same(what, &purge(full, 2).await, &2);
    BACK.same(what, &purge(full, 0).await, &0);
    BACK.same(what, &purge(full, u32::MAX).await, &3);
    BACK.same(what, &purge(full, u32::MAX).await, &0);
}

fn charge(name: &str, limit: Limit) -> Charge {
    let owner = subject("t1", "alice");
    Charge {
        key: LimitKey::new(LimitScope::Application, name, &Binding::subject(&owner)),
        limit,
    }
}

async fn spends<S: LimitStore + 'static>(
    stores: &Pair<S>,
    tasks: usize,
    now: Time,
    charges: impl Fn(usize) -> Vec<Charge>,
) -> Vec<Spent> {
    let told = race(tasks, |task| {
        let (store, charges) = (stores.of(task), charges(task));
        async move { store.spend(&charges, now).await }
    })
    .await;
    told.into_iter()
        .map(|told| EXACT.answer("spend", told))
        .collect()
}
