//! The guard: per number, per block, and in all.

use super::*;
use crate::key_2;

/// An attack of 10,000 numbers in three prefixes (300 where each step lasts), many at once: it costs no more than the budget, each prefix is stopped
/// and told before its fiftieth message, and who signs in by another guard's budget is not locked out.
pub async fn attack_of_ten_thousand_numbers_stays_in_budget(place: Place) {
    let store = place.store().await;
    let prefixes = ["+49151123", "+4917098", "+3712000"];
    // One that the budget stops, and one that is stopped before.
    for (name, budget) in [("small", 300), ("large", 2_000)] {
        let guarded = Guarded::with(Arc::default(), &store, usize::MAX, name, |guard| {
            guard.budget(budget).price("+49", 8).price("+371", 12)
        });
        let guarded = Arc::new(guarded);
        let numbers = place.often(10_000, 300);
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let guarded = Arc::clone(&guarded);
                tokio::spawn(async move {
                    for at in (task..numbers).step_by(16) {
                        let number = format!("{}{:04}", prefixes[at % 3], at / 3);
                        let _ = guarded.send(&phone(&number)).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let sent = guarded.paid.sent.lock().unwrap().clone();
        let to = |prefix: &str| {
            sent.iter()
                .filter(|number| number.starts_with(prefix))
                .count()
        };
        let cost = 8 * to("+49") + 12 * to("+371");
        assert!(
            cost > 0 && cost <= usize::try_from(budget).unwrap(),
            "{cost}"
        );
        let told = guarded.told.0.lock().unwrap().clone();
        for prefix in prefixes {
            assert!(to(prefix) < 50, "{prefix}: {}", to(prefix));
            let block = (SpendLimit::Block, prefix.to_owned());
            assert!(name == "small" || told.contains(&block), "{prefix} is told");
        }
    }
    // Behind a first factor, with a budget of its own: also a number of a block that is stopped.
    let behind = Guarded::with(Arc::default(), &store, usize::MAX, "second-step", |guard| {
        guard.budget(1_000).price("+49", 8)
    });
    assert_eq!(behind.kept_back("+491511239999").await, None);
}

/// Of many at once to different blocks the budget pays for exactly what it is worth at once, over two handles.
pub async fn budget_is_exact_under_parallel_requests(place: Place) {
    let store = place.store().await;
    let beside = store.beside().await;
    let set = |guard: SpendGuardBuilder<_>| guard.budget(40).price("+49", 1);
    let paid = Arc::new(Paid::default());
    let guards = [&store, &beside].map(|store| {
        Arc::new(Guarded::with(
            Arc::clone(&paid),
            store,
            usize::MAX,
            "sign-up",
            set,
        ))
    });
    let tasks: Vec<_> = (0..60)
        .map(|at| {
            let guarded = Arc::clone(&guards[at % 2]);
            tokio::spawn(async move { guarded.kept_back(&format!("+491511{at:02}0000")).await })
        })
        .collect();
    let mut kept = 0;
    for task in tasks {
        kept += usize::from(task.await.unwrap() == Some(SpendLimit::Budget));
    }
    assert_eq!(
        (guards[0].sent(), kept),
        (20, 40),
        "half of the budget at once"
    );
}

/// Any 24 hours see the budget at most, wherever they begin, and a number and a block their own.
pub async fn budget_holds_over_any_day(place: Place) {
    let store = place.store().await;
    let guarded = Guarded::new(&store, |guard| {
        guard
            .budget(24)
            .price("+49", 2)
            .per_destination(3)
            .per_block(5)
    });
    let mut sent = Vec::new();
    // Three days, in steps of an hour: somebody always asks.
    for hour in 0..72 {
        for at in 0..4 {
            let number = format!("+4915{:03}0000", at + hour % 7);
            if guarded.kept_back(&number).await.is_none() {
                sent.push(hour);
            }
        }
        guarded.clock.advance(TimeDelta::hours(1));
    }
    let within = |from: i32| {
        sent.iter()
            .filter(|hour| (from..from + 24).contains(*hour))
            .count()
    };
    let most = (0..72).map(within).max().unwrap();
    assert!(
        (10..=12).contains(&most),
        "12 messages of 2 at most: {most}"
    );
    assert!(
        sent.len() >= 20,
        "and no fewer than the budget has: {}",
        sent.len()
    );
    let numbers = guarded.paid.sent.lock().unwrap().clone();
    assert!(
        numbers
            .iter()
            .all(|one| numbers.iter().filter(|other| *other == one).count() <= 9)
    );
    // The same for one number and for one block.
    let small = Guarded::with(Arc::default(), &store, usize::MAX, "other", |guard| {
        guard
            .budget(1_000)
            .price("+49", 1)
            .per_destination(3)
            .per_block(5)
    });
    let at_once = async |last: u32| small.kept_back(&format!("+49151777{last:04}")).await;
    assert_eq!((at_once(1).await, at_once(1).await), (None, None));
    assert_eq!(at_once(1).await, Some(SpendLimit::Destination));
    assert_eq!(
        (at_once(2).await, at_once(3).await),
        (None, Some(SpendLimit::Block))
    );
    small.clock.advance(TimeDelta::hours(24));
    assert_eq!(at_once(3).await, None);
}

/// A message that is kept back, or was offered to nobody, costs nothing from any limit.
pub async fn refusal_costs_no_other_limit(place: Place) {
    let store = place.store().await;
    let set = |guard: SpendGuardBuilder<_>| {
        guard
            .budget(8)
            .price("+49", 2)
            .per_destination(2)
            .per_block(100)
    };
    let unsendable = Arc::new(Paid {
        unsendable: true,
        ..Paid::default()
    });
    let nobody = Guarded::with(unsendable, &store, usize::MAX, "sign-up", set);
    for _ in 0..20 {
        let sent = nobody.send(&phone("+491511110000")).await;
        assert!(
            matches!(sent, Err(DeliveryError::Unsendable { .. })),
            "{sent:?}"
        );
    }
    let guarded = Guarded::new(&store, set);
    assert_eq!(guarded.kept_back("+491511110000").await, None);
    for _ in 0..20 {
        let again = guarded.kept_back("+491511110000").await;
        assert_eq!(again, Some(SpendLimit::Destination));
    }
    assert_eq!(
        guarded.kept_back("+491511120000").await,
        None,
        "the budget pays for two"
    );
    for _ in 0..20 {
        assert_eq!(
            guarded.kept_back("+491511130000").await,
            Some(SpendLimit::Budget)
        );
    }
    // Twelve hours give two units: the number was not used up by what was refused.
    guarded.clock.advance(TimeDelta::hours(13));
    assert_eq!(guarded.kept_back("+491511130000").await, None);
}

/// A number that no price is named for gets nothing; the longest prefix counts; e-mail passes.
pub async fn number_without_a_price_gets_nothing(place: Place) {
    let store = place.store().await;
    let guarded = Guarded::new(&store, |guard| {
        guard.budget(20).price("+49", 1).price("+49900", 10)
    });
    for number in ["+882123456789", "+4812345678", "+1234567890"] {
        assert_eq!(guarded.kept_back(number).await, Some(SpendLimit::Price));
    }
    assert_eq!(guarded.kept_back("+4990012345678").await, None);
    assert_eq!(
        guarded.kept_back("+4915112345678").await,
        Some(SpendLimit::Budget)
    );
    let email = Destination::email("alice@example.org").unwrap();
    assert_eq!(email.channel(), Channel::Email);
    guarded.send(&email).await.expect("it costs nothing");
    assert_eq!(guarded.sent(), 2);
}

/// A store that does not answer, at any step: nothing is sent, and it is no refusal.
pub async fn outage_sends_nothing(place: Place) {
    let store = place.store().await;
    for steps in 0..4 {
        let guarded = Guarded::with(Arc::default(), &store, steps, "sign-up", |guard| {
            guard
                .budget(1_000)
                .price("+49", 2)
                .price("+48", 3)
                .price("+47", 4)
        });
        let sent = guarded.send(&phone("+491511110000")).await;
        assert!(
            matches!(sent, Err(DeliveryError::Unavailable(_))),
            "{steps}: {sent:?}"
        );
        assert_eq!(guarded.sent(), 0);
        assert!(guarded.told.0.lock().unwrap().is_empty());
    }
}

/// A number and its block are counted under names that take the key; the budget is one, whatever the keys are.
pub async fn numbers_are_counted_under_the_key(place: Place) {
    let store = place.store().await;
    let set = |guard: SpendGuardBuilder<_>| {
        guard
            .budget(20)
            .price("+49", 1)
            .per_destination(1)
            .per_block(4)
    };
    let (first, same) = (Guarded::new(&store, set), Guarded::new(&store, set));
    let other = Guarded::under(key_2(), &store, set);
    assert_eq!(first.kept_back("+491511230001").await, None);
    let kept = same.kept_back("+491511230001").await;
    assert_eq!(kept, Some(SpendLimit::Destination));
    assert_eq!(other.kept_back("+491511230001").await, None);
    assert_eq!(first.kept_back("+491511230002").await, None);
    let kept = same.kept_back("+491511230003").await;
    assert_eq!(kept, Some(SpendLimit::Block));
    assert_eq!(other.kept_back("+491511230003").await, None);
    for at in 0..6 {
        let number = format!("+49152{at}230003");
        assert_eq!(other.kept_back(&number).await, None, "{at}");
    }
    let kept = first.kept_back("+491601230001").await;
    assert_eq!(kept, Some(SpendLimit::Budget));
}

/// Guards of other names and of other tenants count their own, all of it.
pub async fn guards_and_tenants_count_their_own(place: Place) {
    let store = place.store().await;
    let set = |guard: SpendGuardBuilder<_>| {
        guard
            .budget(2)
            .price("+49", 1)
            .per_destination(1)
            .per_block(1)
    };
    for (name, tenant) in [("sign-up", "acme"), ("other", "acme"), ("sign-up", "b")] {
        let set = |guard| set(guard).tenant(tenant);
        let guarded = Guarded::with(Arc::default(), &store, usize::MAX, name, set);
        for (number, kept) in [
            ("+491511230001", None),
            ("+491511230001", Some(SpendLimit::Destination)),
            ("+491511230002", Some(SpendLimit::Block)),
            ("+491511990001", Some(SpendLimit::Budget)),
        ] {
            assert_eq!(guarded.kept_back(number).await, kept, "{name} {tenant}");
        }
    }
}
