//! What proves nothing, or not yet.

use ott_core::{Binding, OwnedBinding, Record, RecordId, Stored, Subject};

/// A record that was found by its public name, or decided. It is genuine and proves nothing: nobody
/// presented its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found(pub(crate) Record);

impl Found {
    /// The public name.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        self.0.id()
    }

    /// Everything in it.
    #[must_use]
    pub const fn stored(&self) -> &Stored {
        self.0.stored()
    }
}

/// What a token that is found by itself says of itself: whose account to load, so that its whole
/// binding can be stated. The token is right; its binding was not compared yet.
#[derive(Clone, Debug)]
pub struct Claimed {
    record: Record,
}

impl Claimed {
    pub(crate) const fn new(record: Record) -> Self {
        Self { record }
    }

    /// Whose account to load.
    #[must_use]
    pub fn owner(&self) -> Option<Subject> {
        self.record.stored().owner()
    }

    /// The purpose's name.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.record.stored().purpose
    }

    /// The record's public name.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        self.record.id()
    }

    /// The data that it was issued with.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.record.stored().data
    }

    /// The binding to the owner and to nothing else, for tokens that were issued with that one. A token
    /// that is bound to more, such as an epoch, is refused with it.
    #[must_use]
    pub fn owner_alone(&self) -> Option<OwnedBinding> {
        let owner = self.owner()?;
        Some(Binding::subject(&owner).into_owned())
    }
}
