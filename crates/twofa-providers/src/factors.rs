//! A subject's factors, as their owner sees them.

use token_store::{
    FactorChange, FactorId, FactorState, StoredFactor,
    ott_core::{
        Destination, Reason, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    attempt::Attempt,
    context::Occasion,
    descriptor::{Descriptor, Proves},
    engine::{TwoFactor, is_of},
    error::TwoFactorError,
    events::FACTOR_RENAMED,
    fresh::Fresh,
    labels::check_label,
};

/// A factor as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorView {
    /// The public name.
    pub id: FactorId,
    /// The provider's id.
    pub provider: String,
    /// What the owner calls it.
    pub label: String,
    /// Where it stands.
    pub state: FactorState,
    /// When it was enrolled.
    pub created_at: DateTime<Utc>,
    /// When it last proved something by a counter, or was confirmed.
    pub used_at: Option<DateTime<Utc>>,
}

/// A provider that the subject can use now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it is.
    pub descriptor: Descriptor,
    /// Its factors.
    pub factors: Vec<FactorView>,
}

impl TwoFactor {
    /// What the subject can prove a second factor with now. It opens no seal: one that is broken keeps no
    /// other factor from being used.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage is never a shorter list.
    pub async fn offered(&self, subject: &Subject) -> Result<Vec<Offer>, TwoFactorError> {
        let stored = self.rows.of(subject).await?;
        let mut offers = Vec::new();
        for provider in &self.providers {
            let descriptor = provider.descriptor();
            let active = |factor: &&StoredFactor| {
                is_of(factor, descriptor) && factor.state == FactorState::Active
            };
            let factors: Vec<_> = stored.iter().filter(active).map(view).collect();
            if factors.is_empty() && descriptor.proves == Proves::Factor {
                continue;
            }
            let attempt = Attempt::new(subject, &descriptor.id);
            let context = self.context(&attempt, Occasion::Verify, None);
            let available = provider.available(&context).await;
            if available.map_err(|error| self.provider_failed(descriptor, subject, error))? {
                offers.push(Offer {
                    descriptor: descriptor.clone(),
                    factors,
                });
            }
        }
        Ok(offers)
    }

    /// The subject's factors, oldest first; removed ones are left out.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn factors(&self, subject: &Subject) -> Result<Vec<FactorView>, TwoFactorError> {
        let stored = self.rows.of(subject).await?;
        Ok(stored
            .iter()
            .filter(|factor| factor.state != FactorState::Removed)
            .map(view)
            .collect())
    }

    /// Where the codes of a factor go; `None` for one whose codes go nowhere. It opens the seal, so ask it for
    /// the factors that a page shows. Before the second step, show it [`masked`](crate::masked).
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Rejected`] if the subject has no such factor.
    pub async fn goes_to(
        &self,
        subject: &Subject,
        factor: &FactorId,
    ) -> Result<Option<Destination>, TwoFactorError> {
        let (own, _) = self.own(subject, factor).await?;
        Ok(self.rows.open(own)?.destination)
    }

    /// Gives a factor another label.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Rejected`] if the subject has no such factor.
    pub async fn rename(
        &self,
        fresh: &Fresh<'_>,
        factor: &FactorId,
        label: &str,
    ) -> Result<(), TwoFactorError> {
        let label = check_label(label)?;
        let (own, _) = self.own(fresh.subject(), factor).await?;
        let change = FactorChange::Label(label);
        let updated = self.rows.store.update(factor, &change).await;
        if !updated.map_err(|error| self.rows.outage("update", error))? {
            return Err(Reason::Unknown.into());
        }
        self.rows.tell(FACTOR_RENAMED, &own);
        Ok(())
    }

    /// The subject's factor, unless it was removed, and all others.
    pub(crate) async fn own(
        &self,
        subject: &Subject,
        factor: &FactorId,
    ) -> Result<(StoredFactor, Vec<StoredFactor>), TwoFactorError> {
        let stored = self.rows.of(subject).await?;
        let (own, others) = stored
            .into_iter()
            .partition::<Vec<_>, _>(|stored| stored.id == *factor);
        let own = own
            .into_iter()
            .find(|stored| stored.state != FactorState::Removed);
        Ok((own.ok_or(Reason::Unknown)?, others))
    }
}

fn view(stored: &StoredFactor) -> FactorView {
    FactorView {
        id: stored.id,
        provider: stored.provider.clone(),
        label: stored.label.clone(),
        state: stored.state,
        created_at: stored.created_at,
        used_at: stored.used_at,
    }
}
