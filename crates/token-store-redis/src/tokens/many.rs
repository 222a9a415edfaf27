//! The verbs over a subject's records: first which keys, then the step itself.
//!
//! Where they change all the time, the last try takes the keys that it was told: whatever was there when the
//! verb was asked is among them, and what came meanwhile is as if it came afterwards.

use token_store::{
    StoreError,
    ott_core::{Purpose, RecordId, Stored, Subject},
};

use crate::{
    call::{Kind, TRIES},
    scripts,
    store::RedisStore,
};

impl RedisStore {
    /// A subject's records that are not final, of this primary's.
    pub(super) async fn not_final(&self, subject: &Subject) -> Result<Vec<Stored>, StoreError> {
        let set = self.keys().tokens_of(subject.tenant(), subject.id());
        let mut ids = Vec::<String>::new();
        let mut tries = 0..TRIES;
        loop {
            let last = tries.next().is_none();
            let mut call = self.call(&scripts::LIST, Kind::Reads);
            call = call.key(set.clone()).number(u8::from(last));
            for id in &ids {
                call = call.key(self.keys().record_named(id)).arg(id);
            }
            let mut reply = self.run(&call).await?;
            if reply.status() == "again" {
                ids = reply.rest().names()?;
                continue;
            }
            let mut found = Vec::new();
            while let Some((id, fields)) = reply.rest().named()? {
                let id =
                    RecordId::parse(&id).map_err(|_| StoreError::Corrupt("a name in a set"))?;
                found.push(fields.stored(id)?);
            }
            return Ok(found);
        }
    }

    pub(super) async fn revoke_all(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        except: Option<&RecordId>,
    ) -> Result<u64, StoreError> {
        let set = self.keys().tokens_of(subject.tenant(), subject.id());
        let mut ids = Vec::<String>::new();
        let mut tries = 0..TRIES;
        loop {
            let last = tries.next().is_none();
            let mut call = self
                .call(&scripts::REVOKE_ALL, Kind::Writes)
                .key(self.keys().final_ends())
                .key(set.clone())
                .arg(purpose.map_or("", Purpose::as_str))
                .arg(except.map(RecordId::to_string).unwrap_or_default())
                .number(u8::from(last));
            for id in &ids {
                call = call.key(self.keys().record_named(id)).arg(id);
            }
            let mut reply = self.run(&call).await?;
            if reply.status() == "again" {
                ids = reply.rest().names()?;
                continue;
            }
            return reply.rest().number();
        }
    }
}
