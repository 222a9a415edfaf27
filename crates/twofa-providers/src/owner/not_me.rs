//! "This was not me": what a sign-in did is undone, and nothing beside it.

use core::fmt;

use token_store::{
    FactorId, FactorState, StoreError,
    events::TOKEN_REFUSED,
    ott_core::{Binding, Presented, Reason, Record, RecordId, Rejected, Subject},
};

use super::Owner;
use crate::{
    envelope::Envelope,
    error::TwoFactorError,
    news::{Disowned, News},
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
    /// The factor that is disabled and has no secret any more, because the news was that it had been
    /// added.
    pub disabled: Option<FactorId>,
    /// How many recovery codes were made invalid just now, that had been made in that sign-in.
    pub recovery_codes: u64,
    /// How many devices were forgotten just now, that had been remembered in that sign-in.
    pub devices: u64,
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
            .field("recovery_codes", &self.recovery_codes)
            .field("devices", &self.devices)
            .finish_non_exhaustive()
    }
}

impl Owner {
    /// Takes the token of a notice's link, after a person said "this was not me", and undoes what
    /// that sign-in did. The link is still good: [`Owner::redeem_not_me`] ends it.
    ///
    /// It disables the factor whose adding the notice told, and wipes its secret; it makes the recovery
    /// codes invalid that were made in that sign-in, if they are the live set; it forgets the devices
    /// that were remembered in it; and it removes every factor that waits for its confirmation,
    /// whoever enrolled it. Other factors, codes, devices and sessions stay: a stolen
    /// mailbox cannot sign the owner out everywhere with an old notice of the owner's own acts. Each step
    /// can be done again: of several calls at once all undo the same.
    ///
    /// What was removed or renamed is not brought back, an address that the application changed is
    /// not changed back, and a factor that the same sign-in added is undone by its own notice's link
    /// alone. Where the attempts name no sign-in, nothing but that factor is undone.
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
        let added = factor.filter(|_| news == News::FactorAdded);
        // An outage of one step keeps no other from its turn.
        let disabled = match added {
            Some(factor) => self.disown(&subject, factor).await,
            None => Ok(None),
        };
        let waiting = self.telling.rows.remove_waiting(&subject).await;
        let recovery_codes = match (&self.codes, &sign_in) {
            (Some(codes), Some(sign_in)) => codes.void_of(&subject, sign_in).await,
            _ => Ok(0),
        };
        let devices = match (&self.devices, &sign_in) {
            (Some(devices), Some(sign_in)) => devices.forget_of(&subject, sign_in).await,
            _ => Ok(0),
        };
        waiting?;
        Ok(NotMe {
            disabled: disabled?,
            recovery_codes: recovery_codes?,
            devices: devices?,
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

    /// Disables a factor and wipes its secret: a stranger's address must not be told what the owner
    /// does next. `None` if there is no such factor any more.
    async fn disown(
        &self,
        subject: &Subject,
        id: FactorId,
    ) -> Result<Option<FactorId>, TwoFactorError> {
        let rows = &self.telling.rows;
        rows.disable(subject, id).await?;
        let wiped = self.wipe(subject, id).await?;
        if wiped == Some(true) {
            // Once, whoever disabled it before.
            let told = Told::new(subject, News::FactorDisabled).of(id);
            self.telling.tell(&told).await;
        }
        Ok(wiped.map(|_| id))
    }

    /// Wipes the secret of a disabled factor, and says whether it had one; `None` if there is no such
    /// factor.
    async fn wipe(&self, subject: &Subject, id: FactorId) -> Result<Option<bool>, TwoFactorError> {
        let rows = &self.telling.rows;
        // Another process may rewrite the seal meanwhile: under a newer key once, or wipe it too.
        for _ in 0..3 {
            let stored = rows.of(subject).await?;
            let own = stored
                .into_iter()
                .find(|factor| factor.id == id && factor.state == FactorState::Disabled);
            let Some(own) = own else {
                return Ok(None);
            };
            let (provider, sealed) = (own.provider.clone(), own.sealed.clone());
            // One that does not open is wiped as well.
            if rows.open(own).is_ok_and(|open| open.is_wiped()) {
                return Ok(Some(false));
            }
            if rows
                .replace(subject, &provider, &id, sealed, &Envelope::default())
                .await?
            {
                return Ok(Some(true));
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
