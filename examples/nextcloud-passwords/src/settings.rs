//! The file of `--settings`.

use core::num::NonZeroU32;

use contract_server::Rate;
use serde::Deserialize;
use twofa_providers::token_store::ott_core::chrono::TimeDelta;

/// Switches and lifetimes, with the contract's defaults. The last four are ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    session_lifetime_seconds: u32,
    session_delete_after_seconds: u32,
    pub(crate) open_limit: Rate,
    pub(crate) token_request_limit: Rate,
    pub(crate) failed_attempts: NonZeroU32,
    pub(crate) notification_lifetime_seconds: NonZeroU32,
    pub(crate) mail_code_lifetime_seconds: NonZeroU32,
    /// Codes compared for one account.
    pub(crate) guess_limit: Rate,
    /// The same in the long run.
    pub(crate) guess_allowance: Rate,
    /// Wrong codes in a row, after which a factor is disabled.
    pub(crate) guess_ceiling: NonZeroU32,
    /// Codes and prompts sent to one account, and to one mailbox.
    pub(crate) send_limit: Rate,
}

impl Default for Settings {
    fn default() -> Self {
        let number = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            session_lifetime_seconds: 600,
            session_delete_after_seconds: 3_600,
            open_limit: Rate::new(10, 30),
            token_request_limit: Rate::new(3, 60),
            failed_attempts: number(5),
            notification_lifetime_seconds: number(600),
            mail_code_lifetime_seconds: number(600),
            guess_limit: Rate::new(1_000, 1),
            guess_allowance: Rate::new(1_000, 1),
            guess_ceiling: number(1_000_000_000),
            send_limit: Rate::new(30, 600),
        }
    }
}

impl Settings {
    /// How long a session lives after its last use: below 30 seconds is the default. The job deletes it too.
    pub(crate) fn session_idle(&self) -> TimeDelta {
        let lifetime = match self.session_lifetime_seconds {
            0..30 => 600,
            seconds => seconds,
        };
        self.session_unused()
            .min(TimeDelta::seconds(lifetime.into()))
    }

    /// After which the job deletes a session.
    pub(crate) fn session_unused(&self) -> TimeDelta {
        TimeDelta::seconds(self.session_delete_after_seconds.max(1).into())
    }
}
