//! Two processes on one file. The second is this very binary, run again with a variable set.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use fixture::{CODE, Fixture, at_once, now};
use token_store::{
    Advanced, Charge, FactorState, FactorStore, LimitStore, Redeemed, Spent, TokenStore,
    ott_core::{
        Binding, Handle, Issuer, KeyRing, Limit, LimitKey, Presented, Subject, rand::rngs::SysRng,
    },
};
use token_store_sqlx::SqliteStore;

const FILE: &str = "TOKEN_STORE_SQLX_FILE";
const ROUNDS: u64 = 1_000;
const TASKS: usize = 8;
const BURST: u32 = 5;

/// Who won how often of one round's tasks: token, counter, limit.
type Won = [usize; 3];

#[tokio::test(flavor = "multi_thread")]
async fn one_winner_in_both_together() {
    let keys =
        KeyRing::try_new_line_from_rng(token_store::ott_core::KeyId(1), &mut SysRng).unwrap();
    let mut fixture = Fixture::new().await;
    fixture.issuer = Issuer::new(KeyRing::from_text(&keys).unwrap());
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());

    let mut other = Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture"])
        .env(FILE, fixture.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ask = other.stdin.take().unwrap();
    let mut answers = BufReader::new(other.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("won ").map(String::from));
    write!(ask, "{}", *keys).unwrap();
    assert_eq!(answers.next().as_deref(), Some("nothing yet"));

    let mut total = [[0; 3]; 2];
    for round in 1..=ROUNDS {
        let issued = fixture.insert(&CODE).await;
        let typed = issued.token.expose_secret();
        writeln!(ask, "{round} {} {typed}", *issued.handle.expose_secret()).unwrap();
        let presented = fixture.right(&CODE, &issued);
        let here = race(&fixture.store, &presented, round).await;
        let there = parse(&answers.next().unwrap());
        assert_eq!(here[0] + there[0], 1, "tokens, round {round}");
        assert_eq!(here[1] + there[1], 1, "counters, round {round}");
        let burst = usize::try_from(BURST).unwrap();
        assert_eq!(here[2] + there[2], burst, "limits, round {round}");
        for (sum, won) in total.iter_mut().zip([here, there]) {
            sum.iter_mut().zip(won).for_each(|(sum, won)| *sum += won);
        }
    }
    drop(ask);
    assert!(other.wait().unwrap().success());
    // Otherwise one of them was always late, and nothing was proved.
    assert!(total.as_flattened().iter().all(|won| *won > 0), "{total:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_process() {
    let Ok(file) = env::var(FILE) else {
        return;
    };
    let mut asked = std::io::stdin().lines().map_while(Result::ok);
    let issuer = Issuer::new(KeyRing::from_text(&asked.next().unwrap()).unwrap());
    let store = SqliteStore::open(file).await.unwrap();
    let alice = Subject::new("t1", "alice").unwrap();
    println!("\nwon nothing yet");
    for line in asked {
        let [round, handle, typed] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("three words: {line}");
        };
        let handle = Handle::parse(handle).unwrap();
        let presented = issuer
            .present_by_id(&CODE, &handle, &Binding::subject(&alice), typed, now())
            .unwrap();
        let [token, counter, limit] = race(&store, &presented, round.parse().unwrap()).await;
        println!("won {token} {counter} {limit}");
    }
}

fn parse(words: &str) -> Won {
    let numbers: Vec<_> = words
        .split(' ')
        .map(|word| word.parse().expect("a number"))
        .collect();
    numbers.try_into().expect("three numbers")
}

/// One token, one counter, one limit, by several tasks of this process.
async fn race(store: &SqliteStore, presented: &Presented, round: u64) -> Won {
    let id = token_store::FactorId::from_bytes([1; 16]);
    let charge = Charge {
        key: LimitKey::new(&round.to_string(), &Binding::tenant("t1")),
        limit: Limit::ceiling(BURST),
    };
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
