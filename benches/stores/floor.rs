//! Each store, and its floor: the same statement or script in a plain loop.

use core::cmp::min;
use std::sync::Arc;

use token_store_redis::redis;
use token_store_sqlx::{
    sqlx::{
        self, AssertSqlSafe, Encode, PgPool, Postgres, Row, Type,
        encode::IsNull,
        error::BoxDynError,
        postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo, types::Oid},
    },
    token_store::{Redeemed, TokenStore, ott_core::Presented},
};
use tokio::sync::Mutex;

use crate::{
    clients::Side,
    issued::{Maker, now},
    places::{PgPlace, RedisPlace, SqlitePlace},
    statement,
};

/// What the table calls the sides.
pub(crate) const STORE: &str = "store";
pub(crate) const FLOOR: &str = "floor";
/// PostgreSQL's second floor: the store's own pool, which clears each connection that comes back.
pub(crate) const GUARDED: &str = "guarded";
/// The third: connections that no pool hands out.
pub(crate) const HELD: &str = "held";

/// As many connections as the store opens by itself.
pub(crate) const CONNECTIONS: usize = 16;

pub(crate) fn through(store: impl TokenStore + Clone + 'static) -> Side {
    Side::new(STORE, move |_, presented| {
        let store = store.clone();
        async move { redeem(&store, &presented).await }
    })
}

pub(crate) async fn redeem(store: &impl TokenStore, presented: &Presented) {
    let told = store.redeem(presented, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
}

/// The statement that the store redeems one token by.
pub(crate) async fn statement(store: &impl TokenStore, maker: &Maker) -> Arc<str> {
    let presented = maker.codes(store, 1).await.remove(0);
    statement::redeemed_by(redeem(store, &presented))
        .await
        .into()
}

/// One connection, which the clients take in turn; one commit each.
pub(crate) async fn sqlite(place: &SqlitePlace, maker: &Maker) -> Side {
    let text = statement(&place.store, maker).await;
    let connection = place.store.pool().acquire().await.unwrap();
    let connection = Arc::new(Mutex::new(connection));
    Side::new(FLOOR, move |_, presented| {
        let (connection, text) = (Arc::clone(&connection), Arc::clone(&text));
        async move {
            let mut query = sqlx::query(AssertSqlSafe(text))
                .bind(presented.id().as_bytes().as_slice())
                .bind(now().timestamp_micros());
            for (key, digest) in presented.digests() {
                query = query.bind(key.0).bind(digest.as_bytes().as_slice());
            }
            let mut connection = connection.lock().await;
            let rows = query.fetch_all(&mut **connection).await.unwrap();
            assert_eq!(rows.first().unwrap().get::<i64, _>("state"), 5);
        }
    })
}

/// A plain pool with as many connections as the store's, none of them tried before it is handed out.
pub(crate) fn postgres(text: &Arc<str>) -> Side {
    let pool = PgPlace::plain_pool(CONNECTIONS);
    over(FLOOR, pool, text)
}

/// The store's own pool, without the store.
pub(crate) fn postgres_guarded(place: &PgPlace, text: &Arc<str>) -> Side {
    over(GUARDED, place.store.pool().clone(), text)
}

fn over(name: &'static str, pool: PgPool, text: &Arc<str>) -> Side {
    let text = Arc::clone(text);
    Side::new(name, move |_, presented| {
        let (pool, text) = (pool.clone(), Arc::clone(&text));
        async move {
            let mut connection = pool.acquire().await.unwrap();
            let rows = bound(text, &presented).fetch_all(&mut *connection).await;
            check(&rows.unwrap());
        }
    })
}

/// As many connections as the pool has, and no pool: each client keeps one, or shares it.
pub(crate) async fn postgres_held(text: &Arc<str>, clients: usize) -> Side {
    let mut connections = Vec::new();
    for _ in 0..min(clients, CONNECTIONS) {
        connections.push(Mutex::new(PgPlace::outsider().await));
    }
    let (connections, text) = (Arc::new(connections), Arc::clone(text));
    Side::new(HELD, move |client, presented| {
        let (connections, text) = (Arc::clone(&connections), Arc::clone(&text));
        async move {
            let own = connections.get(client % connections.len()).unwrap();
            let mut connection = own.lock().await;
            let rows = bound(text, &presented).fetch_all(&mut *connection).await;
            check(&rows.unwrap());
        }
    })
}

fn bound<'q>(
    text: Arc<str>,
    presented: &'q Presented,
) -> sqlx::query::Query<'q, Postgres, PgArguments> {
    let (keys, digests): (Vec<_>, Vec<_>) = presented
        .digests()
        .iter()
        .map(|(key, digest)| (i64::from(key.0), digest.as_bytes().as_slice()))
        .unzip();
    sqlx::query(AssertSqlSafe(text))
        .bind(Uuid(*presented.id().as_bytes()))
        .bind(now().timestamp_micros())
        .bind(keys)
        .bind(digests)
}

fn check(rows: &[PgRow]) {
    assert_eq!(rows.first().unwrap().get::<i16, _>("state"), 5);
}

/// The driver has this type behind a feature.
struct Uuid([u8; 16]);

impl Type<Postgres> for Uuid {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2950))
    }
}

impl Encode<'_, Postgres> for Uuid {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}

/// The script's parts as the store joins them. The server is asked whether it knows their hash: then
/// this is what the store loaded.
const SCRIPT: &str = concat!(
    include_str!("../../crates/token-store-redis/src/lua/epoch.lua"),
    include_str!("../../crates/token-store-redis/src/lua/record.lua"),
    include_str!("../../crates/token-store-redis/src/lua/redeemed.lua"),
    include_str!("../../crates/token-store-redis/src/lua/redeem.lua"),
);

/// One connection that all clients share, as the store has it.
pub(crate) async fn redis(place: &RedisPlace, maker: &Maker) -> Side {
    let first = maker.codes(&place.store, 1).await.remove(0);
    redeem(&place.store, &first).await;
    let connection = place.outsider().await;
    let hash: Arc<str> = redis::Script::new(SCRIPT).get_hash().into();
    let mut known = redis::cmd("SCRIPT");
    known.arg("EXISTS").arg(&*hash);
    let known: Vec<bool> = known.query_async(&mut connection.clone()).await.unwrap();
    assert_eq!(known, [true], "the store redeems by another script");
    let prefix: Arc<str> = format!("{{{}}}:", place.prefix).into();
    let mut era = redis::cmd("HGET");
    era.arg(format!("{prefix}epoch")).arg("era");
    let era: Arc<str> = era
        .query_async::<String>(&mut connection.clone())
        .await
        .unwrap()
        .into();
    Side::new(FLOOR, move |_, presented| {
        let mut connection = connection.clone();
        let (hash, prefix, era) = (Arc::clone(&hash), Arc::clone(&prefix), Arc::clone(&era));
        async move {
            let id = presented.id();
            let mut call = redis::cmd("EVALSHA");
            call.arg(&*hash).arg(3);
            call.arg(format!("{prefix}epoch"))
                .arg(format!("{prefix}final"));
            call.arg(format!("{prefix}token:{id}"));
            call.arg(now().timestamp_micros()).arg(id.to_string());
            call.arg(presented.digests().len());
            for (key, digest) in presented.digests() {
                call.arg(key.0).arg(digest.as_bytes().as_slice());
            }
            call.arg(&*era);
            let told: (String, redis::Value) = call.query_async(&mut connection).await.unwrap();
            assert_eq!(told.0, "done");
        }
    })
}
