//! The file of `--settings`.

use core::num::NonZeroU32;

use contract_server::Rate;
use ott_bearer::token_store::ott_core::chrono::TimeDelta;
use serde::Deserialize;
use zeroize::Zeroizing;

/// Lifetimes and switches, with the contract's defaults. The limits are ours.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Hours that a token lives.
    pub(crate) session_duration: NonZeroU32,
    pub(crate) api_version: String,
    /// Another validation server than the one inside.
    pub(crate) yubicloud_url: Option<String>,
    pub(crate) yubicloud_id: Option<u64>,
    pub(crate) yubicloud_key: Option<Zeroizing<String>>,
    /// Passwords that are refused beside the 1,000 most common ones.
    pub(crate) weak_passwords: Vec<String>,
    /// Wrong passwords for one name.
    pub(crate) password_limit: Rate,
    /// Tokens of a second factor, for one account.
    pub(crate) guess_limit: Rate,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_duration: NonZeroU32::new(72).unwrap_or(NonZeroU32::MIN),
            api_version: "v0".into(),
            yubicloud_url: None,
            yubicloud_id: None,
            yubicloud_key: None,
            weak_passwords: Vec::new(),
            password_limit: Rate::new(20, 600),
            guess_limit: Rate::new(10, 3_600),
        }
    }
}

impl Settings {
    pub(crate) fn lifetime(&self) -> TimeDelta {
        TimeDelta::hours(self.session_duration.get().into())
    }
}
