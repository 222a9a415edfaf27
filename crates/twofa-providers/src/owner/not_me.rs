//! "This was not me": what a sign-in did is undone, and nothing beside it.

use core::fmt;

use token_store::{
    FactorId, FactorState, StoreError, StoredFactor,
    events::TOKEN_REFUSED,
    ott_core::{Binding, Presented, Reason, Record, RecordId, Rejected, Subject},
};

use super::Owner;
use crate::{
    durations::UNDO_WITHIN,
    envelope::{Enrolled, Envelope},
    error::TwoFactorError,
    events::FACTOR_RESTORED,
    news::{Disowned, News},
    sheets,
    sign_in::SignInId,
    telling::Told,
};

/// What a person disowned, and what was undone of it.
#[must_use = "the sessions of the sign-in live, and the link is good, until the application ends them"]
pub struct NotMe {
    /// Whose account it is.
    pub subject: Subject,
    /// What the notice had told.
    pub news: News,
    /// The factor that it was about, if it was about one.
    pub factor: Option<FactorId>,
    /// The sign-in in which it happened: the application ends what it has of it, and no more.
    pub sign_in: Option<SignInId>,
    /// The factors that are disabled and have no secret any more, because that sign-in had added them.
    pub disabled: Vec<FactorId>,
    /// The factors that are back just now, because that sign-in had removed them.
    pub restored: Vec<FactorId>,
    /// How many recovery codes were made invalid just now, that had been made in that sign-in.
    pub recovery_codes: u64,
    /// Whether older recovery codes are valid again just now, because that sign-in had replaced them.
    pub recovery_restored: bool,
    /// How many devices were forgotten just now, that had been remembered in that sign-in.
    pub devices: u64,
    /// How many devices were trusted until just now: all that were, whichever sign-in had trusted them.
    pub trusted_devices: u64,
    presented: Presented,
}

impl fmt::Debug for NotMe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotMe")
            .field("subject", &self.subject)
            .field("news", &self.news)
            .field("factor", &self.factor)
            .field("sign_in", &self.sign_in)
            .field("disabled", &self.disabled)
            .field("restored", &self.restored)
            .field("recovery_codes", &self.recovery_codes)
            .field("recovery_restored", &self.recovery_restored)
            .field("devices", &self.devices)
            .field("trusted_devices", &self.trusted_devices)
            .finish_non_exhaustive()
    }
}

impl Owner {
    /// Takes the token of a notice's link, after a person said "this was not me", and undoes what
    /// that sign-in did. The link is still good: [`Owner::redeem_not_me`] ends it.
    ///
    /// It disables every factor that was added in that sign-in, and wipes its secret; it brings back every factor
    /// that was removed in it within the last [`UNDO_WITHIN`](crate::UNDO_WITHIN), if another one had added it;
    /// it makes the recovery codes invalid that were made in it, and those valid again that they replaced within the
    /// last [`UNDO_WITHIN`](crate::UNDO_WITHIN), unless another sign-in made newer ones; it forgets the
    /// devices that were remembered in it; it ends the trust in every device, whoever trusted it; and it removes every
    /// factor that waits for its confirmation, whoever enrolled it. Other factors, codes, devices and sessions stay: a stolen
    /// mailbox cannot sign the owner out everywhere with an old notice of the owner's own acts. Each step
    /// can be done again: of several calls at once all undo the same.
    ///
    /// A label, or an address that the application changed, is not changed back. A recovery code that was used stays
    /// used. Where the attempts name no sign-in, nothing but the factor is undone whose
    /// adding the notice told.
    ///
    /// A factor that was the only one stays disabled, and guards the account: whoever knows the
    /// password enrols no other. An operator who made sure who asks lifts that with
    /// [`Operator::reset`](crate::Operator::reset).
    ///
    /// # Security
    /// Call it when a person did what no scanner does, such as typing a word that the page names;
    /// never on `GET`, and never for a mere press of a button. Then end the sessions of
    /// [`NotMe::sign_in`], then call [`Owner::redeem_not_me`].
    ///
    /// # Errors
    /// [`TwoFactorError`]: refused, or an outage. After an outage some steps may be done; the link is
    /// still good, and calling it again does the rest.
    pub async fn not_me(&self, tenant: &str, token: &str) -> Result<NotMe, TwoFactorError> {
        let (presented, record) = self.find_link(tenant, token).await?;
        let subject = record.stored().owner().ok_or(Reason::Binding)?;
        let issuer = self.telling.rows.tokens.issuer();
        issuer.check(&record, &Binding::subject(&subject))?;
        let Disowned {
            news,
            factor,
            sign_in,
        } = Disowned::from_bytes(&record.stored().data).ok_or(Reason::TagForged)?;
        let told = factor.filter(|_| news == News::FactorAdded);
        // An outage of one step keeps no other from its turn. What was added goes before anything comes back, so
        // that a stranger's address is told nothing of it.
        // Before anything comes back: what a removal had ended stays so.
        let trusted_devices = match &self.trusted {
            Some(trusted) => trusted.revoke_all(&subject).await,
            None => Ok(0),
        };
        let disabled = self.disown_all(&subject, told, sign_in.as_ref()).await;
        let restored = self.restore_all(&subject, sign_in.as_ref()).await;
        let waiting = self.telling.rows.remove_waiting(&subject).await;
        let sheets = match (&self.codes, &sign_in) {
            (Some(codes), Some(sign_in)) => codes.sheets.disown(&subject, sign_in).await,
            _ => Ok(sheets::Disowned::default()),
        };
        if sheets.as_ref().is_ok_and(|sheets| sheets.restored) {
            let told = Told::new(&subject, News::RecoveryRestored);
            self.telling.tell(&told).await;
        }
        let devices = match (&self.devices, &sign_in) {
            (Some(devices), Some(sign_in)) => devices.forget_of(&subject, sign_in).await,
            _ => Ok(0),
        };
        waiting?;
        let sheets = sheets?;
        Ok(NotMe {
            disabled: disabled?,
            restored: restored?,
            recovery_codes: sheets.voided,
            recovery_restored: sheets.restored,
            devices: devices?,
            trusted_devices: trusted_devices?,
            subject,
            news,
            factor,
            sign_in,
            presented,
        })
    }

    /// Spends the link, for all addresses, once the sessions of [`NotMe::sign_in`] are ended.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage, after which it may be spent, or a refusal, where another call
    /// for the same link was first. All is undone in either case.
    pub async fn redeem_not_me(&self, not_me: &NotMe) -> Result<(), TwoFactorError> {
        let tokens = &self.telling.rows.tokens;
        let unlimited = tokens.without_limits("nobody guesses 112 bits");
        let link = &self.telling.notices.link;
        unlimited.redeem(link, &not_me.presented).await?;
        Ok(())
    }

    /// The record that the token would redeem now. Nothing is spent.
    async fn find_link(
        &self,
        tenant: &str,
        token: &str,
    ) -> Result<(Presented, Record), TwoFactorError> {
        let rows = &self.telling.rows;
        let (issuer, now) = (rows.tokens.issuer(), rows.now());
        let link = &self.telling.notices.link;
        let presented = issuer.present_by_itself(link, tenant, token, now);
        let presented = presented.map_err(|why| self.refused(tenant, None, why))?;
        let id = Some(*presented.id());
        let refused = |why| self.refused(tenant, id, why);
        let found = rows.tokens.store().find(presented.id()).await;
        let found = found.map_err(|error| rows.outage("find", error))?;
        let stored = found.ok_or_else(|| refused(Rejected::new(Reason::Unknown)))?;
        let key = stored.key;
        let record = issuer
            .open(link, stored)
            .map_err(|why| match why.reason() {
                Reason::KeyMissing => rows.key_missing(key),
                _ => refused(why),
            })?;
        record.authenticate(&presented, now).map_err(|why| {
            // The ring has the key, or the record had not opened: it is past its horizon.
            let retired = why.reason() == Reason::KeyMissing;
            refused(if retired {
                Rejected::new(Reason::KeyRetired)
            } else {
                why
            })
        })?;
        Ok((presented, record))
    }

    /// Disowns the factor that the notice told of, and every other one that the sign-in added.
    async fn disown_all(
        &self,
        subject: &Subject,
        told: Option<FactorId>,
        sign_in: Option<&SignInId>,
    ) -> Result<Vec<FactorId>, TwoFactorError> {
        let rows = &self.telling.rows;
        let mut all: Vec<_> = told.into_iter().collect();
        let mut read = Ok(());
        match rows.of(subject).await {
            Ok(stored) => {
                for factor in stored {
                    let (id, state) = (factor.id, factor.state);
                    // A removed one too: another link must not bring it back.
                    let waits = state == FactorState::Pending;
                    if all.contains(&id) || waits || sign_in.is_none() {
                        continue;
                    }
                    // One that does not open proves nothing, and says nothing of who added it.
                    let opened = rows.open(factor);
                    if opened.is_ok_and(|open| open.enrolled.sign_in.as_ref() == sign_in) {
                        all.push(id);
                    }
                }
            }
            Err(error) => read = Err(error),
        }
        let mut disowned = Vec::new();
        for id in all {
            match self.disown(subject, id, sign_in).await {
                Ok(true) => disowned.push(id),
                Ok(false) => {}
                Err(error) => read = Err(error),
            }
        }
        read.map(|()| disowned)
    }

    /// Brings back what the sign-in removed, unless it had added that itself.
    async fn restore_all(
        &self,
        subject: &Subject,
        sign_in: Option<&SignInId>,
    ) -> Result<Vec<FactorId>, TwoFactorError> {
        let (rows, mut restored) = (&self.telling.rows, Vec::new());
        let Some(sign_in) = sign_in else {
            return Ok(restored);
        };
        let mut done = Ok(());
        for factor in rows.of(subject).await? {
            let undone = factor.removal.as_ref().is_some_and(|removal| {
                let age = rows.now().signed_duration_since(removal.at);
                removal.by == sign_in.as_bytes() && age < UNDO_WITHIN
            });
            if !undone {
                continue;
            }
            let id = factor.id;
            match self.restore(factor, sign_in).await {
                Ok(true) => restored.push(id),
                Ok(false) => {}
                Err(error) => done = Err(error),
            }
        }
        done.map(|()| restored)
    }

    /// Whether it is back by this very call.
    async fn restore(
        &self,
        factor: StoredFactor,
        sign_in: &SignInId,
    ) -> Result<bool, TwoFactorError> {
        let rows = &self.telling.rows;
        let open = rows.open(factor.clone())?;
        if open.enrolled.sign_in.as_ref() == Some(sign_in) || open.is_wiped() {
            return Ok(false);
        }
        let restored = rows.store.restore(&factor.id).await;
        if !restored.map_err(|error| rows.outage("restore", error))? {
            return Ok(false);
        }
        rows.tell(FACTOR_RESTORED, &factor);
        let told = Told::new(&factor.subject, News::FactorRestored).of(factor.id);
        self.telling.tell(&told).await;
        Ok(true)
    }

    /// Disables a factor and wipes its secret: a stranger's address must not be told what the owner
    /// does next. `false` if there is no such factor any more.
    async fn disown(
        &self,
        subject: &Subject,
        id: FactorId,
        sign_in: Option<&SignInId>,
    ) -> Result<bool, TwoFactorError> {
        let rows = &self.telling.rows;
        rows.disable(subject, id).await?;
        let wiped = self.wipe(subject, id, sign_in).await?;
        if wiped == Some(true) {
            // Once, whoever disabled it before.
            let told = Told::new(subject, News::FactorDisabled).of(id);
            self.telling.tell(&told).await;
        }
        Ok(wiped.is_some())
    }

    /// Wipes the secret of a disabled or removed factor, and says whether a disabled one had one; `None` if there is
    /// no such factor, or it is removed.
    async fn wipe(
        &self,
        subject: &Subject,
        id: FactorId,
        sign_in: Option<&SignInId>,
    ) -> Result<Option<bool>, TwoFactorError> {
        let rows = &self.telling.rows;
        // What stays says who added it.
        let wiped = Envelope {
            enrolled: Enrolled {
                sign_in: sign_in.cloned(),
                ..Enrolled::default()
            },
            ..Envelope::default()
        };
        let wipable = [FactorState::Disabled, FactorState::Removed];
        // Another process may rewrite the seal meanwhile: under a newer key once, or wipe it too.
        for _ in 0..3 {
            let stored = rows.of(subject).await?;
            let own = stored
                .into_iter()
                .find(|factor| factor.id == id && wipable.contains(&factor.state));
            let Some(own) = own else {
                return Ok(None);
            };
            let disabled = own.state == FactorState::Disabled;
            let (provider, sealed) = (own.provider.clone(), own.sealed.clone());
            // One that does not open is wiped as well.
            if rows.open(own).is_ok_and(|open| open.is_wiped()) {
                return Ok(disabled.then_some(false));
            }
            if rows
                .replace(subject, &provider, &id, sealed, &wiped)
                .await?
            {
                return Ok(disabled.then_some(true));
            }
        }
        let busy = StoreError::unavailable("a seal was rewritten again and again");
        Err(rows.outage("update", busy))
    }

    fn refused(&self, tenant: &str, id: Option<RecordId>, why: Rejected) -> TwoFactorError {
        let rows = &self.telling.rows;
        let event = rows.tokens.event(TOKEN_REFUSED).tenant(tenant).record(id);
        let event = event.purpose(self.telling.notices.link.purpose());
        rows.emit(event.reason(why.reason()));
        why.into()
    }
}
