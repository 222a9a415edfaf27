//! So many clients at once, each of whom redeems one token after another.

use core::pin::Pin;
use std::{sync::Arc, time::Instant};

use token_store_sqlx::token_store::ott_core::Presented;
use tokio::task::JoinSet;

type Answer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A way to redeem, by the client with this number.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) name: &'static str,
    redeem: Arc<dyn Fn(usize, Presented) -> Answer + Send + Sync>,
}

impl Side {
    /// `redeem` fails unless the token is redeemed.
    pub(crate) fn new<F: Future<Output = ()> + Send + 'static>(
        name: &'static str,
        redeem: impl Fn(usize, Presented) -> F + Send + Sync + 'static,
    ) -> Self {
        let redeem =
            Arc::new(move |client, presented| -> Answer { Box::pin(redeem(client, presented)) });
        Self { name, redeem }
    }

    pub(crate) async fn redeem(&self, client: usize, presented: Presented) {
        (self.redeem)(client, presented).await;
    }
}

/// What was measured: redeems a second, and the microseconds that one took.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Those who come at the same time were issued at about the same time: their rows are neighbours.
pub(crate) async fn redeem_all(side: &Side, presented: &[Presented], clients: usize) -> Measured {
    let shares: Vec<Vec<_>> = (0..clients)
        .map(|client| {
            presented
                .iter()
                .skip(client)
                .step_by(clients)
                .cloned()
                .collect()
        })
        .collect();
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for (client, share) in shares.into_iter().enumerate() {
        let side = side.clone();
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(share.len());
            for presented in share {
                let began = Instant::now();
                side.redeem(client, presented).await;
                times.push(began.elapsed().as_secs_f64() * 1e6);
            }
            times
        });
    }
    let times = tasks.join_all().await.concat();
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    Measured {
        rate,
        p50: part(&times, 0.5),
        p99: part(&times, 0.99),
    }
}

/// The time that this part of all did not exceed.
pub(crate) fn part(times: &[f64], part: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap()
}
