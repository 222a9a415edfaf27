//! What is recorded with `tracing`.

use std::sync::{Arc, Mutex};

use tracing::{
    Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

/// Level and fields of each record under the target `ott`.
#[derive(Clone, Debug, Default)]
pub struct Traced(Arc<Mutex<Vec<(Level, String)>>>);

impl Traced {
    /// Everything that this thread records until the guard goes.
    #[must_use]
    pub fn here() -> (Self, DefaultGuard) {
        let traced = Self::default();
        let guard = tracing::subscriber::set_default(traced.clone());
        (traced, guard)
    }

    /// What was recorded since this was asked last.
    #[must_use]
    pub fn take(&self) -> Vec<(Level, String)> {
        core::mem::take(&mut *self.0.lock().unwrap())
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn core::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Traced {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "ott"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let line = (*event.metadata().level(), fields.0.trim_end().to_owned());
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
