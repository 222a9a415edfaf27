//! The task that removes what is dead. Nothing depends on it but space.
//!
//! `twofa-providers = "0.1"`, `tokio = { version = "1", features = ["rt", "time"] }`.

use core::time::Duration;
use std::sync::Arc;

use tokio::{task::JoinHandle, time::interval};
use twofa_providers::{TwoFactor, Upkeep, token_store::Tokens};

/// Every few minutes, for as long as the application runs; on each machine, or on one of them.
pub fn spawn(tokens: Arc<Tokens>, engine: Arc<TwoFactor>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut clock = interval(Duration::from_secs(300));
        loop {
            clock.tick().await;
            // An outage is an event already (`store.failed`), and the next round tries again.
            let _tokens_and_limits = tokens.sweep().await;
            let _removed_factors = Upkeep::new(&engine).purge_factors(500).await;
        }
    })
}
