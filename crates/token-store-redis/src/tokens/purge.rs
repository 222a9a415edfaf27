//! Purging, in bounded batches.

use token_store::StoreError;

use crate::{
    call::{BATCH, Kind},
    scripts,
    store::RedisStore,
};

impl RedisStore {
    /// Removes dead records, their ids elsewhere, and the names of those that Redis has expired.
    pub(super) async fn purge_records(&self, before: i64, limit: u32) -> Result<u64, StoreError> {
        let mut left = limit;
        let (ends, final_ends) = (self.keys().ends(), self.keys().final_ends());
        for (set, other) in [(&final_ends, &ends), (&ends, &final_ends)] {
            while left > 0 {
                let step = self.purge_some(set, other, before, left.min(BATCH));
                let Some(gone) = self.within(step).await? else {
                    break;
                };
                left = left.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX));
            }
        }
        Ok(u64::from(limit.saturating_sub(left)))
    }

    /// How many records of this set went; nothing if there was nothing to do.
    async fn purge_some(
        &self,
        set: &str,
        other: &str,
        before: i64,
        most: u32,
    ) -> Result<Option<u64>, StoreError> {
        let keys = self.keys();
        let ids = self.dead(set.to_owned(), before, most).await?;
        if ids.is_empty() {
            return Ok(None);
        }
        let mut call = self.call(&scripts::OWNERS, Kind::Reads);
        for id in &ids {
            call = call.key(keys.record_named(id));
        }
        let mut owners = self.run(&call).await?;
        let mut call = self
            .call(&scripts::PURGE, Kind::Writes)
            .key(set.to_owned())
            .key(other.to_owned())
            .number(before);
        for id in &ids {
            let mut row = owners.rest().row()?.unwrap_or_default().into_iter();
            let mut next = || row.next().flatten();
            let [tenant, subject, slot] = [next(), next(), next()];
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
            let theirs = tenant
                .and_then(text)
                .zip(subject.and_then(text))
                .map(|(tenant, subject)| keys.tokens_of(&tenant, &subject));
            let slot = slot
                .and_then(|slot| slot.try_into().ok())
                .map(|slot| keys.slot(&slot));
            call = call
                .key(keys.record_named(id))
                .key(theirs.unwrap_or_else(|| set.to_owned()))
                .key(slot.unwrap_or_else(|| set.to_owned()))
                .arg(id);
        }
        let mut reply = self.run(&call).await?;
        reply.rest().number().map(Some)
    }

    /// The names in a sorted set whose time came before `before`.
    pub(crate) async fn dead(
        &self,
        set: String,
        before: i64,
        most: u32,
    ) -> Result<Vec<String>, StoreError> {
        let call = self
            .call(&scripts::DEAD, Kind::Reads)
            .key(set)
            .number(before)
            .number(most);
        let mut reply = self.run(&call).await?;
        reply.rest().names()
    }
}
