//! Removing what is of no use any more: the loop that `token-store` documents.

#[cfg(test)]
mod tests;

use core::time::Duration;

use twofa_providers::Upkeep;

use crate::{app::App, log};

/// How often.
pub(crate) const EVERY: Duration = Duration::from_secs(300);

/// How many at once: a request that waits meanwhile waits for so many, and not for all.
const AT_ONCE: u32 = 500;

/// One round of the loop, which goes on whatever happens here.
pub(crate) async fn tidy(app: &App) {
    // An outage is an event, and the next round tries again.
    let _ = app.tokens.sweep().await;
    if let Err(error) = app.answers.purge(app).await {
        log::outage(&*error.into_cause());
    }
    // What was removed can be brought back for a week; then its secret goes.
    let full = |removed| removed >= u64::from(AT_ONCE);
    while Upkeep::new(&app.two_factor)
        .purge_factors(AT_ONCE)
        .await
        .is_ok_and(full)
    {}
}
