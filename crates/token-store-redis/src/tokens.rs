//! Tokens.

mod charged;
mod insert;
mod many;
mod purge;

use async_trait::async_trait;
use token_store::{
    Charged, ChargedStore, Decided, Inserted, Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{
        Decider, Decision, KeyId, Presented, Purpose, Reason, Record, RecordId, State, Stored,
        Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    call::{Call, Kind},
    error::Outage,
    reply::Reply,
    scripts,
    store::RedisStore,
    time::micros,
};

#[async_trait]
impl TokenStore for RedisStore {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        match self.within(self.insert_batch(batch, None)).await? {
            Charged::Answered(inserted) => Ok(inserted),
            Charged::Refused(_) => Err(Outage::Unexpected.into()),
        }
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        let id = *presented.id();
        let call = compared(self.about(&scripts::REDEEM, &id), presented, now)?;
        let mut reply = self.within(self.run(&call)).await?;
        redeemed(&mut reply, presented)
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        if decision.record() != id {
            return Ok(Decided::Refused(Reason::Unknown));
        }
        let decision = decision.stored();
        let call = self
            .about(&scripts::DECIDE, id)
            .number(micros(now)?)
            .number(id)
            .number(decision.outcome.number())
            .arg(&decision.data)
            .number(decision.at.timestamp_micros())
            .arg(decision.tag);
        let call = match &decision.decider {
            Decider::Subject(person) => call.arg(person.tenant()).arg(person.id()),
            Decider::System(name) => call.arg(name),
        };
        let mut reply = self.within(self.run(&call)).await?;
        match refusal(&mut reply)? {
            Some(reason) => Ok(Decided::Refused(reason)),
            None => Ok(Decided::Decided(reply.rest().fields()?.stored(*id)?)),
        }
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        let call = self
            .call(&scripts::FIND, Kind::Reads)
            .key(self.keys().record(id));
        let mut reply = self.within(self.run(&call)).await?;
        match reply.status() {
            "none" => Ok(None),
            _ => reply.rest().fields()?.stored(*id).map(Some),
        }
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        let call = self
            .call(&scripts::TOUCH, Kind::Writes)
            .key(self.keys().ends())
            .key(self.keys().record(id))
            .number(micros(now)?)
            .number(id);
        self.within(self.run(&call)).await.map(drop)
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut found = self.within(self.not_final(subject)).await?;
        found.retain(|stored| {
            stored.is_live(now) && purpose.is_none_or(|purpose| stored.purpose == purpose.as_str())
        });
        found.sort_by_key(|stored| (stored.issued_at, stored.id));
        Ok(found)
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        match what {
            Revoke::Own { subject, record } => self.revoke_one(record, Some(subject)).await,
            Revoke::Record(record) => self.revoke_one(record, None).await,
            Revoke::Subject {
                subject,
                purpose,
                except,
            } => {
                let revoked = self.revoke_all(subject, purpose.as_ref(), except.as_ref());
                self.within(revoked).await
            }
        }
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.purge_records(micros(before)?, limit).await
    }

    fn charged(&self) -> Option<&dyn ChargedStore> {
        Some(self)
    }
}

impl RedisStore {
    async fn revoke_one(&self, id: &RecordId, whose: Option<&Subject>) -> Result<u64, StoreError> {
        let mut call = self.about(&scripts::REVOKE, id).number(id);
        if let Some(subject) = whose {
            call = call.arg(subject.tenant()).arg(subject.id());
        }
        let mut reply = self.within(self.run(&call)).await?;
        reply.rest().number()
    }

    /// A call that may make one record final.
    fn about(&self, script: &'static std::sync::LazyLock<scripts::Source>, id: &RecordId) -> Call {
        self.call(script, Kind::Writes)
            .key(self.keys().final_ends())
            .key(self.keys().record(id))
    }
}

/// Adds what a record is compared with.
fn compared(call: Call, presented: &Presented, now: DateTime<Utc>) -> Result<Call, StoreError> {
    let call = call.number(micros(now)?).number(presented.id());
    let digests = presented.digests();
    let call = call.number(digests.len());
    Ok(digests.iter().fold(call, |call, (key, digest)| {
        call.number(key.0).arg(digest.as_bytes())
    }))
}

/// The answer of a redeem.
fn redeemed(reply: &mut Reply, presented: &Presented) -> Result<Redeemed, StoreError> {
    let refused = match reply.status() {
        // Which of two reasons it is, the ring knows.
        "lacks" => {
            let key = reply.rest().text()?.parse().ok().map(KeyId);
            let reason = key.and_then(|key| presented.lacks(key));
            Some(reason.ok_or(StoreError::Corrupt("key"))?)
        }
        _ => refusal(reply)?,
    };
    match refused {
        Some(reason) => Ok(Redeemed::Refused(reason)),
        None => Ok(Redeemed::Redeemed(
            reply.rest().fields()?.stored(*presented.id())?,
        )),
    }
}

/// Why a script refused; nothing if it did not.
fn refusal(reply: &mut Reply) -> Result<Option<Reason>, StoreError> {
    let reason = match reply.status() {
        "done" => return Ok(None),
        "state" => {
            let state = u8::try_from(reply.rest().number()?).ok();
            let state = state.and_then(State::from_number).and_then(State::refusal);
            return state.map(Some).ok_or(StoreError::Corrupt("state"));
        }
        _ => match reply.rest().text()?.as_str() {
            "exhausted" => Reason::Exhausted,
            "expired" => Reason::Expired,
            "mismatch" => Reason::Mismatch,
            "not waiting" => Reason::NotWaiting,
            "pending" => Reason::Pending,
            "stranger" => Reason::Stranger,
            "unknown" => Reason::Unknown,
            _ => return Err(Outage::Unexpected.into()),
        },
    };
    Ok(Some(reason))
}
