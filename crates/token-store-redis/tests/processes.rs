//! Several processes that race on one store.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[cfg(feature = "cluster")]
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/process.rs"]
mod process;
#[cfg(feature = "cluster")]
use fixture::{CODE, Fixture, at_once, charge, now, ring};
use process::{Place, Process, own_fixture, say};
use token_store::{
    Advanced, FactorId, FactorState, FactorStore, LimitStore, Redeemed, Spent, TokenStore,
    ott_core::{Handle, Limit, Presented},
};
use token_store_redis::RedisStore;

const ROUNDS: u64 = 500;
const TASKS: usize = 4;
const BURST: u32 = 5;

/// Two processes that race redeem a token once, advance a counter once, and spend a limit's burst and no more.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_together_have_one_winner() {
    one_winner(2, &Place::new(Vec::new())).await;
}

/// Four processes that race redeem a token once, advance a counter once, and spend a limit's burst and no more.
#[tokio::test(flavor = "multi_thread")]
async fn four_processes_together_have_one_winner() {
    one_winner(4, &Place::new(Vec::new())).await;
}

/// Two processes that race on a cluster redeem a token once, advance a counter once, and spend a limit's burst and no more.
#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_a_cluster_have_one_winner() {
    let cluster = testing::redis::Cluster::patient().await;
    one_winner(2, &Place::new(cluster.urls())).await;
}

/// Four processes that race on a cluster redeem a token once, advance a counter once, and spend a limit's burst and no more.
#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread")]
async fn four_processes_on_a_cluster_have_one_winner() {
    let cluster = testing::redis::Cluster::patient().await;
    one_winner(4, &Place::new(cluster.urls())).await;
}

async fn one_winner(processes: usize, place: &Place) {
    let keys = ring();
    let fixture = Fixture::with_keys(place.install().await, &keys);
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let start = || Process::start("process_that_races", place, &keys);
    let mut others: Vec<_> = (1..processes).map(|_| start()).collect();
    for other in &mut others {
        assert_eq!(other.hear().as_deref(), Some("ready"));
    }
    let mut totals = vec![[0; 3]; processes];
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
    // Otherwise one of them was always late, and nothing was proved.
    assert!(
        totals.as_flattened().iter().all(|won| *won > 0),
        "{totals:?}"
    );
}

/// Each of the other processes: it joins the race that a line names, and says what it won.
#[tokio::test(flavor = "multi_thread")]
async fn process_that_races() {
    let Some((fixture, asked)) = own_fixture().await else {
        return;
    };
    say("ready");
    for line in asked {
        let words: Vec<_> = line.split(' ').collect();
        let [round, handle, typed] = *words.as_slice() else {
            panic!("three words: {line}");
        };
        let handle = Handle::parse(handle).unwrap();
        let binding = fixture.binding();
        let presented = fixture
            .issuer
            .present_by_handle(&CODE, &handle, &binding, typed, now())
            .unwrap();
        let [token, counter, limit] =
            race(&fixture.store, &presented, round.parse().unwrap()).await;
        say(&format!("{token} {counter} {limit}"));
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
