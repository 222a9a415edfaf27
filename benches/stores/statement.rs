//! The very statement that a store ran, as the driver logs it: what the floor runs cannot differ.

use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};
use std::sync::Mutex;

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::Interest,
};

static LISTENS: AtomicBool = AtomicBool::new(false);
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Called once, at the start of the process.
pub(crate) fn install() {
    tracing::subscriber::set_global_default(Listener).unwrap();
}

/// The one statement that `work` updates tokens by.
pub(crate) async fn redeemed_by(work: impl Future<Output = ()>) -> String {
    LISTENS.store(true, Ordering::SeqCst);
    work.await;
    LISTENS.store(false, Ordering::SeqCst);
    let mut heard = core::mem::take(&mut *HEARD.lock().unwrap());
    // It may look for locks first, and so begin with another word.
    let updates = |text: &String| !text.starts_with("SELECT") && text.contains("UPDATE");
    heard.retain(|text| updates(text) && text.contains("ott_tokens"));
    assert_eq!(heard.len(), 1, "{heard:#?}");
    heard.remove(0)
}

struct Listener;

impl Subscriber for Listener {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        LISTENS.load(Ordering::Relaxed) && metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Text);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Text;

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Short ones stand in the summary alone.
        if field.name() == "db.statement" && !value.trim().is_empty() {
            HEARD.lock().unwrap().push(value.trim().to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
