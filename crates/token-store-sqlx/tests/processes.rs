//! Two and four processes on one file. All but the first are this very binary, run again with a
//! variable set.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics is how a test fails"
)]

#[path = "support/fixture.rs"]
mod fixture;

use core::time::Duration;
use std::{
    env,
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use fixture::{CODE, Fixture, at_once, now};
use token_store::{
    Advanced, Charge, FactorState, FactorStore, LimitStore, Redeemed, Spent, TokenStore,
    ott_core::{
        Binding, Handle, Issuer, KeyRing, Limit, LimitKey, LimitScope, Presented, Subject,
        rand::rngs::SysRng,
    },
};
use token_store_sqlx::SqliteStore;

const FILE: &str = "TOKEN_STORE_SQLX_FILE";
const TASKS: usize = 8;
const BURST: u32 = 5;

/// Who won how often of one round's tasks: token, counter, limit.
type Won = [usize; 3];

/// Two processes that race redeem a token once, advance a counter once, and spend a limit's burst and no more.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_together_have_one_winner() {
    one_winner(2, 1_000).await;
}

/// Four processes that race redeem a token once, advance a counter once, and spend a limit's burst and no more.
#[tokio::test(flavor = "multi_thread")]
async fn four_processes_together_have_one_winner() {
    one_winner(4, 250).await;
}

async fn one_winner(processes: usize, rounds: u64) {
    let keys =
        KeyRing::try_new_line_from_rng(token_store::ott_core::KeyId(1), &mut SysRng).unwrap();
    let mut fixture = Fixture::new().await;
    fixture.issuer = Issuer::new(KeyRing::from_text(&keys).unwrap());
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());

    let mut others: Vec<_> = (1..processes)
        .map(|_| Other::start(&fixture.path(), &keys))
        .collect();
    let mut total = vec![[0; 3]; processes];
    for round in 1..=rounds {
        let issued = fixture.insert(&CODE).await;
        let typed = issued.token.expose_secret();
        let question = format!("{round} {} {typed}", *issued.handle.expose_secret());
        for other in &mut others {
            writeln!(other.ask, "{question}").unwrap();
        }
        let presented = fixture.right(&CODE, &issued);
        let mut won = vec![race(&fixture.store, &presented, round).await];
        won.extend(others.iter_mut().map(|other| parse(&other.hear())));
        let sum = |place: usize| won.iter().map(|won| won[place]).sum::<usize>();
        assert_eq!(sum(0), 1, "tokens, round {round}");
        assert_eq!(sum(1), 1, "counters, round {round}");
        let burst = usize::try_from(BURST).unwrap();
        assert_eq!(sum(2), burst, "limits, round {round}");
        for (total, won) in total.iter_mut().zip(won) {
            total.iter_mut().zip(won).for_each(|(sum, won)| *sum += won);
        }
    }
    for other in others {
        other.end();
    }
    // Otherwise one of them was always late, and nothing was proved.
    let took_part = |won: &Won| won.iter().sum::<usize>() > 0;
    assert!(total.iter().all(took_part), "{total:?}");
}

/// Another process, and how to speak with it.
struct Other {
    child: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(file: &Path, keys: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "other_process", "--nocapture"])
            .env(FILE, file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ask = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        write!(ask, "{keys}").unwrap();
        let mut other = Self {
            child,
            ask,
            answers,
        };
        assert_eq!(other.hear(), "nothing yet");
        other
    }

    fn hear(&mut self) -> String {
        let mut lines = self.answers.by_ref().map_while(Result::ok);
        let answer = lines.find_map(|line| line.strip_prefix("won ").map(String::from));
        answer.expect("it lives")
    }

    fn end(mut self) {
        drop(self.ask);
        assert!(self.child.wait().unwrap().success());
    }
}

/// Each of the other processes: it joins the race that a line names, and says what it won.
#[tokio::test(flavor = "multi_thread")]
async fn other_process() {
    let Ok(file) = env::var(FILE) else {
        return;
    };
    let mut asked = std::io::stdin().lines().map_while(Result::ok);
    let issuer = Issuer::new(KeyRing::from_text(&asked.next().unwrap()).unwrap());
    let builder = SqliteStore::builder().timeout(Duration::from_secs(30));
    let store = builder.open(file).await.unwrap();
    let alice = Subject::new("t1", "alice").unwrap();
    println!("\nwon nothing yet");
    for line in asked {
        let [round, handle, typed] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("three words: {line}");
        };
        let handle = Handle::parse(handle).unwrap();
        let presented = issuer
            .present_by_handle(&CODE, &handle, &Binding::subject(&alice), typed, now())
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
        key: LimitKey::new(
            LimitScope::Application,
            &round.to_string(),
            &Binding::tenant("t1"),
        ),
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
