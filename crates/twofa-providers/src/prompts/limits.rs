//! How often a person is asked.

use token_store::{
    Charge, Spent, StoreError, TokensError,
    events::LIMIT_AHEAD,
    ott_core::{
        Limit, LimitKey, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

use super::Prompts;
use crate::{error::TwoFactorError, events::THROTTLED, limits::of_subject};

/// How often one subject is asked, beside [`Limits::requests`](crate::Limits::requests). Known devices
/// ([`KnownDevices`](crate::KnownDevices)) have as much once more, so that a stranger uses up none of theirs.
#[derive(Clone, Copy, Debug)]
pub struct PromptLimits {
    pace: Limit,
    since_success: Limit,
}

/// In microseconds: what may be used up at once.
const LONGEST: i64 = 50 * YEAR;
const YEAR: i64 = 365 * 24 * 3_600_000_000;

impl Default for PromptLimits {
    fn default() -> Self {
        Self::new(5, TimeDelta::minutes(15), 10)
    }
}

impl PromptLimits {
    /// So many at once, then one `every`: the pace, which a denial uses up, and which no success clears. And of those
    /// that no success of a factor followed, so many, then one a day. The defaults are 5, 15 minutes and 10.
    ///
    /// # Panics
    /// As [`Limit::pace`], and where the pace takes more than 50 years to come back.
    #[must_use]
    pub const fn new(burst: u32, every: TimeDelta, since_success: u32) -> Self {
        let pace = Limit::pace(burst, every);
        assert!(
            pace.horizon_micros() <= LONGEST,
            "a pace comes back within 50 years"
        );
        Self {
            pace,
            since_success: Limit::pace(since_success, TimeDelta::days(1)),
        }
    }

    /// What everybody shares who may ask, and what known devices have beside it.
    fn lanes(&self, subject: &Subject) -> [Lane; 2] {
        let lane = |pace, since_success| Lane {
            pace: of_subject(subject, pace, self.pace),
            since_success: of_subject(subject, since_success, self.since_success),
        };
        [
            lane("prompts", "prompts since a success"),
            lane(
                "prompts of known devices",
                "prompts of known devices since a success",
            ),
        ]
    }

    /// What somebody asks of others: a count of its own, so that what those deny keeps no sign-in away.
    fn of_others(&self, asker: &Subject) -> Charge {
        of_subject(asker, "prompts to others", self.pace)
    }

    /// How often somebody is rung for others: a count of its own, so that no other uses up their sign-ins.
    fn rung(&self, decider: &Subject) -> Charge {
        of_subject(decider, "prompts of others", self.pace)
    }
}

/// What a prompt spends: the pace last, of which nothing is ever given back because a prompt came to nothing. It would
/// undo a denial that came in between.
#[derive(Clone, Copy)]
struct Lane {
    pace: Charge,
    since_success: Charge,
}

/// So many requests of one subject look at once whether there was a report.
const LOOKING: u32 = 32;

/// Each request spends one and gives it back at once.
fn look(subject: &Subject) -> Charge {
    of_subject(subject, "prompts reported", Limit::ceiling(LOOKING))
}

/// A report spends as many as may be given back while it does, and so many more that none is left.
fn shut(subject: &Subject) -> Charge {
    Charge {
        limit: Limit::ceiling(LOOKING * 2),
        ..look(subject)
    }
}

/// One step of so many microseconds, within what comes back in `whole`.
fn part(whole: i64, step: i64) -> Option<Limit> {
    // Rounded up, which leaves no room for a second such step: that would lie ahead of every clock.
    let steps = whole.checked_add(step.checked_sub(1)?)?;
    let burst = u32::try_from(steps.checked_div(step)?).ok()?;
    Some(Limit::pace(burst, TimeDelta::microseconds(step)))
}

impl Prompts {
    /// Every limit that comes back with time.
    pub(crate) fn timed_of(&self, subject: &Subject) -> impl Iterator<Item = Charge> + use<> {
        let lanes = self.limits.lanes(subject).into_iter();
        let others = [self.limits.of_others(subject), self.limits.rung(subject)];
        let lanes = lanes.flat_map(|lane| [lane.pace, lane.since_success]);
        lanes.chain(others)
    }

    /// Under which key a report is kept.
    pub(crate) fn reported(&self, subject: &Subject) -> LimitKey {
        look(subject).key
    }

    /// Pays for a prompt, or refuses it before anybody is asked. It says what to give back where nobody was.
    pub(super) async fn pay(
        &self,
        subject: &Subject,
        known_device: bool,
    ) -> Result<Charge, TokensError> {
        self.check_report(subject).await?;
        let [shared, reserve] = self.limits.lanes(subject);
        let mut refused = match self.spend(subject, &shared).await? {
            Ok(()) => return Ok(shared.since_success),
            Err(retry_at) => retry_at,
        };
        if known_device {
            match self.spend(subject, &reserve).await? {
                Ok(()) => return Ok(reserve.since_success),
                Err(retry_at) => refused = refused.min(retry_at),
            }
        }
        Err(self.throttled(subject, Some(refused)))
    }

    /// Spends of one lane, or says when to come back.
    async fn spend(
        &self,
        subject: &Subject,
        lane: &Lane,
    ) -> Result<Result<(), DateTime<Utc>>, TokensError> {
        let charges = [lane.since_success, lane.pace];
        let limits = self.rows.tokens.limit_store();
        let spent = limits.spend(&charges, self.rows.now()).await;
        match spent.inspect_err(|_| self.rows.store_failed("spend"))? {
            Spent::Allowed => Ok(Ok(())),
            Spent::RetryAt(key, at) => {
                if key == lane.pace.key {
                    self.rows.give_back(&[lane.since_success], 1).await;
                }
                Ok(Err(at))
            }
            // Neither is a ceiling.
            Spent::Ahead(_) | Spent::Locked(_) => {
                self.rows.emit(self.rows.event(LIMIT_AHEAD, subject));
                Err(StoreError::Corrupt("a limit's time lies beyond every clock").into())
            }
        }
    }

    /// Pays for what is asked of others, or refuses it before anybody is asked. It says what was paid.
    pub(super) async fn pay_for_others(&self, asker: &Subject) -> Result<Charge, TokensError> {
        self.check_report(asker).await?;
        let charge = self.limits.of_others(asker);
        match self.spend_one(asker, charge).await? {
            Ok(()) => Ok(charge),
            Err(retry_at) => Err(self.throttled(asker, Some(retry_at))),
        }
    }

    /// Whether somebody may be rung for others now, which is counted.
    pub(super) async fn may_ring(&self, decider: &Subject) -> Result<bool, TokensError> {
        let charge = self.limits.rung(decider);
        Ok(self.spend_one(decider, charge).await?.is_ok())
    }

    /// Uses up what is left of what somebody may ask of others.
    pub(super) async fn use_up_others(&self, asker: &Subject) -> Result<(), TwoFactorError> {
        self.use_up(self.limits.of_others(asker)).await
    }

    async fn spend_one(
        &self,
        subject: &Subject,
        charge: Charge,
    ) -> Result<Result<(), DateTime<Utc>>, TokensError> {
        let limits = self.rows.tokens.limit_store();
        let spent = limits.spend(&[charge], self.rows.now()).await;
        match spent.inspect_err(|_| self.rows.store_failed("spend"))? {
            Spent::Allowed => Ok(Ok(())),
            Spent::RetryAt(_, at) => Ok(Err(at)),
            Spent::Ahead(_) | Spent::Locked(_) => {
                self.rows.emit(self.rows.event(LIMIT_AHEAD, subject));
                Err(StoreError::Corrupt("a limit's time lies beyond every clock").into())
            }
        }
    }

    /// Refuses after a report, for as long as no factor succeeded.
    pub(super) async fn check_report(&self, subject: &Subject) -> Result<(), TokensError> {
        let (look, limits) = ([look(subject)], self.rows.tokens.limit_store());
        let spent = limits.spend(&look, self.rows.now()).await;
        match spent.inspect_err(|_| self.rows.store_failed("spend"))? {
            Spent::Allowed => {
                self.rows.give_back(&look, 1).await;
                Ok(())
            }
            _ => Err(self.throttled(subject, None)),
        }
    }

    fn throttled(&self, subject: &Subject, retry_at: Option<DateTime<Utc>>) -> TokensError {
        let event = self.rows.event(THROTTLED, subject);
        self.rows
            .emit(event.provider(&self.words.id).retry_at(retry_at));
        TokensError::Throttled {
            retry_at,
            retry_after: retry_at.map(|at| at.signed_duration_since(self.rows.now())),
        }
    }

    /// After a success: a report is over, and what nobody answered is not counted any more. A success by a prompt gets
    /// its own back of the pace, unless that is used up: then it may have been by a denial, which no success ends.
    pub(crate) async fn succeeded(&self, subject: &Subject, provider: &str) {
        let limits = self.rows.tokens.limit_store();
        let lanes = self.limits.lanes(subject);
        let keys = lanes.map(|lane| lane.since_success.key);
        for key in keys.iter().chain([&self.reported(subject)]) {
            let cleared = limits.clear(key).await;
            cleared.unwrap_or_else(|_| self.rows.store_failed("clear"));
        }
        if *provider != *self.words.id {
            return;
        }
        let [shared, _] = lanes;
        match limits.spend(&[shared.pace], self.rows.now()).await {
            Ok(Spent::Allowed) => self.rows.give_back(&[shared.pace], 2).await,
            Ok(_) => {}
            Err(_) => self.rows.store_failed("spend"),
        }
    }

    /// Nobody is asked any more until a factor succeeds.
    pub(super) async fn shut(&self, subject: &Subject) -> Result<(), TwoFactorError> {
        let (shut, limits) = ([shut(subject)], self.rows.tokens.limit_store());
        loop {
            let spent = limits.spend(&shut, self.rows.now()).await;
            match spent.map_err(|error| self.rows.outage("spend", error))? {
                Spent::Allowed => {}
                _ => return Ok(()),
            }
        }
    }

    /// Uses up what is left of every pace, so that the next prompt comes one period from now.
    pub(super) async fn use_up_paces(&self, subject: &Subject) -> Result<(), TwoFactorError> {
        let [shared, reserve] = self.limits.lanes(subject);
        let first = self.use_up(shared.pace).await;
        first.and(self.use_up(reserve.pace).await)
    }

    async fn use_up(&self, Charge { key, limit }: Charge) -> Result<(), TwoFactorError> {
        let (limits, now) = (self.rows.tokens.limit_store(), self.rows.now());
        let whole = limit.horizon_micros();
        let mut left = whole;
        while left > 0 {
            let step = left.min(YEAR);
            let Some(limit) = part(whole, step) else {
                return Ok(());
            };
            let spent = limits.spend(&[Charge { key, limit }], now).await;
            match spent.map_err(|error| self.rows.outage("spend", error))? {
                Spent::Allowed => left = left.saturating_sub(step),
                // Less was left: all that comes back after `full_at` is spent.
                Spent::RetryAt(_, at) => {
                    let back = step.saturating_mul(i64::from(limit.burst().saturating_sub(1)));
                    let full_at = at.timestamp_micros().saturating_add(back);
                    let until = now.timestamp_micros().saturating_add(whole);
                    left = until.saturating_sub(full_at).min(left.saturating_sub(1));
                }
                // Nothing can be spent before an operator looks.
                Spent::Ahead(_) | Spent::Locked(_) => return Ok(()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use token_store::ott_core::{LimitState, Overspent};

    use super::*;

    /// A report that ends among as many requests as may look at once lasts, though each gives back what it spent.
    #[test]
    fn gate_stays_shut_whatever_is_given_back() {
        let subject = Subject::new("acme", "4711").expect("a subject");
        let (look, shut) = (look(&subject).limit, shut(&subject).limit);
        let (mut gate, now) = (LimitState::default(), DateTime::UNIX_EPOCH);
        let mut looking = 0;
        while look.spend(&mut gate, now).is_ok() {
            looking += 1;
        }
        assert_eq!(looking, LOOKING);
        while shut.spend(&mut gate, now).is_ok() {}
        for _ in 0..looking {
            look.refund(&mut gate, 1);
            assert_eq!(look.spend(&mut gate, now), Err(Overspent::Locked));
        }
    }

    /// What is left of a pace is used up in steps that end where it does, also of the longest.
    #[test]
    fn parts_fit_the_longest_pace() {
        let longest = PromptLimits::new(50, TimeDelta::days(365), 1).pace;
        for step in [1, 2, YEAR - 1, YEAR] {
            let whole = longest.horizon_micros();
            let Some(part) = part(whole, step) else {
                assert!(whole / step > i64::from(u32::MAX));
                continue;
            };
            assert!((whole..whole + step).contains(&part.horizon_micros()));
        }
        assert!(part(LONGEST, 0).is_none());
    }
}
