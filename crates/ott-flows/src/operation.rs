//! What an operation is, and how the application sets it up.

use std::sync::Arc;

use token_store::ott_core::{Channel, Policy, Purpose};

use crate::{Check, check::Named};

/// One thing that a token allows, as a type: a [`Proof`](crate::Proof) of it fits where this very type is asked for.
///
/// ```
/// use ott_flows::{Operation, Proof, token_store::ott_core::Purpose};
/// /// The key that is there is proved first.
/// struct ProveOldKey;
/// impl Operation for ProveOldKey {
///     const PURPOSE: Purpose = Purpose::new("prove-old-key");
///     type After = ();
/// }
/// /// Then the new one: it cannot be begun without the first one's proof.
/// struct ChangeKey;
/// impl Operation for ChangeKey {
///     const PURPOSE: Purpose = Purpose::new("change-key");
///     type After = Proof<ProveOldKey>;
/// }
/// ```
pub trait Operation: Send + Sync + 'static {
    /// The purpose of its tokens, which is its name.
    const PURPOSE: Purpose;
    /// What has to be proved before it begins: `()`, or the [`Proof`](crate::Proof) of another operation.
    type After: After;
}

/// What an operation may come after. What begins it asks for `()` or for a proof, and for nothing else.
pub trait After {}

impl After for () {}

/// How the application sets an operation up: the policy of its tokens, its switch, channels and checks.
#[derive(Clone)]
pub struct Rules {
    pub(crate) policy: Policy,
    pub(crate) open: bool,
    pub(crate) channels: Option<Vec<Channel>>,
    pub(crate) switch: Option<Switch>,
    pub(crate) checks: Vec<Named>,
}

/// Whether an operation is switched on now.
type Switch = Arc<dyn Fn() -> bool + Send + Sync>;

impl Rules {
    /// For an operation of somebody who is signed in, or who gave the password: what stands against it is told.
    ///
    /// The policy's tokens are found by the flow's handle, as those of [`Settings::policy`](crate::Settings::policy) are.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            open: false,
            channels: None,
            switch: None,
            checks: Vec::new(),
        }
    }

    /// For an operation that anyone may start: an account that is not there, is locked, or changed since is answered
    /// as any other. Its flow is a decoy, whose token nobody gets.
    #[must_use]
    pub const fn open(policy: Policy) -> Self {
        Self {
            policy,
            open: true,
            channels: None,
            switch: None,
            checks: Vec::new(),
        }
    }

    /// Its tokens go over these channels alone.
    #[must_use]
    pub fn channels(self, channels: &[Channel]) -> Self {
        Self {
            channels: Some(channels.into()),
            ..self
        }
    }

    /// Asked in every step; while it answers no, the operation does not exist.
    #[must_use]
    pub fn switch(self, on: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            switch: Some(Arc::new(on)),
            ..self
        }
    }

    /// A check that runs when a token is asked for, at each step, and before the effect. What it refuses is
    /// [`FlowError::Unmet`](crate::FlowError::Unmet) with this name.
    #[must_use]
    pub fn check(mut self, name: &'static str, check: impl Check + 'static) -> Self {
        self.checks.push(Named::new(name, false, check));
        self
    }

    /// As [`Rules::check`], for what strangers must not learn: until a proof is there, what it refuses looks like any
    /// other flow, and its token reaches nobody.
    #[must_use]
    pub fn check_silently(mut self, name: &'static str, check: impl Check + 'static) -> Self {
        self.checks.push(Named::new(name, true, check));
        self
    }

    pub(crate) fn is_on(&self) -> bool {
        self.switch.as_ref().is_none_or(|on| on())
    }
}

impl core::fmt::Debug for Rules {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Rules")
            .field("policy", &self.policy)
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}
