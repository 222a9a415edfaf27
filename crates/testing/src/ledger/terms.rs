//! What the documentation lets go in a fault, and what was found.

use core::time::Duration;

/// What the documentation of a store promises in a fault.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The time-out of each verb.
    pub timeout: Duration,
    /// What was acknowledged before this moment may be gone: tokens are unknown, factors are as they stood earlier,
    /// limits count anew.
    pub lets_go_before: Option<Duration>,
    /// How often the primary changed, where somebody counts that: each pace then has one try more.
    pub changes: u32,
    /// A replica that missed commits was promoted, or their like: what was acknowledged before may be undone, and a
    /// spent token is redeemed again.
    pub undoes: bool,
    /// How far clocks are apart: a token may be refused as not yet begun, a pace allows the distance more.
    pub clocks_apart: Duration,
    /// How long after the fault's end service is there.
    pub recovers_in: Duration,
}

impl Terms {
    /// Everything that was acknowledged is kept.
    #[must_use]
    pub const fn keeps(timeout: Duration) -> Self {
        Self {
            timeout,
            lets_go_before: None,
            changes: 0,
            undoes: false,
            clocks_apart: Duration::ZERO,
            recovers_in: timeout.saturating_mul(2),
        }
    }
}

/// What the ledger says, in numbers, and each thing that the terms do not allow in words.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How often a token passed once too often, or what was ended passed.
    pub double_spends: usize,
    /// What was acknowledged and is gone.
    pub losses: usize,
    /// Of them, what the terms let go.
    pub let_go: usize,
    /// States, counts and counters that went back.
    pub back: usize,
    /// What a limit, or a token's attempts, allowed too often.
    pub over: usize,
    /// How long after the fault's end the last outage ended.
    pub recovery: Duration,
    /// What the terms do not allow.
    pub faults: Vec<String>,
}
