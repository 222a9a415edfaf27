//! Redeems a second, and how long one takes, with 1, 16 and 64 clients: each store beside its floor.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use benches::load;
use token_store_sqlx::token_store::{
    LimitStore, ManualClock, MemoryStore, TokenStore, Tokens,
    ott_core::{Binding, KeyRing, Presented},
};
use tokio::task::JoinSet;

use crate::{
    Size,
    clients::{Measured, Side, redeem_all},
    floor::{self, FLOOR, STORE},
    is_meant,
    issued::{CODE, Maker, now},
    pgbench::Pgbench,
    places::{PgPlace, RedisPlace, SqlitePlace},
    table::{Table, note},
};

const CLIENTS: [usize; 3] = [1, 16, 64];

pub(crate) async fn measure(size: &Size, only: &str) -> (Table, String) {
    let before = load();
    let mut table = Table::default();
    let maker = Maker::new();
    for clients in CLIENTS {
        let count = |alone: usize, together: usize| {
            size.redeems(if clients == 1 { alone } else { together })
        };
        if is_meant("memory", only) {
            memory(&mut table, &maker, size, clients, count(50_000, 100_000)).await;
        }
        if is_meant("sqlite", only) {
            sqlite(&mut table, &maker, size, clients, count(1_500, 12_000)).await;
        }
        if is_meant("postgres", only) {
            postgres(&mut table, &maker, size, clients, count(3_000, 15_000)).await;
        }
        if is_meant("redis", only) {
            redis(&mut table, &maker, size, clients, count(3_000, 12_000)).await;
        }
    }
    for clients in CLIENTS {
        sign_ins(&mut table, size, clients, only).await;
    }
    (table, note(&before, size.rounds))
}

async fn memory(table: &mut Table, maker: &Maker, size: &Size, clients: usize, count: usize) {
    let mut figures = Figures::default();
    for _ in 0..size.rounds {
        let store = Arc::new(MemoryStore::new());
        let presented = maker.codes(&*store, count).await;
        let side = Side::new(STORE, move |_, presented: Presented| {
            let store = Arc::clone(&store);
            async move { floor::redeem(&*store, &presented).await }
        });
        figures.add(STORE, redeem_all(&side, &presented, clients).await);
    }
    figures.write(table, "memory", clients);
}

async fn sqlite(table: &mut Table, maker: &Maker, size: &Size, clients: usize, count: usize) {
    let place = SqlitePlace::new().await;
    let sides = [
        floor::through(place.store.clone()),
        floor::sqlite(&place, maker).await,
    ];
    let mut figures = Figures::default();
    for round in 0..size.rounds {
        let mut shares = Vec::new();
        for side in &sides {
            // One commit each takes as long for all as for one.
            let count = if side.name == FLOOR {
                count.min(size.redeems(3_000))
            } else {
                count
            };
            shares.push((side, maker.codes(&place.store, count).await));
        }
        place.checkpoint().await;
        figures.round(shares, round, clients).await;
    }
    figures.write(table, "sqlite", clients);
}

async fn postgres(table: &mut Table, maker: &Maker, size: &Size, clients: usize, count: usize) {
    let place = PgPlace::new().await;
    let text = floor::statement(&place.store, maker).await;
    let sides = [
        floor::through(place.store.clone()),
        floor::postgres(&text),
        floor::postgres_guarded(&place, &text),
        floor::postgres_held(&text, clients).await,
    ];
    let mut pgbench = Pgbench::new(&place, maker, &text).await;
    let mut figures = Figures::default();
    for round in 0..size.rounds {
        let mut shares = Vec::new();
        for side in &sides {
            shares.push((side, maker.codes(&place.store, count).await));
        }
        figures.round(shares, round, clients).await;
        if let Some(pgbench) = &mut pgbench {
            let rate = pgbench.run(&place, clients, count).await;
            figures.push("pgbench rate", rate);
        }
    }
    figures.write(table, "postgres", clients);
    place.remove().await;
}

async fn redis(table: &mut Table, maker: &Maker, size: &Size, clients: usize, count: usize) {
    let place = RedisPlace::new().await;
    let sides = [
        floor::through(place.store.clone()),
        floor::redis(&place, maker).await,
    ];
    let mut figures = Figures::default();
    for round in 0..size.rounds {
        let mut shares = Vec::new();
        for side in &sides {
            shares.push((side, maker.codes(&place.store, count).await));
        }
        figures.round(shares, round, clients).await;
    }
    figures.write(table, "redis", clients);
    place.remove().await;
}

/// The figures of all rounds, by name.
#[derive(Default)]
struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    fn push(&mut self, what: impl Into<String>, figure: f64) {
        self.0.entry(what.into()).or_default().push(figure);
    }

    fn add(&mut self, side: &str, measured: Measured) {
        self.push(format!("{side} rate"), measured.rate);
        self.push(format!("{side} p50"), measured.p50);
        self.push(format!("{side} p99"), measured.p99);
    }

    /// Each side once, another one first in each round; and the store's rate as a part of the others'.
    async fn round(
        &mut self,
        mut shares: Vec<(&Side, Vec<Presented>)>,
        round: usize,
        clients: usize,
    ) {
        let first = round % shares.len();
        shares.rotate_left(first);
        let mut rates = BTreeMap::new();
        for (side, presented) in shares {
            let measured = redeem_all(side, &presented, clients).await;
            rates.insert(side.name, measured.rate);
            self.add(side.name, measured);
        }
        for (name, rate) in &rates {
            if let (true, Some(store)) = (*name != STORE, rates.get(STORE)) {
                self.push(format!("store / {name}"), store / rate);
            }
        }
    }

    fn write(self, table: &mut Table, store: &str, clients: usize) {
        for (what, figures) in self.0 {
            table.add(store, &what, clients, &figures);
        }
    }
}

/// Whole sign-ins a second: a code is issued, its limits are spent, it is redeemed.
async fn sign_ins(table: &mut Table, size: &Size, clients: usize, only: &str) {
    let count = size.redeems(if clients == 1 { 500 } else { 4_000 });
    let (mut sqlite, mut postgres, mut redis) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        if is_meant("sqlite", only) {
            let place = SqlitePlace::new().await;
            sqlite.push(sign_in(place.store.clone(), clients, count).await);
        }
        if is_meant("postgres", only) {
            let place = PgPlace::new().await;
            postgres.push(sign_in(place.store.clone(), clients, count).await);
            place.remove().await;
        }
        if is_meant("redis", only) {
            let place = RedisPlace::new().await;
            redis.push(sign_in(place.store.clone(), clients, count).await);
            place.remove().await;
        }
    }
    for (store, rates) in [("sqlite", sqlite), ("postgres", postgres), ("redis", redis)] {
        if !rates.is_empty() {
            table.add(store, "sign-ins", clients, &rates);
        }
    }
}

async fn sign_in(
    store: impl TokenStore + LimitStore + 'static,
    clients: usize,
    count: usize,
) -> f64 {
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), store)
        .policy(&CODE)
        .clock(Arc::new(ManualClock::new(now())))
        .build();
    let (tokens, maker) = (Arc::new(tokens.unwrap()), Arc::new(Maker::new()));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..clients {
        let (tokens, maker) = (Arc::clone(&tokens), Arc::clone(&maker));
        tasks.spawn(async move {
            for _ in 0..count / clients {
                let subject = maker.subject();
                let binding = Binding::subject(&subject);
                let issued = tokens.issue(&CODE, &binding).await.unwrap();
                let typed = issued.token.expose_secret();
                let redeemed = tokens.redeem(&CODE, &issued.handle, &binding, typed).await;
                assert!(redeemed.is_ok());
            }
        });
    }
    tasks.join_all().await;
    (count / clients * clients) as f64 / began.elapsed().as_secs_f64()
}
