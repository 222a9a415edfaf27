//! How a law says that it is broken.

use core::fmt::{Debug, Display};

use ott_core::Stored;

use crate::StoreError;

/// One law: its number and what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Law(pub(super) u8, pub(super) &'static str);

impl Law {
    #[track_caller]
    pub(super) fn broken(self, how: &str) -> ! {
        panic!("law {} is broken ({}): {how}", self.0, self.1)
    }

    #[track_caller]
    pub(super) fn holds(self, holds: bool, else_what: impl FnOnce() -> String) {
        if !holds {
            self.broken(&else_what());
        }
    }

    /// What a store in order answers.
    #[track_caller]
    pub(super) fn answer<T>(self, verb: &str, answer: Result<T, StoreError>) -> T {
        match answer {
            Ok(answer) => answer,
            Err(error) => self.broken(&format!(
                "`{verb}` of a store in order answered an outage: {error:?}"
            )),
        }
    }

    #[track_caller]
    pub(super) fn same<T: PartialEq + Debug>(self, what: &str, found: &T, expected: &T) {
        self.same_at(what, found, expected);
    }

    /// The same, where `what` is written down only if they differ.
    #[track_caller]
    pub(super) fn same_at<T: PartialEq + Debug>(self, what: impl Display, found: &T, expected: &T) {
        self.holds(found == expected, || {
            format!("{what}: got {found:?} instead of {expected:?}")
        });
    }

    /// Compares every field of two records.
    #[track_caller]
    pub(super) fn same_record(self, what: &str, found: Option<&Stored>, expected: &Stored) {
        let Some(found) = found else {
            self.broken(&format!("{what}: the record {} is gone", expected.id));
        };
        self.holds(found == expected, || {
            format!("{what}: {}", difference(found, expected))
        });
    }

    /// Refuses [`StoreError::Misuse`] to be told as anything else.
    #[track_caller]
    pub(super) fn misuse<T: Debug>(self, what: &str, answer: Result<T, StoreError>) {
        self.holds(matches!(answer, Err(StoreError::Misuse(_))), || {
            format!("{what}: got {answer:?} instead of `StoreError::Misuse`")
        });
    }
}

/// The fields in which two records differ.
pub(super) fn difference(found: &Stored, expected: &Stored) -> String {
    let differ: Vec<_> = fields(found)
        .into_iter()
        .zip(fields(expected))
        .filter(|(found, expected)| found != expected)
        .map(|((name, found), (_, expected))| format!("`{name}` is {found} instead of {expected}"))
        .collect();
    format!("in record {} {}", expected.id, differ.join(", "))
}

/// Every field as text: the records of the laws hold no secret.
fn fields(stored: &Stored) -> Vec<(&'static str, String)> {
    fn text(value: &impl Debug) -> String {
        format!("{value:?}")
    }
    let decision = stored.decision.as_ref();
    vec![
        ("id", text(&stored.id)),
        ("purpose", text(&stored.purpose)),
        ("key", text(&stored.key)),
        ("tenant", text(&stored.tenant)),
        ("subject", text(&stored.subject)),
        ("slot", text(&stored.slot)),
        ("policy", text(&stored.policy)),
        ("binding", text(&stored.binding)),
        ("digest", text(stored.digest.as_bytes())),
        ("data", text(&stored.data)),
        ("number", text(&stored.number)),
        ("max_attempts", text(&stored.max_attempts)),
        ("issued_at", text(&stored.issued_at)),
        ("expires_at", text(&stored.expires_at)),
        ("idle_micros", text(&stored.idle_micros)),
        ("tag", text(&stored.tag)),
        ("state", text(&stored.state)),
        ("attempts", text(&stored.attempts)),
        ("used_at", text(&stored.used_at)),
        ("decision", text(&decision)),
        ("decision.data", text(&decision.map(|made| &made.data))),
        ("decision.tag", text(&decision.map(|made| &made.tag))),
    ]
}
