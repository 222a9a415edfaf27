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
