//! What is told.

use std::sync::{Arc, Mutex};

use token_store::{
    Event, EventSink, events,
    ott_core::{KeyId, Policy, RecordId},
};

use crate::start;

/// Every event, in order.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Event>>>);

impl EventSink for Log {
    fn emit(&self, event: Event) {
        self.0.lock().expect("no panic").push(event);
    }
}

impl Log {
    /// What happened since the last call.
    pub fn drain(&self) -> Vec<Event> {
        core::mem::take(&mut *self.0.lock().expect("no panic"))
    }

    /// What happened since the last call, by name alone.
    pub fn names(&self) -> Vec<&'static str> {
        self.drain().into_iter().map(|event| event.name).collect()
    }

    /// What happened since the last call, in words.
    pub fn whats(&self) -> Vec<String> {
        self.drain().iter().map(words).collect()
    }

    /// Whether the store was told to have failed at this verb, since the last call.
    pub fn store_failed_at(&self, verb: &'static str) -> bool {
        self.drain()
            .iter()
            .any(|event| event.name == events::STORE_FAILED && event.verb == Some(verb))
    }

    /// The keys that were told to be missing since the last call; nothing else was told.
    pub fn missing_keys(&self) -> Vec<KeyId> {
        let told = self.drain();
        assert!(
            told.iter().all(|event| event.name == events::KEY_MISSING),
            "{told:?}"
        );
        told.into_iter().filter_map(|event| event.key).collect()
    }
}

/// An event of a token of this policy.
pub fn told(policy: &Policy, name: &'static str, record: RecordId) -> Event {
    Event::new(start(), name)
        .purpose(policy.purpose())
        .record(record)
}

/// The name, and what else is said beside time, subject, factor and record.
pub fn words(event: &Event) -> String {
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
