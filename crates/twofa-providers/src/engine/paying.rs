//! What a try spends, and when it gets that back.

use token_store::{
    Charge, Spent,
    ott_core::{Binding, Channel, Destination, LimitKey, Reason, Rejected, Subject},
};

use super::{
    TwoFactor,
    paid::{Lane, NotProved, Paid},
};
use crate::{
    attempt::Attempt,
    descriptor::Descriptor,
    error::TwoFactorError,
    limits::{Counted, Price, RequestPaid, Timed, of_failures},
    news::News,
    open_factor::OpenFactor,
    telling::Told,
};

impl TwoFactor {
    /// Pays for one guess: from what all share, or from what known devices have where that is refused. What
    /// nobody guesses costs the network alone: else whoever knows the password would use up the tries of
    /// the owner's recovery codes.
    pub(super) async fn pay(
        &self,
        attempt: &Attempt<'_>,
        lane: Lane,
        provider: &Descriptor,
        factor: Option<&OpenFactor>,
    ) -> Result<Paid, NotProved> {
        let subject = attempt.subject;
        if !provider.odds.is_guessable() {
            return self.pay_network(attempt).await;
        }
        let price = self.price(attempt, provider, factor)?;
        let Timed { network, shared } = price.timed;
        let charges = self.shared_by_strangers(&price);
        let Err(first) = self.rows.spend(subject, network, &charges).await? else {
            return Ok(Paid::new(&price, &shared));
        };
        let by_network = network.is_some_and(|charge| charge.key == first.key);
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
                Some(shared.as_slice())
            }
            Lane::Shared => None,
        };
        let (refused, exhausts) = match again {
            None => (first, self.devices.is_none()),
            Some(charges) => {
                let all = [charges, &[price.ceiling]].concat();
                match self.rows.spend(subject, None, &all).await? {
                    Ok(()) => return Ok(Paid::new(&price, charges)),
                    Err(second) => (second.or_sooner(first), second.key == price.ceiling.key),
                }
            }
        };
        if refused.key != price.ceiling.key {
            if !by_network {
                self.tell_many_failures(attempt).await;
            }
            return Err(self.rows.throttled(attempt, refused).into());
        }
        self.rows.tell_throttled(attempt, refused);
        if exhausts {
            self.exhaust(attempt, factor).await?;
        } else {
            // The factor lives on for the known devices, so nothing else tells its owner.
            self.tell_many_failures(attempt).await;
        }
        let exhausted = Rejected::new(Reason::Exhausted);
        Err(NotProved::Refused(exhausted, None))
    }

    /// What one guess costs.
    pub(super) fn price(
        &self,
        attempt: &Attempt<'_>,
        provider: &Descriptor,
        factor: Option<&OpenFactor>,
    ) -> Result<Price, TwoFactorError> {
        let counted = match factor {
            Some(factor) => Counted::Factor(factor.id),
            None => Counted::Provider(&provider.id),
        };
        Ok(Price {
            timed: self.timed(attempt)?,
            ceiling: self.limits.ceiling_of(attempt.subject, &counted),
        })
    }

    /// What one guess costs beside the ceiling, whichever factor it is at.
    pub(super) fn timed(&self, attempt: &Attempt<'_>) -> Result<Timed, TwoFactorError> {
        let (subject, network) = (attempt.subject, attempt.network);
        let allowance = self.allowance_of(subject)?;
        Ok(self.limits.of_guess(allowance, subject, network))
    }

    /// What it costs of the account, the ceiling as it is for those who are no known device.
    pub(super) fn shared_by_strangers(&self, price: &Price) -> [Charge; 3] {
        let strangers = match self.devices {
            Some(_) => self.limits.ceiling_of_strangers(price.ceiling),
            None => price.ceiling,
        };
        let [pace, allowance] = price.timed.shared;
        [pace, allowance, strangers]
    }

    async fn pay_network(&self, attempt: &Attempt<'_>) -> Result<Paid, NotProved> {
        let subject = attempt.subject;
        let network = self.limits.of_network(subject, attempt.network);
        match self.rows.spend(subject, network, &[]).await? {
            Ok(()) => Ok(Paid::by_network(network)),
            Err(refused) => Err(self.rows.throttled(attempt, refused).into()),
        }
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
        let (subject, origin) = (attempt.subject, attempt.whence());
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

    /// Counts a response that was wrong, and tells the owner from the tenth in a row on.
    pub(super) async fn count_failure(&self, attempt: &Attempt<'_>) {
        if self.telling().is_none() {
            return;
        }
        let charges = [of_failures(attempt.subject)];
        let spent = self.tokens().limit_store().spend(&charges, self.rows.now());
        match spent.await {
            Ok(Spent::Allowed) => {}
            Ok(_) => self.tell_many_failures(attempt).await,
            // The answer stands, and the next failure is counted.
            Err(_) => self.rows.store_failed("spend"),
        }
    }

    async fn tell_many_failures(&self, attempt: &Attempt<'_>) {
        if let Some(telling) = self.telling() {
            telling
                .tell_many_failures(attempt.subject, attempt.whence())
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

    /// Pays for sending to where these factors' codes go.
    pub(super) async fn pay_request(
        &self,
        attempt: &Attempt<'_>,
        lane: Lane,
        factors: &[&OpenFactor],
    ) -> Result<RequestPaid, TwoFactorError> {
        let subject = attempt.subject;
        let network = self.limits.of_network(subject, attempt.network);
        let destinations = factors
            .iter()
            .filter_map(|factor| factor.destination.as_ref());
        let price = self
            .limits
            .of_request(subject, &self.mailboxes(destinations));
        let Err(first) = self
            .rows
            .spend(subject, network, &price.shared.all())
            .await?
        else {
            return Ok(price.shared);
        };
        let by_network = network.is_some_and(|charge| charge.key == first.key);
        let mut refused = first;
        if !by_network && lane == Lane::KnownDevice {
            match self.rows.spend(subject, None, &price.reserve.all()).await? {
                Ok(()) => return Ok(price.reserve),
                Err(second) => refused = second.or_sooner(first),
            }
        }
        Err(self.rows.throttled(attempt, refused))
    }

    /// Under which names destinations are counted, each once.
    pub(crate) fn mailboxes<'d>(
        &self,
        destinations: impl Iterator<Item = &'d Destination>,
    ) -> Vec<String> {
        let names = destinations.map(|destination| self.mailbox(destination));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names.dedup();
        names
    }

    /// Under which name a destination is counted: without the key nobody can tell which it is. Upper and
    /// lower case are one mailbox here.
    fn mailbox(&self, destination: &Destination) -> String {
        let keys = self.tokens().issuer().keys();
        let folded = match destination.channel() {
            Channel::Email => Destination::email(destination.address().to_lowercase()).ok(),
            _ => None,
        };
        keys.pseudonym(folded.as_ref().unwrap_or(destination))
            .to_string()
    }

    /// After a success: clears the ceiling, and gives back what this very try spent, at the
    /// candidates before it too. Else who uses the second of two authenticators would, by nothing
    /// but successes, disable the first and run out of tries.
    ///
    /// Where nothing was paid before the code was burnt, that step did so.
    pub(super) async fn give_back_all(
        &self,
        attempt: &Attempt<'_>,
        won: Option<&Paid>,
        before: &[Paid],
    ) {
        if let Some(won) = won {
            self.rows.give_back(&won.timed, 1).await;
        }
        for paid in before {
            self.rows.give_back(&paid.whole(), 1).await;
        }
        if let Some(won) = won {
            for key in self.cleared(attempt.subject, won.ceiling) {
                let cleared = self.tokens().limit_store().clear(&key).await;
                cleared.unwrap_or_else(|_| self.rows.store_failed("clear"));
            }
        }
        if let Some(prompts) = &self.prompts {
            prompts.succeeded(attempt.subject, attempt.provider).await;
        }
    }

    /// What a success clears: failures in a row.
    pub(super) fn cleared(&self, subject: &Subject, ceiling: Option<Charge>) -> Vec<LimitKey> {
        let told = self.telling().map(|_| of_failures(subject));
        let counted = ceiling.into_iter().chain(told);
        counted.map(|charge| charge.key).collect()
    }

    /// After an outage: consecutive failures are refusals, and this try was none. The rest stays spent,
    /// so that an outage is not hammered at either.
    pub(super) async fn forgive(&self, paid: &Paid) {
        self.rows.give_back(paid.ceiling.as_slice(), 1).await;
    }
}
