//! What a redeem, and the look at a token that is carried, cost beside many live tokens, as a part of what they cost beside
//! few.

use std::time::Instant;

use benches::load;
use token_store_redis::redis;
use token_store_sqlx::token_store::{
    MemoryStore, TokenStore,
    ott_core::{Presented, chrono::TimeDelta},
};

use crate::{
    Size,
    bearers::{self, Carried},
    bytes::used_memory,
    clients::{Side, redeem_all},
    fill::{self, Age, Owned},
    floor::through,
    is_meant,
    issued::{Maker, now},
    places::{PgPlace, RedisPlace, SqlitePlace},
    table::{Table, note},
};

const CLIENTS: [usize; 2] = [1, 16];

/// Redis keeps all of it in memory: no more than this.
const REDIS_BYTES: f64 = 9e9;

pub(crate) async fn measure(size: &Size, only: &str) -> (Table, String) {
    let before = load();
    let mut table = Table::default();
    if is_meant("memory", only) {
        memory(&mut table, size).await;
    }
    if is_meant("sqlite", only) {
        sqlite(&mut table, size).await;
    }
    if is_meant("postgres", only) {
        postgres(&mut table, size).await;
    }
    if is_meant("redis", only) {
        redis(&mut table, size).await;
    }
    (table, note(&before, size.rounds))
}

/// How many codes are redeemed in each place.
fn wanted(size: &Size) -> usize {
    CLIENTS.len() * (size.rounds + 1) * size.redeems(500)
}

/// Only the tokens that are carried: a redeem of this store is `benches/memory.rs`'s.
async fn memory(table: &mut Table, size: &Size) {
    let maker = Maker::new();
    let (few, many) = (MemoryStore::new(), MemoryStore::new());
    fill::memory(&few, &maker, size.few).await;
    fill::memory(&many, &maker, size.many).await;
    let carried = [
        (size.few, Carried::within(few, size).await),
        (size.many, Carried::within(many, size).await),
    ];
    bearers::compare(table, "memory", carried, size).await;
}

async fn sqlite(table: &mut Table, size: &Size) {
    let maker = Maker::new();
    let (few, many) = (SqlitePlace::new().await, SqlitePlace::new().await);
    let carried = [
        (size.few, Carried::within(few.store.clone(), size).await),
        (size.many, Carried::within(many.store.clone(), size).await),
    ];
    let mut sides = Vec::new();
    for (place, rows) in [(&few, size.few), (&many, size.many)] {
        let presented = maker.codes(&place.store, wanted(size)).await;
        fill::sqlite(place, &maker, rows).await;
        sides.push((rows, through(place.store.clone()), presented));
    }
    bearers::compare(table, "sqlite", carried, size).await;
    compare(table, "sqlite", sides, size).await;
    purge(table, "sqlite", &many.store, size.many).await;
}

async fn postgres(table: &mut Table, size: &Size) {
    let maker = Maker::new();
    let (few, many) = (PgPlace::new().await, PgPlace::new().await);
    let carried = [
        (size.few, Carried::within(few.store.clone(), size).await),
        (size.many, Carried::within(many.store.clone(), size).await),
    ];
    let mut sides = Vec::new();
    for (place, rows) in [(&few, size.few), (&many, size.many)] {
        let presented = maker.codes(&place.store, wanted(size)).await;
        fill::postgres(place, &maker, rows).await;
        sides.push((rows, through(place.store.clone()), presented));
    }
    bearers::compare(table, "postgres", carried, size).await;
    compare(table, "postgres", sides, size).await;
    purge(table, "postgres", &many.store, size.many).await;
    few.remove().await;
    many.remove().await;
}

/// Each in a database of the server, which has its own dictionary.
async fn redis(table: &mut Table, size: &Size) {
    let maker = Maker::new();
    let (few, many) = (RedisPlace::within(0).await, RedisPlace::within(1).await);
    let mut connection = many.outsider().await;
    // What is filled in is written to the disk once, as a whole, and not a second time while it grows.
    set(&mut connection, "appendonly", "no").await;
    set(&mut connection, "auto-aof-rewrite-percentage", "0").await;
    let mut sides = Vec::new();
    let carried = Carried::within(few.store.clone(), size).await;
    let beside_many = Carried::within(many.store.clone(), size).await;
    let presented = maker.codes(&few.store, wanted(size)).await;
    let before = used_memory(&few).await;
    fill::redis(&few, &maker, size.few, Age::Live, Owned::No).await;
    let each = (used_memory(&few).await - before) / size.few as f64;
    sides.push((size.few, through(few.store.clone()), presented));
    // The dictionary doubles as it grows: what is left is for that.
    let fit = (REDIS_BYTES * 0.85 / each) as usize;
    let rows = size.many.min(fit);
    if rows < size.many {
        println!("     redis  {each:.0} bytes each: {rows} fit in {REDIS_BYTES:.0} bytes");
    }
    let presented = maker.codes(&many.store, wanted(size)).await;
    let before = used_memory(&many).await;
    fill::redis(&many, &maker, rows, Age::Live, Owned::No).await;
    let each = (used_memory(&many).await - before) / rows as f64;
    table.add("redis", "bytes of each", rows, &[each]);
    sides.push((rows, through(many.store.clone()), presented));
    set(&mut connection, "appendonly", "yes").await;
    written(&mut connection).await;
    let carried = [(size.few, carried), (rows, beside_many)];
    bearers::compare(table, "redis", carried, size).await;
    compare(table, "redis", sides, size).await;
    purge(table, "redis", &many.store, rows).await;
    few.remove().await;
    many.remove().await;
}

async fn set(connection: &mut redis::aio::MultiplexedConnection, name: &str, value: &str) {
    let mut config = redis::cmd("CONFIG");
    config.arg("SET").arg(name).arg(value);
    let () = config.query_async(connection).await.unwrap();
}

/// Waits until the append-only file holds what was filled in.
async fn written(connection: &mut redis::aio::MultiplexedConnection) {
    loop {
        let mut info = redis::cmd("INFO");
        info.arg("persistence");
        let info: String = info.query_async(connection).await.unwrap();
        let is = |line: &str| info.lines().any(|other| other == line);
        if is("aof_rewrite_in_progress:0") && is("aof_rewrite_scheduled:0") {
            assert!(is("aof_last_bgrewrite_status:ok"), "{info}");
            return;
        }
        tokio::time::sleep(core::time::Duration::from_millis(200)).await;
    }
}

/// Rounds take turns; the first one warms up.
async fn compare(
    table: &mut Table,
    store: &str,
    sides: Vec<(usize, Side, Vec<Presented>)>,
    size: &Size,
) {
    let mut sides: Vec<_> = sides
        .into_iter()
        .map(|(rows, side, presented)| (rows, side, shuffled(presented)))
        .collect();
    for clients in CLIENTS {
        let (mut p50, mut p99, mut rates) = (
            vec![Vec::new(); 2],
            vec![Vec::new(); 2],
            vec![Vec::new(); 2],
        );
        for round in 0..=size.rounds {
            for step in 0..2 {
                let at = (round + step) % 2;
                let (_, side, presented) = sides.get_mut(at).unwrap();
                let share: Vec<_> = presented.drain(..size.redeems(500)).collect();
                let measured = redeem_all(side, &share, clients).await;
                if round > 0 {
                    p50.get_mut(at).unwrap().push(measured.p50);
                    p99.get_mut(at).unwrap().push(measured.p99);
                    rates.get_mut(at).unwrap().push(measured.rate);
                }
            }
        }
        for (at, (rows, _, _)) in sides.iter().enumerate() {
            for (what, figures) in [("p50", &p50), ("p99", &p99), ("rate", &rates)] {
                let what = format!("{what}, {clients} clients");
                table.add(store, &what, *rows, figures.get(at).unwrap());
            }
        }
        let (most, _, _) = sides.last().unwrap();
        for (what, figures) in [("p50", &p50), ("p99", &p99)] {
            let ratios: Vec<_> = figures[1]
                .iter()
                .zip(&figures[0])
                .map(|(a, b)| a / b)
                .collect();
            table.add(
                store,
                &format!("{what} many / few, {clients} clients"),
                *most,
                &ratios,
            );
        }
    }
}

/// The spent ones go, and none of those that live.
async fn purge(table: &mut Table, store: &str, many: &impl TokenStore, rows: usize) {
    let began = Instant::now();
    let gone = many
        .purge(now() + TimeDelta::seconds(1), u32::MAX)
        .await
        .unwrap();
    assert!(gone > 0 && gone < 100_000, "{gone}");
    table.add(
        store,
        "purge, seconds",
        rows,
        &[began.elapsed().as_secs_f64()],
    );
}

/// In the order of their ids, which are random.
fn shuffled(mut presented: Vec<Presented>) -> Vec<Presented> {
    presented.sort_by_key(|presented| {
        let mut id = *presented.id().as_bytes();
        id.reverse();
        id
    });
    presented
}
