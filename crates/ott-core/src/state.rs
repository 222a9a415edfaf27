//! The states of a record.

use crate::Reason;

/// Where a record stands. All but the first two are final: nothing revives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Somebody must decide first.
    Waiting = 0,
    /// It can be redeemed.
    Ready = 1,
    /// Its decider said no.
    Denied = 2,
    /// Its attempts are used up.
    Exhausted = 3,
    /// It was revoked.
    Revoked = 4,
    /// It was redeemed.
    Spent = 5,
    /// A newer token of its slot took its place.
    Superseded = 6,
}

impl State {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Ready,
        Self::Denied,
        Self::Exhausted,
        Self::Revoked,
        Self::Spent,
        Self::Superseded,
    ];

    /// The state's number in a store's column.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether nothing changes it any more; then why it refuses.
    #[must_use]
    pub const fn refusal(self) -> Option<Reason> {
        match self {
            Self::Waiting | Self::Ready => None,
            Self::Denied => Some(Reason::Denied),
            Self::Exhausted => Some(Reason::Exhausted),
            Self::Revoked => Some(Reason::Revoked),
            Self::Spent => Some(Reason::Spent),
            Self::Superseded => Some(Reason::Superseded),
        }
    }
}
