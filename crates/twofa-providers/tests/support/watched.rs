//! What the tests share: a store that counts, fails and edits on demand, a clock, a log of events.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use self::inner::Inner;
use async_trait::async_trait;
use twofa_providers::token_store::{
    Advanced, Charge, Decided, Event, EventSink, FactorChange, FactorId, FactorStore, Inserted,
    LimitStore, Redeemed, Revoke, Spent, StoreError, StoredFactor, TokenStore,
    ott_core::{
        Decision, KeyRing, LimitKey, LimitKind, Presented, Purpose, Record, RecordId, Stored,
        Subject,
        chrono::{DateTime, Utc},
    },
};

/// Of the package whose tests these are: it says which store is watched.
mod inner {
    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/support/inner.rs"
    ));
}

/// How often, or how much: in memory, or over a store whose every step lasts and takes its time.
pub(crate) const fn often(in_memory: usize, durable: usize) -> usize {
    if inner::DURABLE { durable } else { in_memory }
}

pub(crate) const KEY_1: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
pub(crate) const KEY_2: &str = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

pub(crate) fn ring(lines: &[&str]) -> KeyRing {
    KeyRing::from_text(&lines.join("\n")).expect("a key ring")
}

pub(crate) fn key_1() -> KeyRing {
    ring(&[&format!("1 {KEY_1}")])
}

pub(crate) fn key_2() -> KeyRing {
    ring(&[&format!("2 {KEY_2}")])
}

pub(crate) fn subject(tenant: &str, id: &str) -> Subject {
    Subject::new(tenant, id).expect("a subject")
}

pub(crate) fn alice() -> Subject {
    subject("acme", "4711")
}

/// 2026-01-02T03:04:05Z.
pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045, 0).expect("a time")
}

/// A store whose verbs fail when told to, and whose rows are edited on their way out.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) inner: Inner,
    down: Mutex<HashSet<&'static str>>,
    edit: Mutex<Option<fn(&mut Stored)>>,
    issued: Mutex<Vec<RecordId>>,
    asked: Mutex<Vec<&'static str>>,
    limit_down: Mutex<Option<LimitKey>>,
    meanwhile: Mutex<Option<Meanwhile>>,
}

/// What somebody else does to a factor while a redeem is on its way.
#[derive(Clone, Copy)]
pub(crate) enum Meanwhile {
    Disables(FactorId),
    Removes(FactorId),
}

impl Watched {
    pub(crate) fn fail(&self, verb: &'static str) {
        self.down.lock().expect("no panic").insert(verb);
    }

    /// Fails whatever spends from this limit.
    pub(crate) fn fail_limit(&self, key: LimitKey) {
        *self.limit_down.lock().expect("no panic") = Some(key);
    }

    pub(crate) fn recover(&self) {
        self.down.lock().expect("no panic").clear();
    }

    /// Edits each row that is found or listed from now on.
    pub(crate) fn edit(&self, edit: fn(&mut Stored)) {
        *self.edit.lock().expect("no panic") = Some(edit);
    }

    /// Somebody else does this during the next redeem.
    pub(crate) fn meanwhile(&self, what: Meanwhile) {
        *self.meanwhile.lock().expect("no panic") = Some(what);
    }

    async fn let_others_act(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let meanwhile = self.meanwhile.lock().expect("no panic").take();
        let done = match meanwhile {
            None => return Ok(()),
            Some(Meanwhile::Disables(id)) => {
                self.inner
                    .get()
                    .await
                    .update(&id, &FactorChange::Disable)
                    .await?
            }
            Some(Meanwhile::Removes(id)) => self.inner.get().await.remove(&id, None, now).await?,
        };
        assert!(done, "the factor was there");
        Ok(())
    }

    /// The verbs asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        core::mem::take(&mut *self.asked.lock().expect("no panic"))
    }

    /// Every record, as it stands now.
    pub(crate) async fn records(&self) -> Vec<Stored> {
        let ids = self.issued.lock().expect("no panic").clone();
        let mut records = Vec::new();
        for id in ids {
            records.extend(self.inner.get().await.find(&id).await.expect("memory"));
        }
        records
    }

    /// One record, as it stands now.
    pub(crate) async fn inner_row(&self, id: &RecordId) -> Stored {
        self.inner
            .get()
            .await
            .find(id)
            .await
            .expect("memory")
            .expect("a record")
    }

    /// How many tokens were compared with any record.
    pub(crate) async fn evaluated(&self) -> u64 {
        let records = self.records().await;
        records
            .iter()
            .map(|stored| u64::from(stored.attempts))
            .sum()
    }

    fn ask(&self, verb: &'static str) -> Result<(), StoreError> {
        self.asked.lock().expect("no panic").push(verb);
        if self.down.lock().expect("no panic").contains(verb) {
            Err(StoreError::unavailable("told to fail"))
        } else {
            Ok(())
        }
    }

    fn edited(&self, mut stored: Stored) -> Stored {
        if let Some(edit) = *self.edit.lock().expect("no panic") {
            edit(&mut stored);
        }
        stored
    }
}

#[async_trait]
impl TokenStore for Watched {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        self.ask("insert")?;
        let ids = batch.iter().map(|record| *record.id());
        self.issued.lock().expect("no panic").extend(ids);
        self.inner.get().await.insert(batch).await
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        self.ask("redeem")?;
        self.let_others_act(now).await?;
        self.inner.get().await.redeem(presented, now).await
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        self.ask("decide")?;
        self.inner.get().await.decide(id, decision, now).await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        self.ask("find")?;
        let found = self.inner.get().await.find(id).await?;
        Ok(found.map(|stored| self.edited(stored)))
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.ask("touch")?;
        self.inner.get().await.touch(id, now).await
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        self.ask("list")?;
        let listed = self.inner.get().await.list(subject, purpose, now).await?;
        Ok(listed
            .into_iter()
            .map(|stored| self.edited(stored))
            .collect())
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        self.ask("revoke")?;
        self.inner.get().await.revoke(what).await
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.ask("purge")?;
        self.inner.get().await.purge(before, limit).await
    }
}

#[async_trait]
impl LimitStore for Watched {
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        self.ask("spend")?;
        let down = *self.limit_down.lock().expect("no panic");
        if charges.iter().any(|charge| down == Some(charge.key)) {
            return Err(StoreError::unavailable("told to fail"));
        }
        self.inner.get().await.spend(charges, now).await
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        self.ask("refund")?;
        self.inner.get().await.refund(charges, times).await
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        self.ask("clear")?;
        self.inner.get().await.clear(key).await
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.ask("purge_limits")?;
        self.inner.get().await.purge_limits(before, limit).await
    }
}

#[async_trait]
impl FactorStore for Watched {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        self.ask("insert_factor")?;
        self.inner.get().await.insert_factor(factor).await
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.ask("factors")?;
        self.inner.get().await.factors(subject).await
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.ask("confirm")?;
        self.inner.get().await.confirm(id, counter, now).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.ask("advance")?;
        self.inner.get().await.advance(id, counter, now).await
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        self.ask("update")?;
        self.inner.get().await.update(id, change).await
    }

    async fn remove(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.ask("remove")?;
        self.inner.get().await.remove(id, beside, now).await
    }
}

/// Every event, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Event>>>);

impl EventSink for Log {
    fn emit(&self, event: Event) {
        self.0.lock().expect("no panic").push(event);
    }
}

impl Log {
    /// What happened since the last call.
    pub(crate) fn drain(&self) -> Vec<Event> {
        core::mem::take(&mut *self.0.lock().expect("no panic"))
    }

    /// What happened since the last call, in words.
    pub(crate) fn whats(&self) -> Vec<String> {
        self.drain().iter().map(words).collect()
    }
}

/// The name, and what else is said beside time, subject, factor and record.
pub(crate) fn words(event: &Event) -> String {
    let reason = event.reason.map(|reason| format!("{reason:?}"));
    let parts = [
        Some(event.name.to_owned()),
        reason,
        event.verb.map(str::to_owned),
        event.purpose.map(str::to_owned),
        event.count.map(|count| count.to_string()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A token of the same shape that is not this one.
pub(crate) fn wrong(token: &str) -> String {
    let mut rest = token.chars();
    let other = match rest.next() {
        Some('0') => '1',
        Some('1'..='9') => '0',
        Some('B') => 'C',
        _ => 'B',
    };
    core::iter::once(other).chain(rest).collect()
}
