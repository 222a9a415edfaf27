//! Events as records of `tracing`.

use tracing::{Level, event};

use crate::{Event, EventSink, events};

/// Gives each event to `tracing`, under the target `ott`: for the logs that the application keeps anyway.
///
/// | level | which |
/// | --- | --- |
/// | error | what an operator has to do something about: `store.failed`, `key.missing`, `limit.ahead` |
/// | warn | `limit.reached`, and everything that has a reason: a refusal |
/// | info | everything else |
///
/// Fields that an event does not have are left out. An event holds no token, code, secret or address.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingEvents;

impl EventSink for TracingEvents {
    fn emit(&self, event: Event) {
        let error = [
            events::STORE_FAILED,
            events::KEY_MISSING,
            events::LIMIT_AHEAD,
        ];
        if error.contains(&event.name) {
            record(Severity::Error, &event);
        } else if event.name == events::LIMIT_REACHED || event.reason.is_some() {
            record(Severity::Warn, &event);
        } else {
            record(Severity::Info, &event);
        }
    }
}

enum Severity {
    Error,
    Warn,
    Info,
}

/// The level of a record is part of its call site.
macro_rules! record_at {
    ($level:expr, $event:expr) => {{
        let event = $event;
        let subject = event.subject.as_ref().map(ott_core::Subject::id);
        let record = event.record.map(|id| id.to_string());
        let factor = event.factor.map(|id| id.to_string());
        let reason = event.reason.map(|reason| format!("{reason:?}"));
        let retry_at = event.retry_at.map(|time| time.to_rfc3339());
        event!(
            target: "ott",
            $level,
            event = event.name,
            tenant = event.tenant.as_deref(),
            subject,
            purpose = event.purpose,
            record = record.as_deref(),
            factor = factor.as_deref(),
            provider = event.provider.as_deref(),
            reason = reason.as_deref(),
            retry_at = retry_at.as_deref(),
            key = event.key.map(|key| key.0),
            count = event.count,
            verb = event.verb,
        );
    }};
}

fn record(severity: Severity, event: &Event) {
    match severity {
        Severity::Error => record_at!(Level::ERROR, event),
        Severity::Warn => record_at!(Level::WARN, event),
        Severity::Info => record_at!(Level::INFO, event),
    }
}
