//! An address of an account: since when it is one, and until when it was.

use token_store::ott_core::{
    Destination,
    chrono::{DateTime, Utc},
};

/// A verified address of an account, as the application knows it: where its owner is told what happened.
///
/// While a change of address can be undone, which is as long as a link for "this was not me" lives, the
/// address that was replaced is told everything, with the link, and the one that took its place is told
/// everything without it; if it is replaced itself within that time, it is told nothing more. Else one change of
/// address would be the last thing of which the owner hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(crate) destination: Destination,
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) until: Option<DateTime<Utc>>,
}

impl Address {
    /// The address with which the account began.
    #[must_use]
    pub const fn new(destination: Destination) -> Self {
        Self {
            destination,
            since: None,
            until: None,
        }
    }

    /// It became the account's at this time, later than the account's beginning.
    #[must_use]
    pub fn since(self, at: DateTime<Utc>) -> Self {
        Self {
            since: Some(at),
            ..self
        }
    }

    /// Another one took its place at this time.
    #[must_use]
    pub fn until(self, at: DateTime<Utc>) -> Self {
        Self {
            until: Some(at),
            ..self
        }
    }

    /// Whether it is told: it is the account's, or was by this time and after it. One that came and went since
    /// then is told nothing more: it was brought in by what is being undone.
    pub(crate) fn is_told(&self, time: DateTime<Utc>) -> bool {
        let was = |until| until > time && self.is_linked(time);
        self.until.is_none_or(was)
    }

    /// Whether it is told with a link: it was the account's by this time.
    pub(crate) fn is_linked(&self, by: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| since <= by)
    }

    /// Whether one of these is the same address.
    pub(crate) fn is_among(&self, addresses: &[Self]) -> bool {
        let mut destinations = addresses.iter().map(|address| &address.destination);
        destinations.any(|destination| *destination == self.destination)
    }
}
