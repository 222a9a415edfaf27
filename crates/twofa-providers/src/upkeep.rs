//! What the application's own tasks run, for nobody in particular.

use core::fmt;

use token_store::ott_core::Subject;

use crate::{durations::UNDO_WITHIN, engine::TwoFactor, error::TwoFactorError};

/// The engine's housekeeping. It takes no proof: nothing here changes what proves, or for whom.
pub struct Upkeep<'a> {
    engine: &'a TwoFactor,
}

impl<'a> Upkeep<'a> {
    /// The housekeeping of this engine.
    #[must_use]
    pub const fn new(engine: &'a TwoFactor) -> Self {
        Self { engine }
    }

    /// Deletes at most `limit` factors that were removed more than [`UNDO_WITHIN`] ago, with their secrets, or
    /// were enrolled that long ago and never confirmed; and says how many. Call it where the other stores are
    /// purged, until it takes fewer than `limit`.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn purge_factors(&self, limit: u32) -> Result<u64, TwoFactorError> {
        let rows = &self.engine.rows;
        let now = rows.now();
        let before = now.checked_sub_signed(UNDO_WITHIN).unwrap_or(now);
        let purged = rows.store.purge_factors(before, limit).await;
        purged.map_err(|error| rows.outage("purge_factors", error))
    }

    /// Seals the subject's secrets again that another key sealed than the ring's first, and says how
    /// many that were.
    ///
    /// A factor's own proof does the same for that factor. This is for those that nobody uses, before
    /// an old key is dropped from the ring.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`], [`TwoFactorError::KeyMissing`]. What was sealed again before
    /// stays so, and the rest opens as before.
    pub async fn renew_seals(&self, subject: &Subject) -> Result<usize, TwoFactorError> {
        let rows = &self.engine.rows;
        let mut renewed = 0_usize;
        for stored in rows.all(subject).await? {
            // A removed one too: it may be brought back.
            if !rows.needs_renewal(&stored.sealed) {
                continue;
            }
            let provider = stored.provider.clone();
            let open = rows.open(stored)?;
            // One step that compares the old seal: of two that renew it, the first one's stands.
            let secret = open.secret.clone();
            let done = self
                .engine
                .reseal(subject, &provider, &open, secret)
                .await?;
            renewed = renewed.saturating_add(usize::from(done));
        }
        Ok(renewed)
    }
}

impl fmt::Debug for Upkeep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upkeep").finish_non_exhaustive()
    }
}
