//! "This was not me": what a sign-in did is undone, and nothing beside it.

use token_store::{
    FactorChange, FactorId, FactorState, Revoke, What,
    ott_core::{Binding, Reason, Subject},
    seal::SealedFor,
};

use super::{
    devices::flow_of,
    telling::{Origin, Told},
};
use crate::{FlowId, News, TwoFactor, TwoFactorError, news::Disowned};

/// What a person disowned, and what the engine undid of it.
#[derive(Debug)]
#[must_use = "the application still has to end the sessions of the flow"]
pub struct NotMe {
    /// Whose account it is.
    pub subject: Subject,
    /// What the notice had told.
    pub news: News,
    /// The factor that it was about, if it was about one.
    pub factor: Option<FactorId>,
    /// The sign-in in which it happened: the application ends what it has of it, and no more.
    pub flow: Option<FlowId>,
    /// The factor that was disabled just now, because the news was that it had been added.
    pub disabled: Option<FactorId>,
    /// How many devices were forgotten that had been remembered in that sign-in.
    pub devices: u64,
}

impl TwoFactor {
    /// Takes the token of a notice's link, once, after a person said "this was not me".
    ///
    /// It disables the factor whose adding the notice told, and wipes its secret, and forgets the
    /// devices that were remembered in that sign-in. Other factors, devices and sessions stay: a
    /// stolen mailbox cannot sign the owner out with an old notice of his own acts. All addresses
    /// were sent the same token, so none is left behind.
    ///
    /// A factor that was the only one stays disabled, and guards the account: whoever knows the
    /// password enrols no other. What cannot be undone now is in the events, and not in the answer.
    ///
    /// # Security
    /// Call it when a person did what no scanner does, such as typing a word that the page names;
    /// never on `GET`, and never for a mere press of a button. Then end the sessions of
    /// [`NotMe::flow`].
    ///
    /// # Errors
    /// [`TwoFactorError`]: refused, or an outage. After an outage the token may be spent.
    pub async fn not_me(&self, tenant: &str, token: &str) -> Result<NotMe, TwoFactorError> {
        let policy = self.notices.as_ref().and_then(|notices| notices.not_me);
        let policy = policy.map(|link| link.policy);
        let policy = policy.ok_or(TwoFactorError::Misuse(
            "the engine was built without a policy to say `this was not me`",
        ))?;
        let found = self.tokens.redeem_by_itself(&policy, tenant, token).await?;
        let subject = found.owner().ok_or(Reason::Binding)?;
        let record = found
            .check(&Binding::subject(&subject))
            .map_err(TwoFactorError::Rejected)?;
        let Disowned { news, factor, flow } =
            Disowned::from_bytes(&record.stored().data).ok_or(Reason::TagForged)?;
        let added = factor.filter(|_| news == News::FactorAdded);
        let disabled = match added {
            Some(factor) => self.disown(&subject, factor).await.unwrap_or_default(),
            None => None,
        };
        let devices = match &flow {
            Some(flow) => self.forget_flow(&subject, flow).await,
            None => 0,
        };
        Ok(NotMe {
            subject,
            news,
            factor,
            flow,
            disabled,
            devices,
        })
    }

    /// Disables a factor and wipes its secret: a stranger's address must not be told what the owner
    /// does next.
    async fn disown(
        &self,
        subject: &Subject,
        id: FactorId,
    ) -> Result<Option<FactorId>, TwoFactorError> {
        let disabled = self.factors.update(&id, &FactorChange::Disable).await;
        if !disabled.map_err(|error| self.outage("update", error))? {
            return Ok(None);
        }
        self.tokens.emit(Some(subject), What::FactorDisabled(id));
        // What fails here is in the events; the factor is disabled all the same.
        let _ = self.wipe(subject, id).await;
        let told = Told {
            subject,
            news: News::FactorDisabled,
            factor: Some(id),
            origin: Origin::default(),
            old: None,
            new: None,
        };
        self.tell(&told).await;
        Ok(Some(id))
    }

    async fn wipe(&self, subject: &Subject, id: FactorId) -> Result<(), TwoFactorError> {
        // Another process may rewrite the seal under a newer key meanwhile, once.
        for _ in 0..2 {
            let stored = self.stored(subject).await?;
            let own = stored
                .into_iter()
                .find(|factor| factor.id == id && factor.state == FactorState::Disabled);
            let Some(own) = own else {
                return Ok(());
            };
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
                return Ok(());
            }
        }
        Ok(())
    }

    async fn forget_flow(&self, subject: &Subject, flow: &FlowId) -> u64 {
        let Some(policy) = &self.devices else {
            return 0;
        };
        let known = self.tokens.list(policy, subject).await.unwrap_or_default();
        let mut forgotten = 0u64;
        for record in known {
            if flow_of(&record) == Some(flow.as_bytes()) {
                let revoked = self.tokens.revoke(&Revoke::Record(*record.id())).await;
                forgotten = forgotten.saturating_add(revoked.unwrap_or(0));
            }
        }
        forgotten
    }
}
