//! What a try spends, and when it gets that back.

use token_store::{
    Charge, Spent, What,
    ott_core::{
        LimitKey, Reason, Rejected,
        chrono::{DateTime, Utc},
    },
};

use super::prove::NotProved;
use crate::{Attempt, OpenFactor, TwoFactor, TwoFactorError, limits::Price};

impl TwoFactor {
    /// Pays for one guess: from what all share, or from what known devices have where that is refused.
    pub(super) async fn pay(
        &self,
        attempt: &Attempt<'_>,
        lane: Lane,
        factor: Option<&OpenFactor>,
        price: &Price,
    ) -> Result<Paid, NotProved> {
        let strangers = match self.devices {
            Some(_) => self.limits.ceiling_of_strangers(price.ceiling),
            None => price.ceiling,
        };
        let Err(first) = self.spend(price.address, &price.shared, strangers).await? else {
            return Ok(price.paid(&price.shared));
        };
        let by_address = price.address.is_some_and(|charge| charge.key == first.key);
        let at_ceiling = first.key == price.ceiling.key;
        // The address was charged above, and is not asked a second time.
        let reserve;
        let again = match lane {
            _ if by_address => None,
            Lane::KnownDevice => {
                reserve = [self.limits.reserve(attempt.subject)];
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
            Some(charges) => match self.spend(None, charges, price.ceiling).await? {
                Ok(()) => return Ok(price.paid(charges)),
                Err(second) => (second.or_sooner(first), second.key == price.ceiling.key),
            },
        };
        self.tell_throttled(attempt, refused);
        if refused.key != price.ceiling.key {
            if !by_address {
                self.tell_many_failures(attempt.subject, attempt.origin())
                    .await;
            }
            return Err(TwoFactorError::from(refused).into());
        }
        if exhausts {
            self.exhaust(attempt, factor).await?;
        } else {
            // The factor lives on for the known devices, so nothing else tells its owner.
            self.tell_many_failures(attempt.subject, attempt.origin())
                .await;
        }
        let exhausted = Rejected::new(Reason::Exhausted);
        Err(NotProved::Refused(exhausted, None))
    }

    /// A ceiling is reached for everybody: the factor is disabled. Where there is nothing to disable,
    /// the ceiling itself refuses until renewed.
    async fn exhaust(
        &self,
        attempt: &Attempt<'_>,
        factor: Option<&OpenFactor>,
    ) -> Result<(), TwoFactorError> {
        let (subject, origin) = (attempt.subject, attempt.origin());
        match factor {
            Some(factor) => self.disable(subject, &factor.id, origin).await,
            None => {
                self.tell_ceiling(subject, attempt.provider, origin).await;
                Ok(())
            }
        }
    }

    /// Pays for sending a code.
    pub(super) async fn pay_request(&self, attempt: &Attempt<'_>) -> Result<(), TwoFactorError> {
        let price = self.limits.of_request(attempt.subject, attempt.address);
        let Err(first) = self.spend(price.address, &[], price.shared).await? else {
            return Ok(());
        };
        let mut refused = first;
        if first.key == price.shared.key && self.lane(attempt).await? == Lane::KnownDevice {
            match self.spend(None, &[], price.reserve).await? {
                Ok(()) => return Ok(()),
                Err(second) => refused = second.or_sooner(first),
            }
        }
        self.tell_throttled(attempt, refused);
        Err(refused.into())
    }

    /// Spends in this order. What the address spent stays spent; the rest is given back on a refusal,
    /// since nothing will be compared: who hammers a reached limit must not use up the one before it.
    async fn spend(
        &self,
        address: Option<Charge>,
        charges: &[Charge],
        last: Charge,
    ) -> Result<Result<(), Overspent>, TwoFactorError> {
        let all: Vec<_> = address
            .iter()
            .chain(charges)
            .chain([&last])
            .copied()
            .collect();
        let spent = self.tokens.limits().spend(&all, self.now()).await;
        let (key, at) = match spent.map_err(|error| self.outage("spend", error))? {
            Spent::Allowed => return Ok(Ok(())),
            Spent::Locked(key) => (key, None),
            Spent::RetryAt(key, at) => (key, Some(at)),
        };
        if address.is_none_or(|charge| charge.key != key) {
            let before = charges.iter().take_while(|charge| charge.key != key);
            self.give_back(&before.copied().collect::<Vec<_>>(), 1)
                .await;
        }
        Ok(Err(Overspent { key, at }))
    }

    fn tell_throttled(&self, attempt: &Attempt<'_>, refused: Overspent) {
        let what = What::Throttled("second-factor", refused.at);
        self.tokens.emit(Some(attempt.subject), what);
    }

    /// After a success: clears the ceiling, and gives back what this very try spent, at the
    /// candidates before it too. Else who uses the second of two authenticators would, by nothing
    /// but successes, disable the first and run out of tries.
    pub(super) async fn give_back_all(&self, won: &Paid, before: &[Paid]) {
        self.give_back(&won.timed, 1).await;
        for paid in before {
            self.give_back(&paid.whole(), 1).await;
        }
        let cleared = self.tokens.limits().clear(&won.ceiling.key).await;
        cleared.unwrap_or_else(|_| self.tokens.emit(None, What::StoreFailed("clear")));
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
        let refunded = self.tokens.limits().refund(charges, times).await;
        refunded.unwrap_or_else(|_| self.tokens.emit(None, What::StoreFailed("refund")));
    }
}

/// From which limits a guess is paid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// From the reserve of known devices, where the shared ones refuse.
    KnownDevice,
    /// From those that everybody shares who knows the password.
    Shared,
}

/// What one guess spent.
pub(super) struct Paid {
    timed: Vec<Charge>,
    ceiling: Charge,
}

impl Paid {
    pub(super) fn whole(&self) -> Vec<Charge> {
        self.timed.iter().copied().chain([self.ceiling]).collect()
    }
}

impl Price {
    fn paid(&self, charges: &[Charge]) -> Paid {
        Paid {
            timed: self.address.iter().chain(charges).copied().collect(),
            ceiling: self.ceiling,
        }
    }
}

/// Which limit refused, and until when.
#[derive(Clone, Copy)]
pub(super) struct Overspent {
    key: LimitKey,
    /// `None` where time does not help.
    at: Option<DateTime<Utc>>,
}

impl Overspent {
    /// This refusal, with whichever time comes first.
    fn or_sooner(self, other: Self) -> Self {
        let at = self
            .at
            .map(|at| other.at.map_or(at, |sooner| sooner.min(at)));
        Self { at, ..self }
    }
}

impl From<Overspent> for TwoFactorError {
    fn from(overspent: Overspent) -> Self {
        Self::Throttled {
            retry_at: overspent.at,
        }
    }
}
