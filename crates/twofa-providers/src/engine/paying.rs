//! What a try spends, and when it gets that back.

use token_store::{
    Charge, Spent,
    ott_core::{Binding, Reason, Rejected, Subject},
};

use super::{
    TwoFactor,
    paid::{Lane, NotProved, Paid, Refused},
};
use crate::{
    attempt::Attempt, error::TwoFactorError, events::THROTTLED, limits::Counted, news::News,
    open_factor::OpenFactor, telling::Told,
};

impl TwoFactor {
    /// Pays for one guess: from what all share, or from what known devices have where that is refused.
    pub(super) async fn pay(
        &self,
        attempt: &Attempt<'_>,
        lane: Lane,
        factor: Option<&OpenFactor>,
        counted: &Counted<'_>,
    ) -> Result<Paid, NotProved> {
        let subject = attempt.subject;
        let allowance = self.allowance_of(subject)?;
        let price = self
            .limits
            .of_guess(allowance, subject, counted, attempt.network);
        let strangers = match self.devices {
            Some(_) => self.limits.ceiling_of_strangers(price.ceiling),
            None => price.ceiling,
        };
        let Err(first) = self
            .spend(subject, price.network, &price.shared, strangers)
            .await?
        else {
            return Ok(Paid::new(&price, &price.shared));
        };
        let by_network = price.network.is_some_and(|charge| charge.key == first.key);
        let at_ceiling = first.key == price.ceiling.key;
        // The network was charged above, and is not asked a second time.
        let reserve;
        let again = match lane {
            _ if by_network => None,
            Lane::KnownDevice => {
                reserve = [self.limits.reserve(subject)];
                Some(reserve.as_slice())
            }
            // Nobody is there to keep the rest of the ceiling for.
            Lane::Shared if at_ceiling && !self.has_known_devices(attempt).await? => {
                Some(price.shared.as_slice())
            }
            Lane::Shared => None,
        };
        let (refused, exhausts) = match again {
            None => (first, self.devices.is_none()),
            Some(charges) => match self.spend(subject, None, charges, price.ceiling).await? {
                Ok(()) => return Ok(Paid::new(&price, charges)),
                Err(second) => (second.or_sooner(first), second.key == price.ceiling.key),
            },
        };
        if refused.key != price.ceiling.key {
            if !by_network {
                self.tell_many_failures(attempt).await;
            }
            return Err(self.throttled(attempt, refused).into());
        }
        self.tell_throttled(attempt, refused);
        if exhausts {
            self.exhaust(attempt, factor).await?;
        } else {
            // The factor lives on for the known devices, so nothing else tells its owner.
            self.tell_many_failures(attempt).await;
        }
        let exhausted = Rejected::new(Reason::Exhausted);
        Err(NotProved::Refused(exhausted, None))
    }

    /// What the account shares with every policy of the tokens.
    pub(crate) fn allowance_of(&self, subject: &Subject) -> Result<Charge, TwoFactorError> {
        let charge = self.tokens().allowance_of(&Binding::subject(subject));
        charge.ok_or(TwoFactorError::Misuse("a subject has an allowance"))
    }

    /// A ceiling is reached for everybody: the factor is disabled. Where there is nothing to disable,
    /// the ceiling itself refuses until renewed.
    async fn exhaust(
        &self,
        attempt: &Attempt<'_>,
        factor: Option<&OpenFactor>,
    ) -> Result<(), TwoFactorError> {
        let (subject, origin) = (attempt.subject, attempt.origin());
        let Some(factor) = factor else {
            if let Some(telling) = self.telling() {
                telling
                    .tell_ceiling(subject, attempt.provider, origin)
                    .await;
            }
            return Ok(());
        };
        if self.rows.disable(subject, factor.id).await? {
            let told = Told::new(subject, News::FactorDisabled).of(factor.id);
            self.tell(&told.by(origin)).await;
        }
        Ok(())
    }

    async fn tell_many_failures(&self, attempt: &Attempt<'_>) {
        if let Some(telling) = self.telling() {
            telling
                .tell_many_failures(attempt.subject, attempt.origin())
                .await;
        }
    }

    /// Whose limits the attempt is paid from.
    pub(super) async fn lane(&self, attempt: &Attempt<'_>) -> Result<Lane, TwoFactorError> {
        let (Some(devices), Some(presented)) = (&self.devices, attempt.known_device) else {
            return Ok(Lane::Shared);
        };
        let known = devices
            .knows(attempt.subject, attempt.epoch, presented)
            .await?;
        Ok(if known {
            Lane::KnownDevice
        } else {
            Lane::Shared
        })
    }

    /// Whether there is a device to keep the rest of a ceiling for.
    async fn has_known_devices(&self, attempt: &Attempt<'_>) -> Result<bool, TwoFactorError> {
        match &self.devices {
            Some(devices) => {
                let known = devices.list(attempt.subject, attempt.epoch).await?;
                Ok(!known.is_empty())
            }
            None => Ok(false),
        }
    }

    /// Pays for sending a code.
    pub(super) async fn pay_request(&self, attempt: &Attempt<'_>) -> Result<(), TwoFactorError> {
        let subject = attempt.subject;
        let price = self.limits.of_request(subject, attempt.network);
        let Err(first) = self
            .spend(subject, price.network, &[], price.shared)
            .await?
        else {
            return Ok(());
        };
        let mut refused = first;
        if first.key == price.shared.key && self.lane(attempt).await? == Lane::KnownDevice {
            match self.spend(subject, None, &[], price.reserve).await? {
                Ok(()) => return Ok(()),
                Err(second) => refused = second.or_sooner(first),
            }
        }
        Err(self.throttled(attempt, refused))
    }

    /// Spends in this order. What the network spent stays spent; the rest is given back on a refusal,
    /// since nothing will be compared: who hammers a reached limit must not use up the one before it.
    async fn spend(
        &self,
        subject: &Subject,
        network: Option<Charge>,
        charges: &[Charge],
        last: Charge,
    ) -> Result<Result<(), Refused>, TwoFactorError> {
        let all: Vec<_> = network
            .iter()
            .chain(charges)
            .chain([&last])
            .copied()
            .collect();
        let spent = self.tokens().limit_store().spend(&all, self.rows.now());
        let (key, refused) = match spent
            .await
            .map_err(|error| self.rows.outage("spend", error))?
        {
            Spent::Allowed => return Ok(Ok(())),
            Spent::Ahead(key) => (key, None),
            Spent::Locked(key) => (key, Some(Refused { key, at: None })),
            Spent::RetryAt(key, at) => (key, Some(Refused { key, at: Some(at) })),
        };
        if network.is_none_or(|charge| charge.key != key) {
            let before = charges.iter().take_while(|charge| charge.key != key);
            self.give_back(&before.copied().collect::<Vec<_>>(), 1)
                .await;
        }
        match refused {
            Some(refused) => Ok(Err(refused)),
            // A clock was ahead when it was spent. An operator clears it.
            None => Err(self.rows.limit_ahead(subject)),
        }
    }

    fn throttled(&self, attempt: &Attempt<'_>, refused: Refused) -> TwoFactorError {
        self.tell_throttled(attempt, refused);
        let now = self.rows.now();
        TwoFactorError::Throttled {
            retry_at: refused.at,
            retry_after: refused.at.map(|at| at.signed_duration_since(now)),
        }
    }

    fn tell_throttled(&self, attempt: &Attempt<'_>, refused: Refused) {
        let event = self.rows.event(THROTTLED, attempt.subject);
        let event = event.provider(attempt.provider);
        self.rows.emit(event.retry_at(refused.at));
    }

    /// After a success: clears the ceiling, and gives back what this very try spent, at the
    /// candidates before it too. Else who uses the second of two authenticators would, by nothing
    /// but successes, disable the first and run out of tries.
    pub(super) async fn give_back_all(&self, won: &Paid, before: &[Paid]) {
        self.give_back(&won.timed, 1).await;
        for paid in before {
            self.give_back(&paid.whole(), 1).await;
        }
        let cleared = self.tokens().limit_store().clear(&won.ceiling.key).await;
        cleared.unwrap_or_else(|_| self.rows.store_failed("clear"));
    }

    /// After an outage: consecutive failures are refusals, and this try was none. The rest stays spent,
    /// so that an outage is not hammered at either.
    pub(super) async fn forgive(&self, paid: &Paid) {
        self.give_back(core::slice::from_ref(&paid.ceiling), 1)
            .await;
    }

    /// The answer stands whether or not this succeeds: losing a proof for a limit that was not given
    /// back would help nobody.
    pub(super) async fn give_back(&self, charges: &[Charge], times: u32) {
        if charges.is_empty() {
            return;
        }
        let refunded = self.tokens().limit_store().refund(charges, times).await;
        refunded.unwrap_or_else(|_| self.rows.store_failed("refund"));
    }
}
