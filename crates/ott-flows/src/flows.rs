//! Tokens, accounts, delivery and operations in one.

use core::fmt;
use std::{collections::BTreeMap, sync::Arc};

use token_delivery::Delivery;
use token_store::{
    TokenStore, Tokens,
    ott_core::{Format, Limit, Lookup, Policy, Purpose, chrono::TimeDelta},
};

use crate::{Accounts, Operation, Rules, operation::After};

const FLOW: Purpose = Purpose::new("flow");
const QUEUE: Purpose = Purpose::new("flow-queue");
const PROOF: Purpose = Purpose::new("flow-proof");

/// How flows behave, over all operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    tries: u16,
    life: TimeDelta,
    live: usize,
    queue: usize,
    sends: Limit,
}

impl Settings {
    /// 5 wrong tokens end a flow, which lives for 24 hours; 5 live tokens of one subject and purpose, 5 sends and then
    /// one per 10 minutes; 1,000 messages wait.
    pub const DEFAULT: Self = Self {
        tries: 5,
        life: TimeDelta::hours(24),
        live: 5,
        queue: 1_000,
        sends: Limit::REQUESTS,
    };

    /// So many wrong tokens end a flow, whatever was sent meanwhile. At most 65,534.
    #[must_use]
    pub const fn tries(self, tries: u16) -> Self {
        Self { tries, ..self }
    }

    /// How long a flow lives, and a chain of them together.
    #[must_use]
    pub const fn life(self, life: TimeDelta) -> Self {
        Self { life, ..self }
    }

    /// So many messages wait at most.
    #[must_use]
    pub const fn queue(self, queue: usize) -> Self {
        Self { queue, ..self }
    }

    /// How often a token is sent to one subject for one purpose.
    #[must_use]
    pub const fn sends(self, sends: Limit) -> Self {
        Self { sends, ..self }
    }

    /// The policy of an operation's tokens, as the flows use it: what is tried and sent is counted by the flows, and
    /// the pace says how much that comes to in the worst case, for the guess budget of [`Tokens`]. The account's
    /// allowance is spent where the policy says so: behind a first factor, and nowhere else.
    #[must_use]
    pub fn policy(&self, policy: Policy) -> Policy {
        let Limited { burst, period } = Limited::of(&self.sends, self.tries);
        policy
            .requests(None)
            .paced(Some(Limit::pace(burst, period)))
    }

    /// The policies of what the flows keep: give them to the builder of [`Tokens`], beside those of the operations.
    #[must_use]
    pub const fn policies(&self) -> [Policy; 3] {
        [self.flow(), self.waiting(), self.proof()]
    }

    /// A flow: its own token is known to nobody, and each presented one is counted against it. One try more than
    /// allowed tells the last that is compared from the first that is not.
    pub(crate) const fn flow(&self) -> Policy {
        Policy::link(FLOW)
            .lifetime(self.life)
            .lookup(Lookup::ByHandle {
                attempts: self.tries.saturating_add(1),
            })
            .requests(None)
    }

    pub(crate) const fn waiting(&self) -> Policy {
        Policy::parked(QUEUE).lifetime(self.life)
    }

    pub(crate) const fn proof(&self) -> Policy {
        Policy::parked(PROOF).lifetime(self.life)
    }

    pub(crate) const fn limit(&self) -> &Limit {
        &self.sends
    }

    pub(crate) fn most_tries(&self) -> u32 {
        self.tries.into()
    }

    pub(crate) const fn most_live(&self) -> usize {
        self.live
    }

    pub(crate) const fn most_waiting(&self) -> usize {
        self.queue
    }
}

/// What so many tries of each send come to.
struct Limited {
    burst: u32,
    period: TimeDelta,
}

impl Limited {
    fn of(sends: &Limit, tries: u16) -> Self {
        let tries = i64::from(tries.max(1));
        let period = sends.period_micros().checked_div(tries).unwrap_or(1).max(1);
        Self {
            burst: sends
                .burst()
                .saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX)),
            period: TimeDelta::microseconds(period),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The operations of an application, over its tokens.
pub struct Flows<S: TokenStore + ?Sized = dyn TokenStore> {
    pub(crate) tokens: Arc<Tokens<S>>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) delivery: Arc<dyn Delivery>,
    pub(crate) settings: Settings,
    pub(crate) rules: BTreeMap<Purpose, Rules>,
}

/// Builds [`Flows`].
pub struct FlowsBuilder<S: TokenStore + ?Sized> {
    flows: Flows<S>,
    fault: Option<BuildError>,
}

/// Why no [`Flows`] was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The delivery has no words for its messages.
    #[error("the delivery has no words for `{}`", .0.as_str())]
    NoTemplate(Purpose),
    /// The tokens were built without this policy.
    #[error("the tokens lack the policy `{}`", .0.as_str())]
    PolicyMissing(Purpose),
    /// The policy is another operation's, or its tokens are not found by a handle.
    #[error("the policy of `{}` is another operation's, or its tokens are not found by a handle", .0.as_str())]
    PolicyUnfit(Purpose),
    /// It was given twice.
    #[error("the operation `{}` was given twice", .0.as_str())]
    Twice(Purpose),
}

impl<S: TokenStore + ?Sized> Flows<S> {
    /// Starts with tokens that know [`Settings::policies`] and those of the operations.
    pub fn builder(
        tokens: Arc<Tokens<S>>,
        accounts: Arc<dyn Accounts>,
        delivery: Arc<dyn Delivery>,
        settings: Settings,
    ) -> FlowsBuilder<S> {
        let rules = BTreeMap::new();
        FlowsBuilder {
            flows: Self {
                tokens,
                accounts,
                delivery,
                settings,
                rules,
            },
            fault: None,
        }
    }

    /// The tokens underneath.
    #[must_use]
    pub const fn tokens(&self) -> &Arc<Tokens<S>> {
        &self.tokens
    }
}

impl<S: TokenStore + ?Sized> FlowsBuilder<S> {
    /// Adds an operation.
    #[must_use]
    pub fn operation<O: Operation>(mut self, rules: Rules) -> Self
    where
        O::After: After,
    {
        let policy = rules.policy;
        let by_handle = matches!(policy.token_lookup(), Lookup::ByHandle { .. });
        let fits = *policy.purpose() == O::PURPOSE && by_handle;
        if !fits {
            self.fault = Some(BuildError::PolicyUnfit(O::PURPOSE));
        }
        if self.flows.rules.insert(O::PURPOSE, rules).is_some() {
            self.fault = Some(BuildError::Twice(O::PURPOSE));
        }
        self
    }

    /// Builds.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(self) -> Result<Flows<S>, BuildError> {
        let Self { flows, fault } = self;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let own = flows.settings.policies();
        let operations = flows.rules.values().map(|rules| &rules.policy);
        for policy in own.iter().chain(operations.clone()) {
            if !flows.tokens.policies().contains(policy) {
                return Err(BuildError::PolicyMissing(*policy.purpose()));
            }
        }
        for policy in operations {
            if !flows.delivery.sends(policy.purpose()) {
                return Err(BuildError::NoTemplate(*policy.purpose()));
            }
        }
        Ok(flows)
    }
}

/// A well-formed token of a flow's own format, which no flow ever had.
pub(crate) fn unheard() -> String {
    debug_assert_eq!(*Settings::DEFAULT.flow().token_format(), Format::LINK);
    "A".repeat(43)
}

impl<S: TokenStore + ?Sized> fmt::Debug for Flows<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flows")
            .field("settings", &self.settings)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl<S: TokenStore + ?Sized> fmt::Debug for FlowsBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.flows.fmt(f)
    }
}
