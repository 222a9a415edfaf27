//! The rows of factors: read, sealed, opened, disabled. What happens is told to the events.

use core::ptr;
use std::sync::Arc;

use token_store::{
    Charge, ChargedFactors, Event, FactorChange, FactorId, FactorState, FactorStore, RemoveIf,
    StoreError, StoredFactor, Tokens,
    events::{KEY_MISSING, LIMIT_AHEAD, STORE_FAILED},
    ott_core::{
        KeyId, Reason, Subject,
        chrono::{DateTime, TimeDelta, Utc},
        rand::{TryRng as _, rngs::SysRng},
    },
    seal::{self, SealError, SealedFor},
};

use crate::{
    envelope::Envelope,
    error::TwoFactorError,
    events::{FACTOR_DISABLED, FACTOR_REFUSED},
    open_factor::OpenFactor,
};

/// How long an enrolled factor waits for its confirmation.
pub const CONFIRM_WITHIN: TimeDelta = TimeDelta::hours(1);

/// The store for factors, with the keys that seal and the sink for events.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) store: Arc<dyn FactorStore>,
}

impl Rows {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.tokens.now()
    }

    pub(crate) fn event(&self, name: &'static str, subject: &Subject) -> Event {
        self.tokens.event(name).of(subject)
    }

    pub(crate) fn emit(&self, event: Event) {
        self.tokens.emit(event);
    }

    /// An event about one factor.
    pub(crate) fn tell(&self, name: &'static str, factor: &StoredFactor) {
        let event = self.event(name, &factor.subject);
        self.emit(event.factor(factor.id).provider(&factor.provider));
    }

    /// An outage of a store, told to the events.
    pub(crate) fn outage(&self, verb: &'static str, error: StoreError) -> TwoFactorError {
        self.store_failed(verb);
        error.into()
    }

    /// A key that the ring lacks, told to the events.
    pub(crate) fn key_missing(&self, key: KeyId) -> TwoFactorError {
        self.emit(self.tokens.event(KEY_MISSING).key(key));
        TwoFactorError::KeyMissing(key)
    }

    pub(crate) fn store_failed(&self, verb: &'static str) {
        self.emit(self.tokens.event(STORE_FAILED).verb(verb));
    }

    /// Every factor of the subject, removed ones included, oldest first. Sheets of recovery codes are none.
    pub(crate) async fn of(&self, subject: &Subject) -> Result<Vec<StoredFactor>, TwoFactorError> {
        let mut all = self.all(subject).await?;
        all.retain(|stored| !is_sheet(stored));
        Ok(all)
    }

    /// Every sheet of recovery codes of the subject, replaced ones included, oldest first.
    pub(crate) async fn sheets(
        &self,
        subject: &Subject,
    ) -> Result<Vec<StoredFactor>, TwoFactorError> {
        let mut all = self.all(subject).await?;
        all.retain(is_sheet);
        Ok(all)
    }

    /// Every row of the subject.
    pub(crate) async fn all(&self, subject: &Subject) -> Result<Vec<StoredFactor>, TwoFactorError> {
        let stored = self.store.factors(subject).await;
        stored.map_err(|error| self.outage("factors", error))
    }

    /// The store, where it keeps the limits too and charges them in the step that burns a code.
    pub(crate) fn charged(&self) -> Option<&dyn ChargedFactors> {
        self.store.charged_factors(&**self.tokens.limit_store())
    }

    /// Whether those are over the same tokens and the same store.
    pub(crate) fn is_over(&self, other: &Self) -> bool {
        let stores = [&self.store, &other.store].map(Arc::as_ptr);
        Arc::ptr_eq(&self.tokens, &other.tokens) && ptr::addr_eq(stores[0], stores[1])
    }

    /// Removes what waits for its confirmation: whoever is still there enrols again. Each change of how an account
    /// is guarded does so, since what waits was let in before it.
    pub(crate) async fn remove_waiting(&self, subject: &Subject) -> Result<(), TwoFactorError> {
        for waiting in self.of(subject).await? {
            if waiting.state == FactorState::Pending {
                self.remove_pending(&waiting.id).await?;
            }
        }
        Ok(())
    }

    /// Removes a factor that waits for its confirmation, and says whether it waited until now.
    pub(crate) async fn remove_pending(&self, id: &FactorId) -> Result<bool, TwoFactorError> {
        let removed = self.store.remove(id, RemoveIf::Pending, &[], self.now());
        removed.await.map_err(|error| self.outage("remove", error))
    }

    /// Opens a factor's seal. One that does not open is an outage: the row was edited, and a person
    /// whose factor it is must not be told that there is none.
    pub(crate) fn open(&self, stored: StoredFactor) -> Result<OpenFactor, TwoFactorError> {
        let keys = self.tokens.issuer().keys();
        let opened = seal::open(keys, &sealed_for(&stored), &stored.sealed);
        match opened.and_then(|plain| Envelope::from_bytes(&plain).ok_or(SealError::Broken)) {
            Ok(Envelope {
                enrolled,
                destination,
                secret,
            }) => Ok(OpenFactor {
                id: stored.id,
                label: stored.label,
                last: stored.last,
                known_since: stored.used_at.unwrap_or(stored.created_at),
                enrolled,
                destination,
                sealed: stored.sealed,
                secret,
            }),
            Err(SealError::KeyMissing(key)) => Err(self.key_missing(key)),
            Err(error) => {
                let event = self.event(FACTOR_REFUSED, &stored.subject);
                let event = event.factor(stored.id).provider(&stored.provider);
                self.emit(event.reason(Reason::TagForged));
                Err(TwoFactorError::Unavailable(error.into()))
            }
        }
    }

    /// Whether the factor's id was new.
    pub(crate) async fn insert(&self, factor: &StoredFactor) -> Result<bool, TwoFactorError> {
        let inserted = self.store.insert_factor(factor).await;
        inserted.map_err(|error| self.outage("insert", error))
    }

    /// A limit whose time lies beyond every clock: one was wrong when it was spent. An operator clears it.
    pub(crate) fn limit_ahead(&self, subject: &Subject) -> TwoFactorError {
        self.emit(self.event(LIMIT_AHEAD, subject));
        StoreError::Corrupt("a limit's time lies beyond every clock").into()
    }

    /// The answer stands whether or not this succeeds: losing a proof for a limit that was not given
    /// back would help nobody.
    pub(crate) async fn give_back(&self, charges: &[Charge], times: u32) {
        if charges.is_empty() {
            return;
        }
        let refunded = self.tokens.limit_store().refund(charges, times).await;
        refunded.unwrap_or_else(|_| self.store_failed("refund"));
    }

    /// Whether another key made the seal than the one that seals now.
    pub(crate) fn needs_renewal(&self, sealed: &[u8]) -> bool {
        seal::needs_renewal(self.tokens.issuer().keys(), sealed)
    }

    /// Seals an envelope under the key that seals now.
    pub(crate) fn seal(
        &self,
        subject: &Subject,
        id: &FactorId,
        provider: &str,
        envelope: &Envelope,
    ) -> Result<Vec<u8>, TwoFactorError> {
        let context = SealedFor {
            owner: subject,
            item: *id.as_bytes(),
            kind: provider,
        };
        let keys = self.tokens.issuer().keys();
        let sealed = seal::seal(keys, &context, &envelope.to_bytes(), &mut SysRng);
        sealed.map_err(|error| TwoFactorError::Unavailable(error.into()))
    }

    /// Puts an envelope in the place of what is sealed there, in one step that compares that: `Ok(false)`
    /// if something else stands there by now.
    pub(crate) async fn replace(
        &self,
        subject: &Subject,
        provider: &str,
        id: &FactorId,
        old: Vec<u8>,
        envelope: &Envelope,
    ) -> Result<bool, TwoFactorError> {
        let new = self.seal(subject, id, provider, envelope)?;
        let change = FactorChange::Seal { old, new };
        let updated = self.store.update(id, &change).await;
        updated.map_err(|error| self.outage("update", error))
    }

    /// Disables a factor, and says whether it was this call. What waits for its confirmation goes, in any case.
    pub(crate) async fn disable(
        &self,
        subject: &Subject,
        factor: FactorId,
    ) -> Result<bool, TwoFactorError> {
        let disabled = self.store.update(&factor, &FactorChange::Disable).await;
        let disabled = disabled.map_err(|error| self.outage("update", error))?;
        if disabled {
            self.emit(self.event(FACTOR_DISABLED, subject).factor(factor));
        }
        self.remove_waiting(subject).await?;
        Ok(disabled)
    }
}

/// A sheet stands in for factors, and is a spare one in the store; also while it is replaced.
pub(crate) fn is_sheet(stored: &StoredFactor) -> bool {
    let removal = stored.removal.as_ref();
    removal.map_or(stored.state, |removal| removal.from) == FactorState::Spare
}

fn sealed_for(stored: &StoredFactor) -> SealedFor<'_> {
    SealedFor {
        owner: &stored.subject,
        item: *stored.id.as_bytes(),
        kind: &stored.provider,
    }
}

/// A factor's new id.
pub(crate) fn new_id() -> Result<FactorId, TwoFactorError> {
    let mut id = [0; 16];
    SysRng
        .try_fill_bytes(&mut id)
        .map_err(|error| TwoFactorError::Unavailable(error.into()))?;
    Ok(FactorId::from_bytes(id))
}

/// Whether a change of factors takes a proof: one was confirmed, and still proves or could.
pub(crate) fn is_guarded(stored: &[StoredFactor]) -> bool {
    let confirmed = [FactorState::Active, FactorState::Disabled];
    stored
        .iter()
        .any(|factor| confirmed.contains(&factor.state))
}

/// Enrolled and never confirmed: it can no longer be.
pub(crate) fn is_stale(factor: &StoredFactor, now: DateTime<Utc>) -> bool {
    factor.state == FactorState::Pending
        && now.signed_duration_since(factor.created_at) >= CONFIRM_WITHIN
}
