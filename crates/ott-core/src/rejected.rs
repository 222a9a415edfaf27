//! Refusal: one face for the outside, a reason for the log.

/// A refusal. It prints as one text whatever the cause, and answers 401 or 403.
///
/// The cause is for logs and metrics. Telling it to the client tells an attacker which guess was warm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rejected")]
pub struct Rejected {
    reason: Reason,
}

impl Rejected {
    /// A refusal with this reason.
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self { reason }
    }

    /// The cause, for logs.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

/// Why something was refused. For logs, never for the client, apart from [`Ahead`](Self::Ahead).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The code belongs to a moment that has not come yet: the clock of the device is ahead. The code is spent, so that
    /// the client may be told of the clock.
    Ahead,
    /// The binding that was stated is not the one the token was issued for.
    Binding,
    /// The stored decision is missing, or its tag is wrong.
    DecisionForged,
    /// The record was denied by its decider.
    Denied,
    /// The record used up its attempts, now or before.
    Exhausted,
    /// Not yet valid, expired, or idle for too long.
    Expired,
    /// The record names a key that the ring lacks. An outage rather than a refusal: nothing was counted.
    KeyMissing,
    /// The record was issued after its key was retired.
    KeyRetired,
    /// What was typed cannot be a token of this format, or a handle.
    Malformed,
    /// The token is wrong; the attempt was counted.
    Mismatch,
    /// Issued before the issuer's `not_before`: a restored backup brought it back.
    NotBefore,
    /// There is nothing to decide: the record is not waiting.
    NotWaiting,
    /// The token is right, and its record waits for a decision. Nothing was counted.
    Pending,
    /// The record belongs to another policy.
    Policy,
    /// The record was revoked.
    Revoked,
    /// The token was redeemed before.
    Spent,
    /// The decider is not the record's subject.
    Stranger,
    /// A newer token of the same slot took its place.
    Superseded,
    /// The record's tag is wrong: somebody edited the row.
    TagForged,
    /// No record has this id.
    Unknown,
}
