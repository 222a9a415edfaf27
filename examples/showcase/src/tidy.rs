//! Removing what is of no use any more: the loop that `token-store` documents.

#[cfg(test)]
mod tests;

use core::time::Duration;

use twofa_providers::token_store::{Tokens, ott_core::chrono::TimeDelta};

use crate::app::App;

/// How often.
pub(crate) const EVERY: Duration = Duration::from_secs(300);

/// How many at once: a request that waits meanwhile waits for so many, and not for all.
const AT_ONCE: u32 = 500;

/// One round of the loop, which goes on whatever happens here.
pub(crate) async fn tidy(app: &App) {
    sweep(&app.tokens).await;
}

/// Removes what is dead, batch by batch, until one is not full.
///
/// An outage ends the sweep, not the loop: it is an event, and the next sweep tries again.
async fn sweep(tokens: &Tokens) {
    let now = tokens.now();
    // The clocks of two machines may differ; nothing that either calls live is removed.
    let before = now.checked_sub_signed(TimeDelta::hours(1)).unwrap_or(now);
    let full = |removed| removed >= u64::from(AT_ONCE);
    while tokens.purge(before, AT_ONCE).await.is_ok_and(full) {}
}
