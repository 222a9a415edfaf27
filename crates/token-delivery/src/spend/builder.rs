//! How a guard is set up, checked before the first message.

use std::sync::Arc;

use ott_core::{KeyRing, Limit, chrono::TimeDelta};
use token_store::{Clock, LimitStore, SystemClock};

use super::{SpendEvents, SpendGuard};

/// The most units that one message may cost: each is a step of the store's.
const DEAREST: u32 = 50;

/// Sets up a [`SpendGuard`].
#[must_use]
pub struct SpendGuardBuilder<D> {
    inner: D,
    limits: Arc<dyn LimitStore>,
    keys: KeyRing,
    name: String,
    tenant: String,
    clock: Arc<dyn Clock>,
    events: Option<Arc<dyn SpendEvents>>,
    per_destination: u32,
    per_block: u32,
    budget: u32,
    prices: Vec<(String, u32)>,
}

/// Why a guard cannot be used as it is set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpendConfigError {
    /// A budget that does not pay for two of the dearest messages.
    #[error("a budget pays for two of the dearest messages at least")]
    Budget,
    /// A limit of none.
    #[error("a limit allows one message at least")]
    Limit,
    /// A store that forgets what was spent.
    #[error("the store of the limits does not keep paces")]
    NotKept,
    /// No price, a prefix that is none or stands twice, or a price of nothing.
    #[error("a price has a prefix such as +49, once, and is not 0")]
    Price,
    /// Prices that have no common unit: the dearest is more than 50 times what divides all of them.
    #[error("prices are small multiples of one unit: round them up")]
    Unit,
}

impl<D> SpendGuardBuilder<D> {
    pub(super) fn new(inner: D, limits: Arc<dyn LimitStore>, keys: KeyRing, name: String) -> Self {
        Self {
            inner,
            limits,
            keys,
            name,
            tenant: String::new(),
            clock: Arc::new(SystemClock),
            events: None,
            per_destination: 5,
            per_block: 40,
            budget: 0,
            prices: Vec::new(),
        }
    }

    /// Whose budget it is; `""` by default.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Another clock than the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Who is told what was kept back.
    pub fn events(mut self, events: Arc<dyn SpendEvents>) -> Self {
        self.events = Some(events);
        self
    }

    /// The most messages to one number within any 24 hours: 5.
    pub fn per_destination(mut self, most: u32) -> Self {
        self.per_destination = most;
        self
    }

    /// The most messages to numbers that differ in their last four digits alone, within any 24 hours: 40.
    pub fn per_block(mut self, most: u32) -> Self {
        self.per_block = most;
        self
    }

    /// The most that is spent within any 24 hours, in the smallest unit of the currency. Half of it can be spent at once;
    /// the rest comes evenly over the day.
    pub fn budget(mut self, most: u32) -> Self {
        self.budget = most;
        self
    }

    /// What a message to numbers with this prefix costs, in the smallest unit of the currency. The longest prefix counts;
    /// a number with none of them gets no message.
    pub fn price(mut self, prefix: impl Into<String>, price: u32) -> Self {
        self.prices.push((prefix.into(), price));
        self
    }

    /// The guard.
    ///
    /// # Errors
    /// [`SpendConfigError`], which says what is wrong.
    pub fn build(self) -> Result<SpendGuard<D>, SpendConfigError> {
        if !self.limits.keeps(ott_core::LimitKind::Pace) {
            return Err(SpendConfigError::NotKept);
        }
        let mut prefixes: Vec<_> = self
            .prices
            .iter()
            .map(|(prefix, _)| prefix.as_str())
            .collect();
        prefixes.sort_unstable();
        let twice = prefixes
            .iter()
            .zip(prefixes.iter().skip(1))
            .any(|(one, next)| one == next);
        let bad = |(prefix, price): &(String, u32)| *price == 0 || !is_prefix(prefix);
        if prefixes.is_empty() || twice || self.prices.iter().any(bad) {
            return Err(SpendConfigError::Price);
        }
        let unit = self
            .prices
            .iter()
            .fold(0, |unit, (_, price)| common(unit, *price));
        let in_units = |money: u32| money.checked_div(unit).unwrap_or(0);
        let prices: Vec<_> = self
            .prices
            .iter()
            .map(|(prefix, price)| (prefix.clone(), in_units(*price)))
            .collect();
        let dearest = prices.iter().map(|(_, price)| *price).max().unwrap_or(0);
        if dearest > DEAREST {
            return Err(SpendConfigError::Unit);
        }
        let budget = in_units(self.budget);
        if budget.checked_div(2).unwrap_or(0) < dearest {
            return Err(SpendConfigError::Budget);
        }
        let limit = |most| within_a_day(most).ok_or(SpendConfigError::Limit);
        Ok(SpendGuard {
            per_destination: limit(self.per_destination)?,
            per_block: limit(self.per_block)?,
            budget: limit(budget)?,
            inner: self.inner,
            limits: self.limits,
            keys: self.keys,
            clock: self.clock,
            events: self.events,
            name: self.name,
            tenant: self.tenant,
            prices,
        })
    }
}

fn is_prefix(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The greatest common divisor.
fn common(mut one: u32, mut other: u32) -> u32 {
    while let Some(rest) = one.checked_rem(other) {
        (one, other) = (other, rest);
    }
    one
}

/// A pace of which any 24 hours see at most so many: half at once, and the other half over the day.
fn within_a_day(most: u32) -> Option<Limit> {
    const DAY: i64 = 86_400_000_000;
    let later = most / 2;
    let burst = most.checked_sub(later).filter(|burst| *burst > 0)?;
    // Rounded up, and a microsecond more: the last one comes after the day.
    let every = match DAY.checked_div(later.into()) {
        Some(every) => every.checked_add(1)?,
        None => DAY.checked_add(1)?,
    };
    Some(Limit::pace(burst, TimeDelta::microseconds(every)))
}

impl<D> core::fmt::Debug for SpendGuardBuilder<D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SpendGuardBuilder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any day, its first and its last moment included, sees so many at most, and no fewer than half.
    #[test]
    fn day_sees_so_many_at_most() {
        for most in [1, 2, 3, 7, 40, 1_000, 999_999, 1_000_003, u32::MAX] {
            let limit = within_a_day(most).expect("a limit");
            let day = TimeDelta::days(1).num_microseconds().expect("so few");
            let later = day.checked_div(limit.period_micros()).expect("a period");
            let all = i64::from(limit.burst()).saturating_add(later);
            assert!(
                all <= i64::from(most) && all >= i64::from(most / 2),
                "{most}: {all}"
            );
        }
        assert_eq!(within_a_day(0), None);
    }
}
