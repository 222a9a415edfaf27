//! Waiting for what is there, on a machine that may be busy.

use core::{fmt::Debug, time::Duration};
use std::time::Instant;

/// A store on a server that is there. On a busy machine its first connection may take longer than a verb of it.
pub async fn patiently<S, E: Debug, F: Future<Output = Result<S, E>>>(
    connect: impl Fn() -> F,
) -> S {
    let began = Instant::now();
    loop {
        match connect().await {
            Ok(store) => return store,
            Err(error) => assert!(
                began.elapsed() < Duration::from_secs(60),
                "{}: {error:?}",
                core::any::type_name::<S>()
            ),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
