//! Counts the statements that the driver logs, and hears nothing else.

use core::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Metadata, Subscriber, span};

static STATEMENTS: AtomicU64 = AtomicU64::new(0);

/// Counts from now on, at the price of a log.
pub(crate) fn count() {
    tracing::subscriber::set_global_default(Statements).unwrap();
}

pub(crate) fn so_far() -> u64 {
    STATEMENTS.load(Ordering::Relaxed)
}

struct Statements;

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, _: &Event<'_>) {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
