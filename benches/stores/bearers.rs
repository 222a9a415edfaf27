//! What it costs to authenticate a token that is carried beside many live tokens, as a part of what it costs beside few;
//! with a cache and without.

use std::{sync::Arc, time::Instant};

use ott_bearer::{Bearers, Caching, Kind, New, NoScope};
use token_store_sqlx::token_store::{
    LimitStore, ManualClock, TokenStore, Tokens,
    ott_core::{KeyRing, Purpose, Subject, chrono::TimeDelta},
};
use tokio::task::JoinSet;

use crate::{Size, clients::part, issued::now, table::Table};

const KIND: Kind = Kind::access_token(Purpose::new("access-token"), "bench_pat_");
const CLIENTS: [usize; 2] = [1, 16];
/// How many are authenticated in a round.
const EACH: usize = 500;

/// Tokens in a store, each of an owner of its own.
pub(crate) struct Carried {
    plain: Bearers,
    cached: Bearers,
    texts: Vec<Arc<str>>,
}

impl Carried {
    /// As many as are measured, each used just now: no use is written down while they are measured. Call it before the
    /// store is filled, where the filling sorts those that are there among the others.
    pub(crate) async fn within<S>(store: S, size: &Size) -> Self
    where
        S: TokenStore + LimitStore + 'static,
    {
        let keys = KeyRing::generate().unwrap();
        let tokens = Tokens::builder(keys, store)
            .clock(Arc::new(ManualClock::new(now())))
            .policy(KIND.policy())
            .build();
        let plain = Bearers::<NoScope>::new(&tokens.unwrap().shared(), KIND).unwrap();
        let caching = Caching {
            staleness: TimeDelta::seconds(30),
            most: 1_000_000,
        };
        let cached = plain.clone().caching(caching).unwrap();
        let wanted = CLIENTS.len() * (size.rounds + 1) * size.redeems(EACH);
        let mut tasks = JoinSet::new();
        for client in 0..16 {
            let plain = plain.clone();
            tasks.spawn(async move {
                let mut texts = Vec::new();
                for number in (client..wanted).step_by(16) {
                    let owner = Subject::new("", format!("carrier{number:05}")).unwrap();
                    let issued = plain.issue(&New::of(&owner)).await.unwrap();
                    let text = issued.token.expose_secret();
                    plain.authenticate("", text).await.unwrap();
                    texts.push(Arc::from(text));
                }
                texts
            });
        }
        let texts = tasks.join_all().await.concat();
        Self {
            plain,
            cached,
            texts,
        }
    }
}

/// Rounds take turns, each with tokens that were not asked for since the store was filled; the first one warms up.
pub(crate) async fn compare(
    table: &mut Table,
    store: &str,
    mut sides: [(usize, Carried); 2],
    size: &Size,
) {
    for clients in CLIENTS {
        for cached in [false, true] {
            let (mut p50, mut p99) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
            for round in 0..=size.rounds {
                for step in 0..2 {
                    let at = (round + step) % 2;
                    let side = &mut sides[at].1;
                    side.texts.rotate_left(size.redeems(EACH));
                    let texts = &side.texts[..size.redeems(EACH)];
                    if cached {
                        times(&side.cached, texts, clients).await;
                    }
                    let bearers = if cached { &side.cached } else { &side.plain };
                    let times = times(bearers, texts, clients).await;
                    if round > 0 {
                        p50[at].push(part(&times, 0.5));
                        p99[at].push(part(&times, 0.99));
                    }
                }
            }
            let with = if cached { ", cached" } else { "" };
            for (what, figures) in [("p50", &p50), ("p99", &p99)] {
                for (at, (rows, _)) in sides.iter().enumerate() {
                    let what = format!("authenticate {what}{with}, {clients} clients");
                    table.add(store, &what, *rows, &figures[at]);
                }
                let each = figures[1].iter().zip(&figures[0]);
                let ratios: Vec<_> = each.map(|(many, few)| many / few).collect();
                let what = format!("authenticate {what}{with}, many / few, {clients} clients");
                table.add(store, &what, sides[1].0, &ratios);
            }
        }
    }
}

/// The microseconds that each took.
async fn times(bearers: &Bearers, texts: &[Arc<str>], clients: usize) -> Vec<f64> {
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let bearers = bearers.clone();
        let share: Vec<_> = texts
            .iter()
            .skip(client)
            .step_by(clients)
            .cloned()
            .collect();
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(share.len());
            for text in share {
                let began = Instant::now();
                bearers.authenticate("", &text).await.unwrap();
                times.push(began.elapsed().as_secs_f64() * 1e6);
            }
            times
        });
    }
    tasks.join_all().await.concat()
}
