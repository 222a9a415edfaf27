//! What a row costs: of each kind as many as make the difference, written by the store itself.

use std::fs;

use benches::load;
use token_store_redis::redis;
use token_store_sqlx::{
    sqlx,
    token_store::{
        Charge, FactorId, FactorState, FactorStore, LimitStore, MemoryStore, StoredFactor,
        TokenStore,
        ott_core::{Binding, Limit, LimitKey, LimitScope},
    },
};

use crate::{
    Size, fill,
    issued::{CODE, DEVICE, LINK, Maker, RECOVERY, insert, now},
    places::{PgPlace, RedisPlace, SqlitePlace},
    table::{Table, note},
};

/// Records that are inserted together; it divides every count.
const AT_ONCE: usize = 1_000;

/// A sealed TOTP secret of 20 bytes with its parameters, nonce and tag.
const SEALED: usize = 80;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Link,
    Device,
    Recovery,
    Factor,
    Limit,
}

impl Kind {
    /// Factors and limits are written one by one, each with a commit of its own.
    const fn count(self, size: &Size) -> usize {
        match self {
            Self::Factor | Self::Limit => size.counted / 10,
            _ => size.counted,
        }
    }
}

const KINDS: [(&str, Kind); 6] = [
    ("code", Kind::Code),
    ("link", Kind::Link),
    ("known device", Kind::Device),
    ("recovery code, of ten", Kind::Recovery),
    ("factor", Kind::Factor),
    ("limit", Kind::Limit),
];

pub(crate) async fn measure(size: &Size) -> (Table, String) {
    let before = load();
    let mut table = Table::default();
    let maker = Maker::new();
    // None is dropped before all are counted: the next one would live in what the last one left.
    let mut stores = Vec::new();
    for (name, kind) in KINDS {
        let count = kind.count(size);
        let each = |bytes: f64| [bytes / count as f64];
        let empty = resident();
        let store = MemoryStore::new();
        write(&store, &maker, kind, count).await;
        table.add("memory", name, count, &each(resident() - empty));
        stores.push(store);
    }
    for (name, kind) in KINDS {
        let count = kind.count(size);
        let each = |bytes: f64| [bytes / count as f64];
        let place = SqlitePlace::new().await;
        let empty = pages(&place).await;
        write(&place.store, &maker, kind, count).await;
        table.add("sqlite", name, count, &each(pages(&place).await - empty));

        let place = PgPlace::new().await;
        let empty = relations(&place).await;
        write(&place.store, &maker, kind, count).await;
        table.add(
            "postgres",
            name,
            count,
            &each(relations(&place).await - empty),
        );
        place.remove().await;

        let place = RedisPlace::new().await;
        let empty = used_memory(&place).await;
        write(&place.store, &maker, kind, count).await;
        table.add(
            "redis",
            name,
            count,
            &each(used_memory(&place).await - empty),
        );
        place.remove().await;
    }
    (table, note(&before, 1))
}

async fn write(
    store: &(impl TokenStore + FactorStore + LimitStore),
    maker: &Maker,
    kind: Kind,
    count: usize,
) {
    let records = match kind {
        Kind::Code => Some((&CODE, 1)),
        Kind::Link => Some((&LINK, 1)),
        Kind::Device => Some((&DEVICE, 1)),
        Kind::Recovery => Some((&RECOVERY, 10)),
        Kind::Factor | Kind::Limit => None,
    };
    if let Some((policy, each)) = records {
        for _ in (0..count).step_by(AT_ONCE) {
            insert(store, &maker.records(policy, AT_ONCE, each)).await;
        }
        return;
    }
    for number in 0..count {
        match kind {
            Kind::Factor => {
                let factor = factor(maker, number);
                assert!(store.insert_factor(&factor).await.unwrap());
            }
            _ => {
                let subject = maker.subject();
                let charge = Charge {
                    key: LimitKey::new(
                        LimitScope::Application,
                        "pace",
                        &Binding::subject(&subject),
                    ),
                    limit: Limit::PACE,
                };
                store.spend(&[charge], now()).await.unwrap();
            }
        }
    }
}

fn factor(maker: &Maker, number: usize) -> StoredFactor {
    let mut id = [0; 16];
    // Spread over all ids, as random ones are.
    let spread = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    id[..8].copy_from_slice(&spread.to_be_bytes());
    StoredFactor {
        id: FactorId::from_bytes(id),
        subject: maker.subject(),
        provider: "totp".into(),
        label: "My phone".into(),
        state: FactorState::Active,
        sealed: vec![7; SEALED],
        last: Some(55_000_000),
        created_at: now(),
        used_at: Some(now()),
        removal: None,
    }
}

/// Of this process.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes.unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Of the file, after its log is empty.
pub(crate) async fn pages(place: &SqlitePlace) -> f64 {
    place.checkpoint().await;
    fs::metadata(place.path()).unwrap().len() as f64
}

/// Of tables, indexes and slots, after a vacuum.
pub(crate) async fn relations(place: &PgPlace) -> f64 {
    let mut connection = PgPlace::outsider().await;
    fill::settle(place, &mut connection).await;
    let sum = "SELECT (pg_total_relation_size('{tokens}') + pg_total_relation_size('{slots}') \
        + pg_total_relation_size('{factors}') + pg_total_relation_size('{limits}'))::bigint";
    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(place.fill(sum)));
    let bytes: i64 = query.fetch_one(&mut connection).await.unwrap();
    bytes as f64
}

/// As the server counts it.
pub(crate) async fn used_memory(place: &RedisPlace) -> f64 {
    let info: String = redis::cmd("INFO")
        .arg("memory")
        .query_async(&mut place.outsider().await)
        .await
        .unwrap();
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    line.unwrap().parse().unwrap()
}
