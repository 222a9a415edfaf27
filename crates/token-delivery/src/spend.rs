//! What paid channels may cost.

mod builder;

use core::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ott_core::{
    Binding, Channel, Destination, KeyRing, Limit, LimitKey, LimitScope, Purpose,
    chrono::{DateTime, Utc},
};
use token_store::{Charge, Clock, LimitStore, Spent, StoreError};

use crate::{Delivery, DeliveryError, Message, SpendLimit};

pub use builder::{SpendConfigError, SpendGuardBuilder};

/// Digits at a number's end that its block leaves out: carriers hand out numbers by the thousand and ten thousand.
const BLOCK: usize = 4;

/// A message that was kept back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBack<'a> {
    /// The guard's name.
    pub guard: &'a str,
    /// The guard's tenant.
    pub tenant: &'a str,
    /// Which limit.
    pub limit: SpendLimit,
    /// The block of the number: it without its last four digits. It names no person.
    pub block: &'a str,
}

/// Is told what was kept back: where a block is stopped, somebody is pumping, or a limit is too low.
pub trait SpendEvents: Send + Sync {
    /// A message was kept back. It does not block.
    fn kept_back(&self, event: &KeptBack<'_>);
}

/// A delivery to phones that stays within limits: a number of messages a number, a number of messages a block of
/// numbers, and a budget in the operator's currency. What does not go to a phone passes.
///
/// Each limit holds over every process that shares the store, and over any 24 hours: the budget is no calendar day's, of
/// which two could be spent around midnight. What is refused costs nothing from the other limits.
///
/// One guard is one budget. Messages that anybody can ask for (registration, recovery) and messages behind a first factor
/// have guards with names of their own, so that who pumps the first empties the first alone.
///
/// # Security
/// The store has names of the number and its block that take the key: without it nobody can tell which they are.
pub struct SpendGuard<D> {
    inner: D,
    limits: Arc<dyn LimitStore>,
    keys: KeyRing,
    clock: Arc<dyn Clock>,
    events: Option<Arc<dyn SpendEvents>>,
    name: String,
    tenant: String,
    per_destination: Limit,
    per_block: Limit,
    budget: Limit,
    /// By number prefix: units of the budget.
    prices: Vec<(String, u32)>,
}

impl<D: Delivery> SpendGuard<D> {
    /// Starts with what sends, where it is counted, and the guard's name: another one for each budget.
    pub fn builder(
        inner: D,
        limits: Arc<dyn LimitStore>,
        keys: KeyRing,
        name: impl Into<String>,
    ) -> SpendGuardBuilder<D> {
        SpendGuardBuilder::new(inner, limits, keys, name.into())
    }

    /// Spends for one message to this number.
    async fn spend(&self, to: &Destination, now: DateTime<Utc>) -> Result<Held, DeliveryError> {
        let number = to.address();
        let block = block(number);
        let refuse = |limit, retry_at| {
            if let Some(events) = &self.events {
                events.kept_back(&KeptBack {
                    guard: &self.name,
                    tenant: &self.tenant,
                    limit,
                    block,
                });
            }
            DeliveryError::KeptBack { limit, retry_at }
        };
        let price = self
            .price(number)
            .ok_or_else(|| refuse(SpendLimit::Price, None))?;
        let area = Destination::device(format!("block {block}"));
        let area = area.map_err(|error| DeliveryError::Unavailable(error.into()))?;
        let area = self.keys.pseudonym(&area).to_string();
        let (name, tenant) = (&self.name, Binding::tenant(&self.tenant));
        let charge = |what: &str, binding: &Binding<'_>, limit| Charge {
            key: LimitKey::new(LimitScope::Engine, &format!("spend {name} {what}"), binding),
            limit,
        };
        let budget = charge("budget", &tenant, self.budget);
        let kept = [
            (
                SpendLimit::Destination,
                charge(
                    "destination",
                    &tenant.operation(&[("destination", &self.keys.pseudonym(to).to_string())]),
                    self.per_destination,
                ),
            ),
            (
                SpendLimit::Block,
                charge(
                    "block",
                    &tenant.operation(&[("block", &area)]),
                    self.per_block,
                ),
            ),
        ];
        let mut held = Held::default();
        let all = kept.into_iter().chain(
            // A price is so many units; one step spends one.
            (0..price).map(|_| (SpendLimit::Budget, budget)),
        );
        for (limit, charge) in all {
            let refused = match self.limits.spend(&[charge], now).await {
                Ok(Spent::Allowed) => {
                    held.0.push(charge);
                    continue;
                }
                Ok(Spent::RetryAt(_, at)) => refuse(limit, Some(at)),
                Ok(Spent::Locked(_)) => refuse(limit, None),
                Ok(Spent::Ahead(_)) => outage(StoreError::Corrupt("a limit's time lies ahead")),
                Err(error) => outage(error),
            };
            self.give_back(&held).await;
            return Err(refused);
        }
        Ok(held)
    }

    /// Best effort: what cannot be given back stays spent, and costs nobody more.
    async fn give_back(&self, held: &Held) {
        for charge in &held.0 {
            let _ = self.limits.refund(&[*charge], 1).await;
        }
    }

    /// The price of the longest prefix that fits, in units.
    fn price(&self, number: &str) -> Option<u32> {
        let fits = self
            .prices
            .iter()
            .filter(|(prefix, _)| number.starts_with(prefix.as_str()));
        fits.max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, price)| *price)
    }
}

/// What was spent for one message.
#[derive(Default)]
struct Held(Vec<Charge>);

/// A number without its last four digits.
fn block(number: &str) -> &str {
    let end = number.len().saturating_sub(BLOCK);
    number.get(..end).unwrap_or(number)
}

fn outage(error: StoreError) -> DeliveryError {
    DeliveryError::Unavailable(error.into())
}

#[async_trait]
impl<D: Delivery> Delivery for SpendGuard<D> {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let to = message.destination();
        if to.channel() != Channel::Phone {
            return self.inner.deliver(message).await;
        }
        let held = self.spend(to, self.clock.now()).await?;
        let sent = self.inner.deliver(message).await;
        // What was offered to nobody costs nothing. What was refused, or left open, may.
        if matches!(
            sent,
            Err(DeliveryError::KeptBack { .. }
                | DeliveryError::NoTemplate { .. }
                | DeliveryError::Unsendable { .. }
                | DeliveryError::WrongChannel { .. })
        ) {
            self.give_back(&held).await;
        }
        sent
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.inner.sends(purpose)
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.inner.sends_prompts(purpose)
    }
}

impl<D> fmt::Debug for SpendGuard<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpendGuard")
            .field("name", &self.name)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
