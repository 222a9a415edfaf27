//! "This was not me": what a sign-in did is undone, and nothing beside it.

use token_store::{
    FactorChange, FactorId, FactorState, Revoke, StoreError, TokensError, What,
    ott_core::{Binding, Policy, Presented, Reason, Record, Rejected, Subject},
    seal::SealedFor,
};

use super::{
    devices::flow_of,
    telling::{Origin, Told},
};
use crate::{FlowId, News, TwoFactor, TwoFactorError, news::Disowned};

/// What a person disowned, and what the engine undid of it.
#[must_use = "the sessions of the flow live, and the link is good, until the application ends them"]
pub struct NotMe {
    /// Whose account it is.
    pub subject: Subject,
    /// What the notice had told.
    pub news: News,
    /// The factor that it was about, if it was about one.
    pub factor: Option<FactorId>,
    /// The sign-in in which it happened: the application ends what it has of it, and no more.
    pub flow: Option<FlowId>,
    /// The factor that is disabled and has no secret any more, because the news was that it had been
    /// added.
    pub disabled: Option<FactorId>,
    /// How many recovery codes were voided just now, that had been made in that sign-in.
    pub recovery_codes: u64,
    /// How many devices were forgotten just now, that had been remembered in that sign-in.
    pub devices: u64,
    presented: Presented,
}

impl core::fmt::Debug for NotMe {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NotMe")
            .field("subject", &self.subject)
            .field("news", &self.news)
            .field("factor", &self.factor)
            .field("flow", &self.flow)
            .field("disabled", &self.disabled)
            .field("recovery_codes", &self.recovery_codes)
            .field("devices", &self.devices)
            .finish_non_exhaustive()
    }
}

impl TwoFactor {
    /// Takes the token of a notice's link, after a person said "this was not me", and undoes what
    /// that sign-in did. The link is still good: [`TwoFactor::redeem_not_me`] ends it.
    ///
    /// It disables the factor whose adding the notice told, and wipes its secret; it voids the
    /// recovery codes that were made in that sign-in, if they are the live set; and it forgets the
    /// devices that were remembered in it. Other factors, codes, devices and sessions stay: a stolen
    /// mailbox cannot sign the owner out everywhere with an old notice of his own acts. Each step can
    /// be done again: of several calls at once all undo the same.
    ///
    /// What was removed or renamed is not brought back, an address that the application changed is
    /// not changed back, and a factor that the same sign-in added is undone by its own notice's link
    /// alone. Where the attempts name no sign-in, nothing but that factor is undone.
    ///
    /// A factor that was the only one stays disabled, and guards the account: whoever knows the
    /// password enrols no other. An operator who made sure who asks lifts that with
    /// [`FactorStore::remove`](token_store::FactorStore::remove).
    ///
    /// # Security
    /// Call it when a person did what no scanner does, such as typing a word that the page names;
    /// never on `GET`, and never for a mere press of a button. Then end the sessions of
    /// [`NotMe::flow`], then call [`TwoFactor::redeem_not_me`].
    ///
    /// # Errors
    /// [`TwoFactorError`]: refused, or an outage. After an outage some steps may be done; the link is
    /// still good, and calling it again does the rest.
    pub async fn not_me(&self, tenant: &str, token: &str) -> Result<NotMe, TwoFactorError> {
        let policy = self.not_me_policy()?;
        let (presented, record) = self.find_not_me(&policy, tenant, token).await?;
        let subject = record.stored().owner().ok_or(Reason::Binding)?;
        self.tokens
            .issuer()
            .check(&record, &Binding::subject(&subject))?;
        let Disowned { news, factor, flow } =
            Disowned::from_bytes(&record.stored().data).ok_or(Reason::TagForged)?;
        let added = factor.filter(|_| news == News::FactorAdded);
        // An outage of one step keeps no other from its turn.
        let disabled = match added {
            Some(factor) => self.disown(&subject, factor).await,
            None => Ok(None),
        };
        let recovery_codes = self.void_codes_of(&subject, flow.as_ref()).await;
        let devices = self.forget_flow(&subject, flow.as_ref()).await;
        Ok(NotMe {
            disabled: disabled?,
            recovery_codes: recovery_codes?,
            devices: devices?,
            subject,
            news,
            factor,
            flow,
            presented,
        })
    }

    /// Spends the link, for all addresses, once the sessions of [`NotMe::flow`] are ended.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage, after which it may be spent, or a refusal, where another call
    /// for the same link was first. All is undone in either case.
    pub async fn redeem_not_me(&self, not_me: &NotMe) -> Result<(), TwoFactorError> {
        let policy = self.not_me_policy()?;
        let tokens = self.tokens.without_limits("nobody guesses 112 bits");
        tokens.redeem(&policy, &not_me.presented).await?;
        Ok(())
    }

    fn not_me_policy(&self) -> Result<Policy, TwoFactorError> {
        let link = self.notices.as_ref().and_then(|notices| notices.not_me);
        let policy = link.map(|link| link.policy);
        policy.ok_or(TwoFactorError::Misuse(
            "the engine was built without a policy to say `this was not me`",
        ))
    }

    /// The record that the token would redeem now. Nothing is spent.
    async fn find_not_me(
        &self,
        policy: &Policy,
        tenant: &str,
        token: &str,
    ) -> Result<(Presented, Record), TwoFactorError> {
        let now = self.now();
        let refused = |id, rejected: Rejected| {
            let what = What::Refused(*policy.purpose(), id, rejected.reason());
            self.tokens.emit(None, what);
            TwoFactorError::Rejected(rejected)
        };
        let issuer = self.tokens.issuer();
        let presented = issuer
            .present_by_itself(policy, tenant, token, now)
            .map_err(|rejected| refused(None, rejected))?;
        let id = *presented.id();
        let found = self.tokens.find(policy, &id).await?;
        let record = found.ok_or_else(|| refused(Some(id), Rejected::new(Reason::Unknown)))?;
        record.authenticate(&presented, now).map_err(|rejected| {
            // The ring has the key, or the record had not opened: it is past its horizon.
            let retired = rejected.reason() == Reason::KeyMissing;
            let told = retired.then(|| Rejected::new(Reason::KeyRetired));
            refused(Some(id), told.unwrap_or(rejected))
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
        let disabled = self.factors.update(&id, &FactorChange::Disable).await;
        if disabled.map_err(|error| self.outage("update", error))? {
            self.tokens.emit(Some(subject), What::FactorDisabled(id));
        }
        let wiped = self.wipe(subject, id).await?;
        if wiped == Some(true) {
            // Once, whoever disabled it before.
            let told = Told {
                subject,
                news: News::FactorDisabled,
                factor: Some(id),
                origin: Origin::default(),
                old: None,
                new: None,
            };
            self.tell(&told).await;
        }
        Ok(wiped.map(|_| id))
    }

    /// Wipes the secret of a disabled factor, and says whether it had one; `None` if there is no such
    /// factor.
    async fn wipe(&self, subject: &Subject, id: FactorId) -> Result<Option<bool>, TwoFactorError> {
        // Another process may rewrite the seal meanwhile: under a newer key once, or wipe it too.
        for _ in 0..3 {
            let stored = self.stored(subject).await?;
            let own = stored
                .into_iter()
                .find(|factor| factor.id == id && factor.state == FactorState::Disabled);
            let Some(own) = own else {
                return Ok(None);
            };
            // One that does not open is wiped as well.
            if self
                .open(own.clone())
                .is_ok_and(|open| open.secret.is_empty())
            {
                return Ok(Some(false));
            }
            let context = SealedFor {
                subject,
                factor: &id,
                kind: &own.kind,
            };
            let new = self.seal_under_first(&context, false, &[])?;
            let change = FactorChange::Seal {
                old: own.sealed,
                new,
            };
            let wiped = self.factors.update(&id, &change).await;
            if wiped.map_err(|error| self.outage("update", error))? {
                return Ok(Some(true));
            }
        }
        let busy = StoreError::unavailable("a seal was rewritten again and again");
        Err(self.outage("update", busy))
    }

    /// Voids the live recovery codes that were made in this sign-in.
    async fn void_codes_of(
        &self,
        subject: &Subject,
        flow: Option<&FlowId>,
    ) -> Result<u64, TokensError> {
        let of_flow = |record: &Record, flow: &FlowId| record.stored().data == flow.as_bytes();
        self.revoke_of(self.recovery.as_ref(), subject, flow, of_flow)
            .await
    }

    /// Forgets the devices that were remembered in this sign-in.
    async fn forget_flow(
        &self,
        subject: &Subject,
        flow: Option<&FlowId>,
    ) -> Result<u64, TokensError> {
        let of_flow = |record: &Record, flow: &FlowId| flow_of(record) == Some(flow.as_bytes());
        self.revoke_of(self.devices.as_ref(), subject, flow, of_flow)
            .await
    }

    async fn revoke_of(
        &self,
        policy: Option<&Policy>,
        subject: &Subject,
        flow: Option<&FlowId>,
        of_flow: fn(&Record, &FlowId) -> bool,
    ) -> Result<u64, TokensError> {
        let (Some(policy), Some(flow)) = (policy, flow) else {
            return Ok(0);
        };
        let mut revoked = 0u64;
        for record in self.tokens.list(policy, subject).await? {
            if of_flow(&record, flow) {
                let one = self.tokens.revoke(&Revoke::Record(*record.id())).await?;
                revoked = revoked.saturating_add(one);
            }
        }
        Ok(revoked)
    }
}
