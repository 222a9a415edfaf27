//! A record that was found by its token alone.

use std::sync::Arc;

use ott_core::{Binding, Issuer, Record, RecordId, Rejected, Subject};

/// A record that was found by its token alone: right token, binding not compared yet.
///
/// It tells whose it says it is, so that the application can load the account; only
/// [`Unchecked::check`] with the account's present state opens it.
#[derive(Debug)]
#[must_use = "the binding is not checked yet"]
pub struct Unchecked {
    record: Record,
    issuer: Arc<Issuer>,
}

impl Unchecked {
    pub(crate) const fn new(record: Record, issuer: Arc<Issuer>) -> Self {
        Self { record, issuer }
    }

    /// Whose account to load.
    #[must_use]
    pub fn owner(&self) -> Option<Subject> {
        self.record.stored().owner()
    }

    /// The record's public name.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        self.record.id()
    }

    /// The data that it was issued with: what to load to state the binding. Act on it after the
    /// check alone.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.record.stored().data
    }

    /// Compares the whole binding: subject, destination, epoch, operation.
    ///
    /// # Errors
    /// [`Rejected`] if any part differs. A token that was redeemed stays spent.
    pub fn check(self, binding: &Binding<'_>) -> Result<Record, Rejected> {
        self.issuer.check(&self.record, binding)?;
        Ok(self.record)
    }
}
