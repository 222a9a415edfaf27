//! Several processes on one server, each this very binary, run again with a variable set.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/common.rs"]
mod common;
#[path = "support/fixture.rs"]
mod fixture;

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use common::{clean, everything, prefix, url};
use fixture::{CODE, Fixture, at_once, charge, now, ring};
use token_store::{
    Advanced, FactorId, FactorState, FactorStore, Inserted, LimitStore, Redeemed, Spent,
    TokenStore,
    ott_core::{Handle, Limit, Presented, Reason},
};
use token_store_redis::RedisStore;
use tokio::task::JoinSet;

/// The prefix of a process that a test started: none in a run of the tests.
const PREFIX: &str = "TOKEN_STORE_REDIS_PREFIX";
const PROCESSES: usize = 4;
const ROUNDS: u64 = 1_000;
const TASKS: usize = 4;
const BURST: u32 = 5;
const LIVES: u64 = 8;

/// Another process, which dies with its owner.
struct Process {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(test: &str, prefix: &str, keys: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(PREFIX, prefix)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut process = Self { child, said };
        process.tell(keys);
        process
    }

    fn tell(&mut self, line: &str) {
        // It may be dead by now, which its silence tells.
        let _ = writeln!(self.child.stdin.as_mut().unwrap(), "{line}");
    }

    /// The next line, until it is dead and everything that it said is read.
    fn hear(&mut self) -> Option<String> {
        let mut lines = self.said.by_ref().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix("@ ").map(String::from))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process that a test started needs to begin.
async fn own_fixture() -> Option<(Fixture, impl Iterator<Item = String>)> {
    let prefix = env::var(PREFIX).ok()?;
    println!();
    let mut heard = std::io::stdin().lines().map_while(Result::ok);
    let keys = heard.next().unwrap();
    let store = everything().prefix(prefix).connect(url()).await.unwrap();
    Some((Fixture::with_keys(store, &keys), heard))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_winner_in_four_processes_together() {
    let (prefix, keys) = (prefix(), ring());
    let store = everything().prefix(&prefix).connect(url()).await.unwrap();
    let fixture = Fixture::with_keys(store, &keys);
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let start = || Process::start("a_process_that_races", &prefix, &keys);
    let mut others: Vec<_> = (1..PROCESSES).map(|_| start()).collect();
    for other in &mut others {
        assert_eq!(other.hear().as_deref(), Some("ready"));
    }
    let mut totals = [[0; 3]; PROCESSES];
    for round in 1..=ROUNDS {
        let issued = fixture.insert(&CODE).await;
        let typed = issued.token.expose_secret();
        let line = format!("{round} {} {typed}", *issued.handle.expose_secret());
        others.iter_mut().for_each(|other| other.tell(&line));
        let here = race(&fixture.store, &fixture.right(&CODE, &issued), round).await;
        let there = others.iter_mut().map(|other| parse(&other.hear().unwrap()));
        let won: Vec<_> = [here].into_iter().chain(there).collect();
        let sum = |what: usize| won.iter().filter_map(|won| won.get(what)).sum::<usize>();
        let burst = usize::try_from(BURST).unwrap();
        assert_eq!(
            [sum(0), sum(1), sum(2)],
            [1, 1, burst],
            "round {round}: {won:?}"
        );
        for (total, won) in totals.iter_mut().zip(won) {
            total.iter_mut().zip(won).for_each(|(sum, won)| *sum += won);
        }
    }
    clean(&url(), &prefix);
    // Otherwise one of them was always late, and nothing was proved.
    assert!(
        totals.as_flattened().iter().all(|won| *won > 0),
        "{totals:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_races() {
    let Some((fixture, asked)) = own_fixture().await else {
        return;
    };
    println!("@ ready");
    for line in asked {
        let words: Vec<_> = line.split(' ').collect();
        let [round, handle, typed] = *words.as_slice() else {
            panic!("three words: {line}");
        };
        let handle = Handle::parse(handle).unwrap();
        let binding = fixture.binding();
        let presented = fixture
            .issuer
            .present_by_id(&CODE, &handle, &binding, typed, now())
            .unwrap();
        let [token, counter, limit] =
            race(&fixture.store, &presented, round.parse().unwrap()).await;
        println!("@ {token} {counter} {limit}");
    }
}

fn parse(words: &str) -> [usize; 3] {
    let numbers: Vec<_> = words.split(' ').map(|word| word.parse().unwrap()).collect();
    numbers.try_into().expect("three numbers")
}

/// One token, one counter, one limit, by several tasks of this process.
async fn race(store: &RedisStore, presented: &Presented, round: u64) -> [usize; 3] {
    let id = FactorId::from_bytes([1; 16]);
    let charge = charge(&round.to_string(), Limit::ceiling(BURST));
    let tasks = (0..TASKS).map(|_| {
        let (store, presented) = (store.clone(), presented.clone());
        async move {
            let token = store.redeem(&presented, now()).await.expect("an answer");
            let counter = store.advance(&id, round, now()).await.expect("an answer");
            let limit = store.spend(&[charge], now()).await.expect("an answer");
            [
                matches!(token, Redeemed::Redeemed(_)),
                counter == Advanced::Accepted,
                limit == Spent::Allowed,
            ]
        }
    });
    let mut won = [0; 3];
    for task in at_once(tasks).await {
        won.iter_mut()
            .zip(task)
            .for_each(|(sum, won)| *sum += usize::from(won));
    }
    won
}

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

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_under_load_loses_no_answer_and_redeems_nothing_twice() {
    let (prefix, keys) = (prefix(), ring());
    let store = everything().prefix(&prefix).connect(url()).await.unwrap();
    let fixture = Fixture::with_keys(store, &keys);
    let mut redeemed = 0;
    for life in 1..=LIVES {
        let mut known = BTreeMap::<String, Known>::new();
        let mut process = Process::start("a_process_that_dies", &prefix, &keys);
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
                .present_by_id(&CODE, &handle, &binding, &known.typed, now())
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
    clean(&url(), &prefix);
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
                println!(
                    "@ asks insert {id} {} {}",
                    *handle,
                    issued.token.expose_secret()
                );
                let inserted = fixture.store.insert(&[issued.record]).await.unwrap();
                assert_eq!(inserted, Inserted::Done);
                println!("@ inserted {id}");
                if round % 3 == 0 {
                    let told = fixture.store.redeem(&wrong, now()).await.unwrap();
                    assert!(matches!(told, Redeemed::Refused(Reason::Mismatch)));
                    println!("@ mismatch {id}");
                }
                if round % 2 == 0 {
                    println!("@ asks redeem {id}");
                    let told = fixture.store.redeem(&right, now()).await.unwrap();
                    assert!(matches!(told, Redeemed::Redeemed(_)));
                    println!("@ redeemed {id}");
                }
            }
        });
    }
    tasks.join_all().await;
}
