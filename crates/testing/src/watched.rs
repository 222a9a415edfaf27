//! A store that counts, fails and edits on demand.

mod verbs;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use token_store::{
    Charge, FactorChange, FactorId, RemoveIf, StoreError, TokenStore,
    ott_core::{
        LimitKey, Record, RecordId, Stored,
        chrono::{DateTime, Utc},
    },
};

use crate::{Held, Place, Store, held::Waiting};

pub use verbs::Opening;

/// A store whose verbs fail when told to, and whose rows are edited on their way out.
#[derive(Debug)]
pub struct Watched {
    inner: Store,
    apart: bool,
    down: Mutex<HashSet<&'static str>>,
    edit: Mutex<Option<fn(&mut Stored)>>,
    issued: Mutex<Vec<RecordId>>,
    asked: Mutex<Vec<&'static str>>,
    limit_down: Mutex<Option<LimitKey>>,
    meanwhile: Mutex<Option<Meanwhile>>,
    held: Mutex<Option<Arc<Held>>>,
    held_revoke: Mutex<Option<Arc<Held>>>,
    held_advance: Mutex<Option<Arc<Held>>>,
    calls: Mutex<Waiting>,
    answers: Mutex<Waiting>,
}

/// What somebody else does to a factor while a redeem is on its way.
#[derive(Clone, Copy, Debug)]
pub enum Meanwhile {
    /// Disables it.
    Disables(FactorId),
    /// Removes it.
    Removes(FactorId),
}

impl Watched {
    /// A new store in this place.
    pub async fn new(place: Place) -> Self {
        Self {
            inner: place.store().await,
            apart: place == Place::Apart,
            down: Mutex::default(),
            edit: Mutex::default(),
            issued: Mutex::default(),
            asked: Mutex::default(),
            limit_down: Mutex::default(),
            meanwhile: Mutex::default(),
            held: Mutex::default(),
            held_revoke: Mutex::default(),
            held_advance: Mutex::default(),
            calls: Mutex::default(),
            answers: Mutex::default(),
        }
    }

    /// The store itself, which neither fails nor counts.
    pub const fn store(&self) -> &Store {
        &self.inner
    }

    /// Fails this verb from now on.
    pub fn fail(&self, verb: &'static str) {
        self.down.lock().expect("no panic").insert(verb);
    }

    /// Fails whatever spends from this limit.
    pub fn fail_limit(&self, key: LimitKey) {
        *self.limit_down.lock().expect("no panic") = Some(key);
    }

    /// Fails no verb any more.
    pub fn recover(&self) {
        self.down.lock().expect("no panic").clear();
    }

    /// Edits each row that is found or listed from now on.
    pub fn edit(&self, edit: fn(&mut Stored)) {
        *self.edit.lock().expect("no panic") = Some(edit);
    }

    /// Somebody else does this during the next redeem.
    pub fn meanwhile(&self, what: Meanwhile) {
        *self.meanwhile.lock().expect("no panic") = Some(what);
    }

    /// Holds the next insert, before it fails or is done.
    pub fn hold_insert(&self) -> Arc<Held> {
        let held = Arc::default();
        *self.held.lock().expect("no panic") = Some(Arc::clone(&held));
        held
    }

    /// Holds the next revocation of a subject once it has read what there is, as a store may whose step is each record.
    pub fn hold_revoke(&self) -> Arc<Held> {
        let held = Arc::default();
        *self.held_revoke.lock().expect("no panic") = Some(Arc::clone(&held));
        held
    }

    /// Holds the next guess that was compared, before it is charged or burnt.
    pub fn hold_advance(&self) -> Arc<Held> {
        let held = Arc::default();
        *self.held_advance.lock().expect("no panic") = Some(Arc::clone(&held));
        held
    }

    /// Holds the next call of this verb (`revoke`) before it is done.
    pub fn hold_call(&self, verb: &'static str) -> Arc<Held> {
        let held = Arc::<Held>::default();
        let call = Some(Arc::clone(&held));
        self.calls.lock().expect("no panic").insert(verb, call);
        held
    }

    /// Holds the next answer of this verb (`find`, `touch` or `revoke`), which is done.
    pub fn hold_answer(&self, verb: &'static str) -> Arc<Held> {
        let held = Arc::<Held>::default();
        let answer = Some(Arc::clone(&held));
        self.answers.lock().expect("no panic").insert(verb, answer);
        held
    }

    /// Loses the next answer of this verb, which is done.
    pub fn lose_answer(&self, verb: &'static str) {
        self.answers.lock().expect("no panic").insert(verb, None);
    }

    async fn let_others_act(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let meanwhile = self.meanwhile.lock().expect("no panic").take();
        let done = match meanwhile {
            None => return Ok(()),
            Some(Meanwhile::Disables(id)) => self.inner.update(&id, &FactorChange::Disable).await?,
            Some(Meanwhile::Removes(id)) => {
                self.inner.remove(&id, RemoveIf::Always, &[], now).await?
            }
        };
        assert!(done, "the factor was there");
        Ok(())
    }

    /// The verbs asked for since the last call.
    pub fn asked(&self) -> Vec<&'static str> {
        core::mem::take(&mut *self.asked.lock().expect("no panic"))
    }

    /// Every record, as it stands now.
    pub async fn records(&self) -> Vec<Stored> {
        let ids = self.issued.lock().expect("no panic").clone();
        let mut records = Vec::new();
        for id in ids {
            records.extend(self.inner.find(&id).await.expect("the store answers"));
        }
        records
    }

    /// One record, as it stands now.
    pub async fn inner_row(&self, id: &RecordId) -> Stored {
        self.inner
            .find(id)
            .await
            .expect("the store answers")
            .expect("a record")
    }

    /// How many tokens were compared with any record.
    pub async fn evaluated(&self) -> u64 {
        let records = self.records().await;
        records
            .iter()
            .map(|stored| u64::from(stored.attempts))
            .sum()
    }

    /// Whether it charges in the step of a verb.
    pub fn charges(&self) -> bool {
        self.charged().is_some()
    }

    fn ask(&self, verb: &'static str) -> Result<(), StoreError> {
        self.ask_for(verb, &[])
    }

    /// Fails where the verb is told to, or one of those that it does in its step.
    fn ask_for(&self, verb: &'static str, parts: &[&'static str]) -> Result<(), StoreError> {
        self.asked.lock().expect("no panic").push(verb);
        let down = self.down.lock().expect("no panic");
        if down.contains(verb) || parts.iter().any(|part| down.contains(part)) {
            Err(StoreError::unavailable("told to fail"))
        } else {
            Ok(())
        }
    }

    fn ask_limits(&self, charges: &[Charge]) -> Result<(), StoreError> {
        let down = *self.limit_down.lock().expect("no panic");
        if charges.iter().any(|charge| down == Some(charge.key)) {
            Err(StoreError::unavailable("told to fail"))
        } else {
            Ok(())
        }
    }

    async fn wait_to_insert(&self) {
        let held = self.held.lock().expect("no panic").take();
        if let Some(held) = held {
            held.wait().await;
        }
    }

    fn note(&self, batch: &[Record]) {
        let ids = batch.iter().map(|record| *record.id());
        self.issued.lock().expect("no panic").extend(ids);
    }

    fn edited(&self, mut stored: Stored) -> Stored {
        if let Some(edit) = *self.edit.lock().expect("no panic") {
            edit(&mut stored);
        }
        stored
    }
}
