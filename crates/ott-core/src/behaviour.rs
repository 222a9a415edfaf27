//! The choices that a policy is made of.

/// How a presented token finds its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// By the flow's handle and the account; the whole binding is stated. Wrong tokens count.
    ByHandle {
        /// How many tokens are compared before the record is exhausted, the right one included.
        attempts: u16,
    },
    /// By tenant and token alone; the rest of the binding is checked afterwards.
    ByItself,
    /// By the subject and the token, the whole binding stated; a wrong token finds nothing.
    BySubject,
    /// By the flow's handle and the account, and there is no token: the handle is the secret. The
    /// whole binding is stated.
    Parked,
}

impl Lookup {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::ByHandle { .. } => 1,
            Self::BySubject => 2,
            Self::ByItself => 3,
            Self::Parked => 4,
        }
    }
}

/// What a new token retires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotRule {
    /// The same flow's earlier token: a resend.
    Flow,
    /// Nothing.
    Nothing,
    /// Everything of the same purpose and subject: a new set of recovery codes.
    Subject,
}

/// The number that a decider repeats, and that the waiting side alone shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// None.
    Nothing,
    /// 10 to 99.
    TwoDigits,
    /// 100000 to 999999.
    SixDigits,
}

impl Matching {
    /// Its digits.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::TwoDigits => 2,
            Self::SixDigits => 6,
        }
    }
}

/// What a record starts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It can be redeemed at once.
    Ready,
    /// Somebody must approve it first.
    Waiting {
        /// The number that the decider must repeat.
        number: Matching,
        /// Whether the person who decides becomes the subject of a record that has none. Where not, a
        /// record without a subject is decided by the system alone.
        binds_subject: bool,
    },
}

/// How often a token proves something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Again and again, until it expires or is revoked.
    Bearer,
    /// Once.
    Once,
}
