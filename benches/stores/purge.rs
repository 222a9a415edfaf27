//! How long a redeem waits while a purge removes very many.

use core::time::Duration;
use std::{sync::Arc, time::Instant};

use benches::load;
use token_store_sqlx::token_store::TokenStore;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use crate::{
    Size,
    clients::{Side, part},
    fill::{self, Age, Owned},
    floor::through,
    is_meant,
    issued::{Maker, now},
    places::{PgPlace, RedisPlace, SqlitePlace},
    table::{Table, note},
};

/// One redeem after another, this far apart: 250 a second.
const APART: Duration = Duration::from_millis(4);

pub(crate) async fn measure(size: &Size, only: &str) -> (Table, String) {
    let before = load();
    let mut table = Table::default();
    let (mut sqlite, mut postgres, mut redis) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..size.purges {
        let maker = Maker::new();
        if is_meant("sqlite", only) {
            let place = SqlitePlace::new().await;
            fill::sqlite_expired(&place, &maker, size.expired).await;
            sqlite.push(beside(&place.store, &maker, size).await);
        }
        if is_meant("postgres", only) {
            let place = PgPlace::new().await;
            let mut connection = PgPlace::outsider().await;
            fill::postgres_template(&place, &mut connection, &maker).await;
            fill::postgres_rows(&place, &mut connection, 1, size.expired, Age::Expired).await;
            fill::settle(&place, &mut connection).await;
            postgres.push(beside(&place.store, &maker, size).await);
            place.remove().await;
        }
        if is_meant("redis", only) {
            let place = RedisPlace::new().await;
            fill::redis(&place, &maker, size.expired, Age::Expired, Owned::Yes).await;
            redis.push(beside(&place.store, &maker, size).await);
            place.remove().await;
        }
    }
    for (store, runs) in [("sqlite", sqlite), ("postgres", postgres), ("redis", redis)] {
        for (at, what) in WHAT.iter().enumerate() {
            if runs.is_empty() {
                continue;
            }
            let figures: Vec<_> = runs.iter().map(|run: &[f64; 8]| run[at]).collect();
            table.add(store, what, size.expired, &figures);
        }
    }
    (table, note(&before, size.purges))
}

const WHAT: [&str; 8] = [
    "alone p50",
    "alone p99",
    "alone worst",
    "beside p50",
    "beside p99",
    "beside worst",
    "seconds",
    "over 50 ms",
];

/// A client redeems on its own for some seconds, then beside the purge: microseconds.
async fn beside(
    store: &(impl TokenStore + Clone + 'static),
    maker: &Maker,
    size: &Size,
) -> [f64; 8] {
    let enough = size.redeems(60_000);
    let mut presented = maker.codes(store, enough).await;
    let side = through(store.clone());
    let alone: Vec<_> = presented.drain(..size.redeems(2_500)).collect();
    let alone = steadily(&side, alone, &Notify::new()).await;
    let ended = Arc::new(Notify::new());
    let steady = {
        let (side, ended) = (side.clone(), Arc::clone(&ended));
        tokio::spawn(async move { steadily(&side, presented, &ended).await })
    };
    let began = Instant::now();
    let gone = store.purge(now(), u32::MAX).await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    ended.notify_one();
    let beside = steady.await.unwrap();
    assert!(gone >= u64::try_from(size.expired).unwrap(), "{gone}");
    assert!(
        beside.len() < enough - alone.len(),
        "the purge took longer than the redeems"
    );
    let late = beside.iter().filter(|time| **time > 50_000.0).count();
    [
        part(&alone, 0.5),
        part(&alone, 0.99),
        part(&alone, 1.0),
        part(&beside, 0.5),
        part(&beside, 0.99),
        part(&beside, 1.0),
        seconds,
        late as f64,
    ]
}

/// Until all are redeemed, or it is told to end: how long each took.
async fn steadily(
    side: &Side,
    presented: Vec<token_store_sqlx::token_store::ott_core::Presented>,
    end: &Notify,
) -> Vec<f64> {
    let mut ticks = interval(APART);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut times = Vec::new();
    for presented in presented {
        tokio::select! {
            biased;
            () = end.notified() => break,
            _ = ticks.tick() => {}
        }
        let began = Instant::now();
        side.redeem(0, presented).await;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times
}
