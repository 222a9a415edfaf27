//! What support staff do for a person who lost everything.

use core::fmt;

use token_store::{
    Charge, FactorState, RemoveIf, Spent,
    ott_core::{Binding, Subject},
};

use crate::{
    engine::TwoFactor,
    error::TwoFactorError,
    events::ACCOUNT_RESET,
    limits::{Counted, of_ceiling_notice, of_failures},
    news::News,
    telling::Told,
};

/// Why an operator resets an account. It stands in the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResetReason {
    /// Somebody else has, or had, what signs in.
    Compromised,
    /// The person lost what signs in.
    Lost,
    /// The account is closed or handed over.
    Closed,
}

impl ResetReason {
    /// The stable name, as events have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Compromised => "compromised",
            Self::Lost => "lost",
        }
    }
}

/// What a reset took off an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Factors, those included that waited for their confirmation or were disabled.
    pub factors: usize,
    /// Live recovery codes.
    pub recovery_codes: u64,
    /// Known devices.
    pub devices: u64,
    /// Trusted devices, those included that were not recognised any more.
    pub trusted_devices: u64,
}

/// What support staff may do, and no request of a user's.
///
/// # Security
/// Whoever holds this takes the second step off any account. Make sure who asks, by something else than
/// what they lost; and keep "this account needs a second factor" in a table of your own, so that an account
/// that was reset enrols anew before it does anything else.
pub struct Operator<'a> {
    engine: &'a TwoFactor,
}

impl<'a> Operator<'a> {
    /// An operator of this engine.
    #[must_use]
    pub const fn new(engine: &'a TwoFactor) -> Self {
        Self { engine }
    }

    /// Takes every factor, recovery code, known and trusted device off an account, ends its prompts, and clears its limits: pace,
    /// allowance, reserve, requests, enrolments and failures. What networks and mailboxes spent stays spent.
    /// Its owner is told at every verified address; what was there is told to the events.
    ///
    /// # Errors
    /// [`TwoFactorError`]. After an outage a part is done; calling it again does the rest.
    pub async fn reset(
        &self,
        subject: &Subject,
        reason: ResetReason,
    ) -> Result<Reset, TwoFactorError> {
        let rows = &self.engine.rows;
        let telling = self.engine.telling();
        // Addresses of the account that are none any more are told, too.
        let mut old = Vec::new();
        let mut factors = 0_usize;
        for own in rows.of(subject).await? {
            if own.state == FactorState::Removed {
                continue;
            }
            if own.state != FactorState::Pending {
                old.extend(telling.and_then(|telling| telling.address(own.clone())));
            }
            let removed = self.engine.take_off(&own, RemoveIf::Always, None).await?;
            factors = factors.saturating_add(usize::from(removed));
        }
        let recovery_codes = match &self.engine.sheets {
            Some(sheets) => sheets.void(subject).await?,
            None => 0,
        };
        let devices = match &self.engine.devices {
            Some(devices) => devices.forget_all(subject).await?,
            None => 0,
        };
        let trusted_devices = match &self.engine.trusted {
            Some(trusted) => trusted.end_all(subject).await?,
            None => 0,
        };
        if let Some(prompts) = &self.engine.prompts {
            prompts.end_all(subject).await?;
        }
        self.clear_limits(subject).await?;
        let event = rows.event(ACCOUNT_RESET, subject).verb(reason.as_str());
        rows.emit(event.count(u64::try_from(factors).unwrap_or(u64::MAX)));
        let told = Told::new(subject, News::AccountReset).old(&old);
        self.engine.tell(&told).await;
        Ok(Reset {
            factors,
            recovery_codes,
            devices,
            trusted_devices,
        })
    }

    /// Forgets everything that was counted for the account: by the engine, and by the policies of its tokens.
    async fn clear_limits(&self, subject: &Subject) -> Result<(), TwoFactorError> {
        let rows = &self.engine.rows;
        let timed = self.engine.limits.timed_of(subject);
        let mut keys = Vec::from(timed.map(|charge| charge.key));
        keys.push(of_failures(subject).key);
        if let Some(prompts) = &self.engine.prompts {
            keys.extend(prompts.timed_of(subject).map(|charge| charge.key));
            keys.push(prompts.reported(subject));
        }
        for provider in &self.engine.providers {
            let id = &provider.descriptor().id;
            keys.push(Counted::Provider(id).key(subject));
            keys.push(of_ceiling_notice(subject, id).key);
        }
        for key in keys {
            let cleared = rows.tokens.limit_store().clear(&key).await;
            cleared.map_err(|error| rows.outage("clear", error))?;
        }
        rows.tokens.clear_limits(&Binding::subject(subject)).await?;
        Ok(())
    }

    /// Clears those limits of an account and of its mailboxes whose time lies further ahead than it could,
    /// because a clock was wrong when they were spent; and says how many. Every other limit stays as it is.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn clear_ahead(&self, subject: &Subject) -> Result<usize, TwoFactorError> {
        let rows = &self.engine.rows;
        let limits = rows.tokens.limit_store();
        let timed = self.engine.limits.timed_of(subject);
        let allowance = self.engine.allowance_of(subject)?;
        let sent = self.sent_to(subject).await?;
        let mut cleared = 0_usize;
        for charge in timed
            .into_iter()
            .chain([allowance])
            .chain(sent)
            .chain(self.prompts_of(subject))
        {
            let charges: [Charge; 1] = [charge];
            let spent = limits.spend(&charges, rows.now()).await;
            match spent.map_err(|error| rows.outage("spend", error))? {
                Spent::Ahead(key) => {
                    let done = limits.clear(&key).await;
                    done.map_err(|error| rows.outage("clear", error))?;
                    cleared = cleared.saturating_add(1);
                }
                Spent::Allowed => {
                    let back = limits.refund(&charges, 1).await;
                    back.map_err(|error| rows.outage("refund", error))?;
                }
                Spent::Locked(_) | Spent::RetryAt(..) => {}
            }
        }
        Ok(cleared)
    }

    /// The limits of how often the subject is asked on another device.
    fn prompts_of(&self, subject: &Subject) -> impl Iterator<Item = Charge> + use<> {
        let prompts = self.engine.prompts.as_ref();
        let charges = prompts.map(|prompts| prompts.timed_of(subject));
        charges.into_iter().flatten()
    }

    /// The limits of the mailboxes to which the account's codes go.
    async fn sent_to(&self, subject: &Subject) -> Result<Vec<Charge>, TwoFactorError> {
        let rows = &self.engine.rows;
        let stored = rows.of(subject).await?.into_iter();
        let kept = stored.filter(|factor| factor.state != FactorState::Removed);
        // One whose seal does not open keeps no other from being cleared.
        let open: Vec<_> = kept
            .filter_map(|factor| rows.open(factor).ok()?.destination)
            .collect();
        let mailboxes = self.engine.mailboxes(open.iter());
        let price = self.engine.limits.of_request(subject, &mailboxes);
        let sent = [price.shared.mailboxes, price.reserve.mailboxes];
        Ok(sent.concat())
    }
}

impl fmt::Debug for Operator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").finish_non_exhaustive()
    }
}
