//! What a token is for, and its policy.

use token_store::ott_core::{Format, Matching, Policy, Purpose, Start};

const CODE: Policy = Policy::code(Purpose::new("ledger-code"));
const LINK: Policy = Policy::link(Purpose::new("ledger-link"));
const RECOVERY: Policy = Policy::recovery(Purpose::new("ledger-recovery"));
pub(super) const PROMPT: Policy = Policy::code(Purpose::new("ledger-prompt"))
    .format(Format::LINK)
    .start(Start::Waiting {
        number: Matching::TwoDigits,
        binds_subject: false,
    });

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Kind {
    Code,
    /// A code, redeemed in one transaction with what it is for.
    Applied,
    Link,
    Prompt,
    /// One of a sheet.
    Recovery,
}

pub(super) const KINDS: [Kind; 5] = [
    Kind::Code,
    Kind::Applied,
    Kind::Link,
    Kind::Prompt,
    Kind::Recovery,
];

impl Kind {
    pub(super) const fn policy(self) -> &'static Policy {
        match self {
            Self::Applied | Self::Code => &CODE,
            Self::Link => &LINK,
            Self::Prompt => &PROMPT,
            Self::Recovery => &RECOVERY,
        }
    }

    /// Whether a wrong one finds the record, and is counted.
    pub(in crate::ledger) const fn counts(self) -> bool {
        matches!(self, Self::Applied | Self::Code | Self::Prompt)
    }
}
