//! A process that is killed, kill -9, while it asks for much.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/process.rs"]
mod process;

use std::{collections::BTreeMap, sync::Arc};

use fixture::{CODE, Fixture, charge, now, ring};
use process::{Place, Process, own_fixture, say};
use token_store::{
    Advanced, Charge, FactorId, FactorState, FactorStore, Inserted, LimitStore, Redeemed, Spent,
    TokenStore,
    ott_core::{Handle, Limit, Reason},
};
use tokio::task::JoinSet;

const LIVES: u64 = 8;
const TASKS: u8 = 8;

/// What was asked and answered of one token by a process that is dead.
#[derive(Debug, Default)]
struct Known {
    handle: String,
    typed: String,
    inserted: bool,
    asked: bool,
    redeemed: u32,
    mismatches: u32,
}

/// An application killed under load loses no answered write and redeems nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn killed_process_loses_no_answer_redeems_none_twice() {
    let (place, keys) = (Place::new(Vec::new()), ring());
    let fixture = Fixture::with_keys(place.install().await, &keys);
    let mut redeemed = 0;
    for life in 1..=LIVES {
        let mut known = BTreeMap::<String, Known>::new();
        let mut process = Process::start("a_process_that_dies", &place, &keys);
        for _ in 0..200 + life * 150 {
            note(&mut known, &process.hear().expect("it lives"));
        }
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        while let Some(line) = process.hear() {
            note(&mut known, &line);
        }
        for (id, known) in &known {
            let handle = Handle::parse(&known.handle).unwrap();
            let (issuer, binding) = (&fixture.issuer, fixture.binding());
            let right = issuer
                .present_by_handle(&CODE, &handle, &binding, &known.typed, now())
                .unwrap();
            let record = fixture.store.find(right.id()).await.unwrap();
            let told = fixture.store.redeem(&right, now()).await.unwrap();
            let reason = match told {
                Redeemed::Redeemed(_) => None,
                Redeemed::Refused(reason) => Some(reason),
            };
            let as_it_should = matches!(
                (known.inserted, known.asked, known.redeemed, reason),
                (true, false, 0, None)
                    | (true, true, 0, None | Some(Reason::Spent))
                    | (true, true, 1, Some(Reason::Spent))
                    | (false, false, 0, None | Some(Reason::Unknown))
            );
            assert!(as_it_should, "life {life}, {id}: {known:?}, {reason:?}");
            let attempts = record.map_or(0, |record| record.attempts);
            let told = known.mismatches + known.redeemed;
            assert!(
                (told..=told + 1).contains(&attempts),
                "{id}: {known:?}, {attempts}"
            );
            redeemed += known.redeemed;
            let again = fixture.store.redeem(&right, now()).await.unwrap();
            assert!(matches!(again, Redeemed::Refused(_)), "{id}: {again:?}");
        }
    }
    assert!(redeemed > 100, "the load did nothing: {redeemed}");
}

fn note(known: &mut BTreeMap<String, Known>, line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    if let ["asks", "insert", id, handle, typed] = *words.as_slice() {
        let new = Known {
            handle: handle.into(),
            typed: typed.into(),
            ..Known::default()
        };
        assert!(known.insert(id.into(), new).is_none());
        return;
    }
    let id = words.last().copied().unwrap_or_default();
    let one = known.get_mut(id).expect("a token that was named before");
    match words.first().copied() {
        Some("asks") => one.asked = true,
        Some("inserted") => one.inserted = true,
        Some("mismatch") => one.mismatches += 1,
        Some("redeemed") => one.redeemed += 1,
        _ => panic!("a line of the process: {line}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies() {
    let Some((fixture, _heard)) = own_fixture().await else {
        return;
    };
    let (fixture, mut tasks) = (Arc::new(fixture), JoinSet::new());
    for task in 0..16 {
        let fixture = Arc::clone(&fixture);
        tasks.spawn(async move {
            for round in task.. {
                let issued = fixture.issue(&CODE);
                let (id, handle) = (*issued.record.id(), issued.handle.expose_secret());
                let right = fixture.right(&CODE, &issued);
                let wrong = fixture.wrong(&issued);
                say(&format!(
                    "asks insert {id} {} {}",
                    *handle,
                    issued.token.expose_secret()
                ));
                let inserted = fixture.store.insert(&[issued.record]).await.unwrap();
                assert_eq!(inserted, Inserted::Done);
                say(&format!("inserted {id}"));
                if round % 3 == 0 {
                    let told = fixture.store.redeem(&wrong, now()).await.unwrap();
                    assert!(matches!(told, Redeemed::Refused(Reason::Mismatch)));
                    say(&format!("mismatch {id}"));
                }
                if round % 2 == 0 {
                    say(&format!("asks redeem {id}"));
                    let told = fixture.store.redeem(&right, now()).await.unwrap();
                    assert!(matches!(told, Redeemed::Redeemed(_)));
                    say(&format!("redeemed {id}"));
                }
            }
        });
    }
    tasks.join_all().await;
}

/// Asked and answered: the highest counter of a factor, the spends of a ceiling.
#[derive(Debug, Default)]
struct Counted {
    asked: u64,
    answered: u64,
}

/// An application killed under load burns and spends whole or not at all, and forgets no answer.
#[tokio::test(flavor = "multi_thread")]
async fn killed_process_burns_and_spends_whole_or_not() {
    let (place, keys) = (Place::new(Vec::new()), ring());
    let fixture = Fixture::with_keys(place.install().await, &keys);
    let store = &fixture.store;
    for number in 1..=TASKS {
        let factor = fixture.factor(number, FactorState::Active);
        assert!(store.insert_factor(&factor).await.unwrap());
    }
    let mut answered = 0;
    for life in 0..LIVES / 2 {
        let mut process = Process::start("a_process_that_dies_counting", &place, &keys);
        process.tell(&life.to_string());
        let (mut burnt, mut spent) = (BTreeMap::new(), BTreeMap::new());
        let mut note = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            let [what, task, value] = *words.as_slice() else {
                panic!("three words: {line}");
            };
            let (task, value) = (task.parse::<u8>().unwrap(), value.parse().unwrap());
            let counted = if what.ends_with("burn") || what == "burnt" {
                &mut burnt
            } else {
                &mut spent
            };
            let one: &mut Counted = counted.entry(task).or_default();
            if what.starts_with("asks-") {
                one.asked = value;
            } else {
                one.answered = value;
            }
        };
        for _ in 0..200 + life * 50 {
            note(&process.hear().expect("it lives"));
        }
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        while let Some(line) = process.hear() {
            note(&line);
        }
        for (task, counted) in &burnt {
            let id = FactorId::from_bytes([*task; 16]);
            let told = store.advance(&id, counted.answered, now()).await.unwrap();
            assert_eq!(told, Advanced::Replayed, "life {life}: {counted:?}");
            // The one on its way was burnt, or not.
            let factors = store.factors(&fixture.alice).await.unwrap();
            let last = factors.iter().find(|factor| factor.id == id).unwrap().last;
            let last = last.unwrap();
            assert!(
                (counted.answered..=counted.asked).contains(&last),
                "{last}, {counted:?}"
            );
            answered += counted.answered;
        }
        for (task, counted) in &spent {
            let ceiling = [ceiling(life, *task)];
            let mut left = 0;
            while store.spend(&ceiling, now()).await.unwrap() == Spent::Allowed {
                left += 1;
            }
            let spent = u64::from(MANY) - left;
            assert!(
                (counted.answered..=counted.asked).contains(&spent),
                "{spent}, {counted:?}"
            );
        }
    }
    assert!(answered > 100, "the load did nothing: {answered}");
}

/// More than anybody hears of before it is killed, and few enough to count what is left.
const MANY: u32 = 150;

fn ceiling(life: u64, task: u8) -> Charge {
    charge(&format!("{life} {task}"), Limit::ceiling(MANY))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_counting() {
    let Some((fixture, mut heard)) = own_fixture().await else {
        return;
    };
    let life: u64 = heard.next().unwrap().parse().unwrap();
    let (fixture, mut tasks) = (Arc::new(fixture), JoinSet::new());
    for task in 1..=TASKS {
        let fixture = Arc::clone(&fixture);
        tasks.spawn(async move {
            let id = FactorId::from_bytes([task; 16]);
            for round in 1..=u64::from(MANY) {
                // Each life goes on above the one before.
                let counter = life * 1_000_000 + round;
                say(&format!("asks-burn {task} {counter}"));
                let told = fixture.store.advance(&id, counter, now()).await.unwrap();
                assert_eq!(told, Advanced::Accepted);
                say(&format!("burnt {task} {counter}"));
                say(&format!("asks-spend {task} {round}"));
                let told = fixture.store.spend(&[ceiling(life, task)], now()).await;
                assert_eq!(told.unwrap(), Spent::Allowed);
                say(&format!("spent {task} {round}"));
            }
        });
    }
    tasks.join_all().await;
}
