//! Factors that another system enrolled.

use sha2::{Digest as _, Sha256};
use token_store::{FactorId, FactorState, StoredFactor, ott_core::Subject};

use crate::{
    engine::{TwoFactor, is_of},
    enrol::MAX_FACTORS_PER_PROVIDER,
    envelope::{Enrolled, Envelope},
    error::TwoFactorError,
    events::FACTOR_IMPORTED,
    existing::Existing,
    labels::check_label,
};

/// A factor that another system enrolled.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Import<'a> {
    /// Whose.
    pub subject: &'a Subject,
    /// The other system's name of it, such as its primary key: the same name again changes nothing.
    pub name: &'a str,
    /// What the owner calls it.
    pub label: &'a str,
    /// Its secret and parameters, or where its codes go.
    pub existing: Existing<'a>,
    /// The counter or time step of the last code that the other system accepted, where it knows.
    pub last: Option<u64>,
    /// Whether its owner has proved it there.
    pub confirmed: bool,
}

impl<'a> Import<'a> {
    /// A confirmed factor of this subject, under the other system's name of it.
    #[must_use]
    pub const fn new(
        subject: &'a Subject,
        name: &'a str,
        label: &'a str,
        existing: Existing<'a>,
    ) -> Self {
        Self {
            subject,
            name,
            label,
            existing,
            last: None,
            confirmed: true,
        }
    }

    /// Codes up to this counter or time step were used.
    #[must_use]
    pub const fn last(self, counter: u64) -> Self {
        Self {
            last: Some(counter),
            ..self
        }
    }

    /// Its owner never proved it: it waits for its confirmation, as if it were enrolled now.
    #[must_use]
    pub const fn unconfirmed(self) -> Self {
        Self {
            confirmed: false,
            ..self
        }
    }
}

/// What an import found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is a factor from now on.
    New(FactorId),
    /// It was imported before, and nothing was changed: also where its owner removed it since.
    There(FactorId),
}

impl TwoFactor {
    /// Takes over a factor that another system enrolled. Run it again after an interruption: what is there
    /// stays as it is. Once a removed factor was [purged](crate::Upkeep::purge_factors), nothing is there any more:
    /// a run after that would take it over again.
    ///
    /// # Security
    /// It takes no proof and tells no owner: call it from a program that migrates, never for a request.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Misuse`] for what the provider cannot verify, and
    /// [`TwoFactorError::TooMany`] for more than [`MAX_FACTORS_PER_PROVIDER`].
    pub async fn import(
        &self,
        provider: &str,
        import: &Import<'_>,
    ) -> Result<Imported, TwoFactorError> {
        let subject = import.subject;
        let provider = self.provider(provider)?;
        let descriptor = provider.descriptor();
        let label = check_label(import.label)?;
        let id = named(subject, &descriptor.id, import.name);
        let stored = self.rows.of(subject).await?;
        if stored.iter().any(|factor| factor.id == id) {
            return Ok(Imported::There(id));
        }
        let there = stored
            .iter()
            .filter(|factor| is_of(factor, descriptor) && factor.state != FactorState::Removed);
        if there.count() >= MAX_FACTORS_PER_PROVIDER {
            return Err(TwoFactorError::TooMany);
        }
        let enrolment = provider.import(&import.existing);
        let enrolment =
            enrolment.map_err(|error| self.provider_failed(descriptor, subject, error))?;
        let envelope = Envelope {
            enrolled: Enrolled::default(),
            destination: enrolment.destination,
            secret: enrolment.secret,
        };
        let factor = StoredFactor {
            id,
            subject: subject.clone(),
            provider: descriptor.id.to_string(),
            label,
            state: if import.confirmed {
                FactorState::Active
            } else {
                FactorState::Pending
            },
            sealed: self.rows.seal(subject, &id, &descriptor.id, &envelope)?,
            last: import.last,
            created_at: self.rows.now(),
            used_at: None,
            removal: None,
        };
        if !self.rows.insert(&factor).await? {
            // Somebody else was first in the meantime.
            return Ok(Imported::There(id));
        }
        self.rows.tell(FACTOR_IMPORTED, &factor);
        Ok(Imported::New(id))
    }
}

/// The id of a factor that another system names: the first half of SHA-256 over a label, tenant, subject,
/// provider and name, each after its length (8 bytes, big-endian).
fn named(subject: &Subject, provider: &str, name: &str) -> FactorId {
    let mut hash = Sha256::new();
    for part in [
        "ott imported factor v1",
        subject.tenant(),
        subject.id(),
        provider,
        name,
    ] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(digest.split_at(16).0);
    FactorId::from_bytes(id)
}
