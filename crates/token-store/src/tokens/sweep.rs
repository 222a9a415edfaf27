//! Removing what is dead, for a task of the application.

use ott_core::chrono::TimeDelta;

use crate::{TokenStore, Tokens, TokensError};

/// Whoever writes meanwhile waits for so many, and not for all.
const AT_ONCE: u32 = 500;

/// The clocks of two machines may differ: nothing that either calls live is removed.
const DEAD_FOR: TimeDelta = TimeDelta::hours(1);

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// Removes everything that has been dead for an hour, 500 at a time, and says how many that were. Call it every
    /// few minutes, from one task of the application, for as long as that runs.
    ///
    /// # Errors
    /// [`TokensError::Unavailable`], which is an event too: this sweep ends, and the next one goes on.
    pub async fn sweep(&self) -> Result<u64, TokensError> {
        let now = self.now();
        let before = now.checked_sub_signed(DEAD_FOR).unwrap_or(now);
        let mut removed = 0_u64;
        loop {
            let batch = self.purge(before, AT_ONCE).await?;
            removed = removed.saturating_add(batch);
            // A batch that is not full is the last one.
            if batch < u64::from(AT_ONCE) {
                return Ok(removed);
            }
        }
    }
}
