//! What a redeem answers, over any database: one statement counts, a second one learns why it did not.

use token_store::{
    Redeemed, StoreError,
    ott_core::{
        Presented, Reason, State, Stored,
        chrono::{DateTime, Utc},
    },
};

use crate::rows::{self, ReadRow};

/// Whether records that count attempts may be redeemed.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Counts {
    /// They count, and that will be committed.
    Yes,
    /// They are refused: the caller might roll the count back.
    Refused,
}

/// The answer of a redeem that counted, by the row that it wrote.
pub(crate) fn counted<R: ReadRow>(row: &R) -> Result<Redeemed, StoreError> {
    let stored = rows::stored(row)?;
    Ok(match stored.state {
        State::Spent => Redeemed::Redeemed(stored),
        State::Exhausted => Redeemed::Refused(Reason::Exhausted),
        _ => Redeemed::Refused(Reason::Mismatch),
    })
}

/// Why a redeem counted nothing. `None`: it would count now, so the record changed since.
pub(crate) fn uncounted(
    found: Option<&Stored>,
    presented: &Presented,
    now: DateTime<Utc>,
) -> Option<Reason> {
    let Some(stored) = found else {
        return Some(Reason::Unknown);
    };
    match stored.refusal(presented, now)? {
        Reason::Mismatch => None,
        Reason::Exhausted if stored.state != State::Exhausted => None,
        reason => Some(reason),
    }
}
