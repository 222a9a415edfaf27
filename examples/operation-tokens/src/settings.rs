//! The file of `--settings`.

use core::num::{NonZeroU16, NonZeroU32};

use contract_server::Rate;
use ott_flows::{Hold, Settings as FlowSettings, token_store::ott_core::chrono::TimeDelta};
use serde::Deserialize;

/// Switches and lifetimes, with the contract's defaults. The last five are ours.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(non_snake_case, reason = "the contract's names")]
pub(crate) struct Settings {
    pub(crate) multifactorAuthSystemEnabled: bool,
    pub(crate) antiPhishingCodeEnabled: bool,
    pub(crate) limitForInputInvalidOneTimeToken: NonZeroU16,
    pub(crate) limitForInputInvalidPassword: NonZeroU32,
    pub(crate) tokenLifetimeMinutes: NonZeroU32,
    pub(crate) processLifetimeMinutes: NonZeroU32,
    /// Tokens sent for one account and operation.
    pub(crate) sendLimit: Rate,
    /// Hours in which nothing changes after a recovery, and after a change; 0 for none.
    pub(crate) holdHoursAfterRecovery: u32,
    pub(crate) holdHoursAfterChange: u32,
    /// Hours in which whoever had a key before takes its change back by a link; 0 for no such link.
    pub(crate) putBackHours: u32,
    /// Where browsers reach this server: with it, messages carry links to its pages. Nothing of a request takes its place.
    pub(crate) pages: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            multifactorAuthSystemEnabled: true,
            antiPhishingCodeEnabled: true,
            limitForInputInvalidOneTimeToken: NonZeroU16::new(5).unwrap_or(NonZeroU16::MIN),
            limitForInputInvalidPassword: number(5),
            tokenLifetimeMinutes: number(30),
            processLifetimeMinutes: number(1_440),
            sendLimit: Rate::new(5, 600),
            holdHoursAfterRecovery: 0,
            holdHoursAfterChange: 0,
            putBackHours: 0,
            pages: None,
        }
    }
}

impl Settings {
    /// How the flows behave.
    pub(crate) fn flows(&self) -> FlowSettings {
        FlowSettings::DEFAULT
            .tries(self.limitForInputInvalidOneTimeToken.get())
            .life(TimeDelta::minutes(self.processLifetimeMinutes.get().into()))
            .sends(self.sendLimit.pace())
    }

    pub(crate) fn token_lifetime(&self) -> TimeDelta {
        TimeDelta::minutes(self.tokenLifetimeMinutes.get().into())
    }

    /// What the contract calls `expiration`.
    pub(crate) fn expiration(&self) -> String {
        format!("{}min.", self.tokenLifetimeMinutes)
    }

    /// The address of a page.
    pub(crate) fn page(&self, name: &str) -> Option<String> {
        let base = self.pages.as_deref()?.trim_end_matches('/');
        Some(format!("{base}{name}"))
    }

    pub(crate) fn hold(&self) -> Hold {
        let hours = |hours: u32| TimeDelta::hours(hours.into());
        Hold::new(
            hours(self.holdHoursAfterRecovery),
            hours(self.holdHoursAfterChange),
        )
    }
}
