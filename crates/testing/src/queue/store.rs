//! What a store of queues keeps.

use std::{collections::BTreeMap, sync::Arc};

use token_store::{
    Enqueued, Line, QueueStore, Requeued, Settled, Settlement, Taken, Waiting,
    ott_core::chrono::{DateTime, TimeDelta, Utc},
};
use tokio::task::JoinSet;

use crate::{Place, start};

const MANY: u32 = 1_000_000;

fn at(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

/// An entry, whose id and slot are its number.
fn entry(tenant: &str, number: u128) -> Waiting {
    Waiting {
        id: number.to_be_bytes(),
        tenant: tenant.to_owned(),
        slot: number.to_be_bytes(),
        queued_at: start(),
        sealed: number.to_string().into_bytes(),
    }
}

fn settled(taken: &Taken, how: Settlement) -> Settled {
    Settled {
        id: taken.entry.id,
        tries: taken.tries,
        how,
    }
}

async fn line(store: &dyn QueueStore, tenant: &str) -> Line {
    let lines = store.lines().await.unwrap();
    let found = lines.into_iter().find(|line| line.tenant == tenant);
    found.expect("a line")
}

/// What is queued in the slot of something that waits takes its place, also where somebody took that already.
pub async fn newest_takes_the_slot(place: Place) {
    let home = place.store().await;
    let store = home.queue().await;
    let older = entry("t", 1);
    let newer = Waiting {
        id: [9; 16],
        ..older.clone()
    };
    assert_eq!(store.enqueue(&older, 1).await.unwrap(), Enqueued::Queued);
    let held = store.take(9, at(0), at(60)).await.unwrap();
    assert_eq!(held.len(), 1);
    // In a full line too: it makes none longer.
    assert_eq!(store.enqueue(&newer, 1).await.unwrap(), Enqueued::Replaced);
    let none = store
        .settle(&[settled(&held[0], Settlement::Sent)], at(1))
        .await;
    assert_eq!(none.unwrap(), 0, "what was replaced is nobody's any more");
    let taken = store.take(9, at(1), at(60)).await.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].entry, newer);
    assert_eq!(taken[0].tries, 1);
    let done = store
        .settle(&[settled(&taken[0], Settlement::Sent)], at(1))
        .await;
    assert_eq!(done.unwrap(), 1);
    let told = line(&*store, "t").await;
    let right = Line {
        tenant: "t".to_owned(),
        waiting: 0,
        oldest: None,
        dead: 0,
        queued: 2,
        sent: 1,
        replaced: 1,
    };
    assert_eq!(told, right);
}

/// Of many at once, as many are let in as the line holds; another tenant's has its own room.
pub async fn line_is_bounded_under_parallel_requests(place: Place) {
    let home = place.store().await;
    let stores = [home.queue().await, home.queue().await];
    let mut tasks = JoinSet::new();
    for number in 0..60_u128 {
        let store = Arc::clone(&stores[number as usize % 2]);
        tasks.spawn(async move { store.enqueue(&entry("t", number), 10).await.unwrap() });
    }
    let told = tasks.join_all().await;
    let queued = told
        .iter()
        .filter(|told| **told == Enqueued::Queued)
        .count();
    assert_eq!(queued, 10);
    assert_eq!(line(&*stores[0], "t").await.waiting, 10);
    let other = stores[1].enqueue(&entry("other", 100), 10).await;
    assert_eq!(other.unwrap(), Enqueued::Queued);
    let none = stores[1].enqueue(&entry("none", 101), 0).await;
    assert_eq!(none.unwrap(), Enqueued::Full);
}

/// Of many that take at once, one gets each entry.
pub async fn entry_is_taken_by_one(place: Place) {
    let home = place.store().await;
    let stores = [home.queue().await, home.queue().await];
    for number in 0..100 {
        let entry = entry(["a", "b", "c"][number as usize % 3], number);
        stores[0].enqueue(&entry, MANY).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(&stores[number % 2]);
        tasks.spawn(async move {
            let mut own = Vec::new();
            loop {
                let taken = store.take(7, at(0), at(60)).await.unwrap();
                if taken.is_empty() {
                    return own;
                }
                own.extend(taken.into_iter().map(|taken| taken.entry.id));
            }
        });
    }
    let mut all: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let taken = all.len();
    all.sort_unstable();
    all.dedup();
    // A pass that finds all that is due taken ends: then another has them.
    assert_eq!((taken, all.len()), (100, 100));
}

/// What nobody settled is due again when the lease ends; whoever had it before settles nothing.
pub async fn lease_ends(place: Place) {
    let home = place.store().await;
    let store = home.queue().await;
    store.enqueue(&entry("t", 1), MANY).await.unwrap();
    let first = store.take(9, at(0), at(60)).await.unwrap();
    assert!(store.take(9, at(59), at(99)).await.unwrap().is_empty());
    let second = store.take(9, at(60), at(120)).await.unwrap();
    assert_eq!((first[0].tries, second[0].tries), (1, 2));
    for how in [
        Settlement::Sent,
        Settlement::Dead("x"),
        Settlement::Later(at(0)),
    ] {
        let told = store.settle(&[settled(&first[0], how)], at(61)).await;
        assert_eq!(told.unwrap(), 0, "{how:?}");
    }
    let later = settled(&second[0], Settlement::Later(at(300)));
    assert_eq!(store.settle(&[later], at(61)).await.unwrap(), 1);
    assert!(store.take(9, at(299), at(400)).await.unwrap().is_empty());
    assert_eq!(store.take(9, at(300), at(400)).await.unwrap()[0].tries, 3);
}

/// A pass has the same share of each tenant, the oldest first; of more tenants than it takes, one each.
pub async fn tenants_share_a_pass(place: Place) {
    let home = place.store().await;
    let store = home.queue().await;
    for number in 0..50 {
        let entry = Waiting {
            queued_at: at(-1_000 + number),
            ..entry("many", number as u128)
        };
        store.enqueue(&entry, MANY).await.unwrap();
    }
    for number in 100..105 {
        store.enqueue(&entry("few", number), MANY).await.unwrap();
    }
    let taken = store.take(8, at(0), at(60)).await.unwrap();
    let of = |tenant: &str| {
        let own = taken.iter().filter(|taken| taken.entry.tenant == tenant);
        own.map(|taken| u128::from_be_bytes(taken.entry.id))
            .collect::<Vec<_>>()
    };
    let mut oldest = of("many");
    oldest.sort_unstable();
    assert_eq!((oldest, of("few").len()), (vec![0, 1, 2, 3], 4));
    for tenant in 0..30 {
        let entry = entry(&format!("tenant {tenant}"), 1_000 + tenant);
        store.enqueue(&entry, MANY).await.unwrap();
    }
    let mut tenants: Vec<_> = store
        .take(10, at(0), at(60))
        .await
        .unwrap()
        .into_iter()
        .map(|taken| taken.entry.tenant)
        .collect();
    assert_eq!(tenants.len(), 10);
    tenants.sort_unstable();
    tenants.dedup();
    assert_eq!(tenants.len(), 10, "one each");
}

/// A tenant with very many waiting leaves the next pass to one with few: their messages are taken within as many passes as they
/// fill alone with half of each.
pub async fn tenant_with_many_waiting_holds_up_nobody(place: Place) {
    let home = place.store().await;
    let store = home.queue().await;
    let many = u128::try_from(place.often(2_000, 500)).unwrap();
    for number in 0..many {
        store.enqueue(&entry("many", number), MANY).await.unwrap();
    }
    for number in 0..10 {
        let entry = Waiting {
            queued_at: at(100),
            ..entry("few", many + number)
        };
        store.enqueue(&entry, MANY).await.unwrap();
    }
    let mut few = 0;
    for _ in 0..3 {
        let taken = store.take(8, at(100), at(160)).await.unwrap();
        few += taken
            .iter()
            .filter(|taken| taken.entry.tenant == "few")
            .count();
        let sent: Vec<_> = taken
            .iter()
            .map(|taken| settled(taken, Settlement::Sent))
            .collect();
        store.settle(&sent, at(100)).await.unwrap();
    }
    assert_eq!(few, 10);
    assert_eq!(line(&*store, "few").await.sent, 10);
    assert_eq!(line(&*store, "many").await.sent, 4 * 3);
}

/// A dead letter is listed with its reason, waits again when an operator says so, or goes.
pub async fn dead_letter_is_listed_and_sent_back_or_dropped(place: Place) {
    let home = place.store().await;
    let store = home.queue().await;
    for number in 1..4 {
        let entry = entry(["t", "u"][number as usize % 2], number);
        store.enqueue(&entry, MANY).await.unwrap();
    }
    let mut taken = store.take(9, at(0), at(60)).await.unwrap();
    taken.sort_by_key(|taken| taken.entry.id);
    for (seconds, taken) in taken.iter().enumerate() {
        let dead = settled(taken, Settlement::Dead("refused"));
        let died = at(10 + i64::try_from(seconds).unwrap());
        assert_eq!(store.settle(&[dead], died).await.unwrap(), 1);
    }
    let letters = store.dead(None, 9).await.unwrap();
    let ids: Vec<_> = letters
        .iter()
        .map(|letter| u128::from_be_bytes(letter.id))
        .collect();
    assert_eq!(ids, [1, 2, 3], "those first that died first");
    assert_eq!(letters[0].reason, "refused");
    assert_eq!(
        (letters[0].died_at, letters[0].queued_at),
        (at(10), start())
    );
    assert_eq!(letters[0].tries, 1);
    assert_eq!(store.dead(Some("t"), 9).await.unwrap().len(), 1);
    assert_eq!(store.dead(None, 2).await.unwrap().len(), 2);
    assert!(store.take(9, at(600), at(660)).await.unwrap().is_empty());
    let told = line(&*store, "u").await;
    assert_eq!((told.waiting, told.dead, told.oldest), (0, 2, None));

    let [first, second, third] = [1_u128, 2, 3].map(u128::to_be_bytes);
    assert_eq!(
        store.requeue(&first, at(700)).await.unwrap(),
        Requeued::Queued
    );
    assert_eq!(
        store.requeue(&first, at(700)).await.unwrap(),
        Requeued::Absent
    );
    assert!(!store.discard(&first).await.unwrap(), "it waits");
    assert!(store.discard(&second).await.unwrap());
    assert!(!store.discard(&second).await.unwrap());
    assert_eq!(
        store.requeue(&second, at(700)).await.unwrap(),
        Requeued::Absent
    );
    let taken = store.take(9, at(700), at(760)).await.unwrap();
    assert_eq!(
        (taken.len(), taken[0].tries, taken[0].entry.id),
        (1, 2, first)
    );
    assert_eq!(store.dead(None, 9).await.unwrap()[0].id, third);
    let told = line(&*store, "u").await;
    assert_eq!((told.waiting, told.dead, told.queued), (1, 1, 2));
    assert_eq!(line(&*store, "t").await.dead, 0);
}

/// Whoever took an entry before it was a dead letter settles nothing of it after an operator sent it back.
pub async fn entry_sent_back_is_settled_by_its_taker(place: Place) {
    let home = place.store().await;
    let store = home.queue().await;
    store.enqueue(&entry("t", 1), MANY).await.unwrap();
    let stalled = store.take(9, at(0), at(60)).await.unwrap();
    let second = store.take(9, at(60), at(120)).await.unwrap();
    let dead = settled(&second[0], Settlement::Dead("refused"));
    assert_eq!(store.settle(&[dead], at(61)).await.unwrap(), 1);
    // As often as it takes for numbers that began anew to meet those of the first life.
    for life in 0..2 {
        let now = at(200 + life * 100);
        let id = &stalled[0].entry.id;
        assert_eq!(store.requeue(id, now).await.unwrap(), Requeued::Queued);
        let own = store.take(9, now, now + TimeDelta::seconds(60)).await;
        let own = own.unwrap();
        for former in [&stalled[0], &second[0]] {
            for how in [
                Settlement::Sent,
                Settlement::Dead("x"),
                Settlement::Later(at(0)),
            ] {
                let told = store.settle(&[settled(former, how)], now).await;
                assert_eq!(told.unwrap(), 0, "{how:?} of try {}", former.tries);
            }
        }
        let dead = settled(&own[0], Settlement::Dead("refused"));
        assert_eq!(store.settle(&[dead], now).await.unwrap(), 1);
    }
    let told = line(&*store, "t").await;
    assert_eq!((told.waiting, told.dead, told.sent), (0, 1, 0));
}

/// A dead letter that is sent back gives way to something newer that waits in its slot.
pub async fn dead_letter_gives_way_to_the_newer(place: Place) {
    let home = place.store().await;
    let store = home.queue().await;
    let older = entry("t", 1);
    store.enqueue(&older, MANY).await.unwrap();
    let taken = store.take(9, at(0), at(60)).await.unwrap();
    let dead = settled(&taken[0], Settlement::Dead("refused"));
    store.settle(&[dead], at(1)).await.unwrap();
    let newer = Waiting {
        id: [9; 16],
        ..older.clone()
    };
    // It waits beside the dead letter, which replaces nothing and is not replaced.
    assert_eq!(store.enqueue(&newer, MANY).await.unwrap(), Enqueued::Queued);
    assert_eq!(store.dead(None, 9).await.unwrap().len(), 1);
    assert_eq!(
        store.requeue(&older.id, at(2)).await.unwrap(),
        Requeued::Superseded
    );
    assert!(store.dead(None, 9).await.unwrap().is_empty());
    assert_eq!(store.take(9, at(2), at(60)).await.unwrap()[0].entry, newer);
    let told = line(&*store, "t").await;
    assert_eq!((told.waiting, told.dead), (1, 0));
}

/// Whatever happens at the same moment, the numbers of a line are those of its entries.
pub async fn numbers_add_up_under_parallel_work(place: Place) {
    let home = place.store().await;
    let stores = [home.queue().await, home.queue().await];
    let mut tasks = JoinSet::new();
    for task in 0..8_u128 {
        let store = Arc::clone(&stores[task as usize % 2]);
        tasks.spawn(async move {
            for round in 0..15_u128 {
                let entry = Waiting {
                    id: (task * 100 + round).to_be_bytes(),
                    slot: (round % 5).to_be_bytes(),
                    ..entry("t", 0)
                };
                store.enqueue(&entry, MANY).await.unwrap();
                let taken = store.take(3, at(0), at(60)).await.unwrap();
                let hows = [
                    Settlement::Sent,
                    Settlement::Dead("refused"),
                    Settlement::Later(at(0)),
                ];
                let all = taken
                    .iter()
                    .zip(hows)
                    .map(|(taken, how)| settled(taken, how));
                store.settle(&all.collect::<Vec<_>>(), at(1)).await.unwrap();
                let dead = store.dead(None, 2).await.unwrap();
                if let [first, .., last] = &dead[..] {
                    store.requeue(&first.id, at(0)).await.unwrap();
                    store.discard(&last.id).await.unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
    let told = line(&*stores[0], "t").await;
    assert_eq!(told.queued, 120);
    let dead = stores[0].dead(None, MANY).await.unwrap();
    assert_eq!(told.dead, u64::try_from(dead.len()).unwrap());
    let left = stores[0].take(MANY, at(9_999), at(10_000)).await.unwrap();
    assert_eq!(told.waiting, u64::try_from(left.len()).unwrap());
    let slots: BTreeMap<_, _> = left.iter().map(|taken| (taken.entry.slot, ())).collect();
    assert_eq!(slots.len(), left.len(), "one waits in a slot");
    assert_eq!(told.oldest, (!left.is_empty()).then_some(start()));
}
