//! The file of `--settings`.

use core::num::NonZeroU32;

use contract_server::Fault;
use serde::Deserialize;
use token_delivery::HttpRequest;
use twofa_providers::token_store::ott_core::chrono::TimeDelta;

/// Switches and lifetimes, with the contract's defaults. The last one is ours.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) account_creation_token_expiration_minutes: u32,
    pub(crate) account_recovery_token_expiration_minutes: u32,
    pub(crate) account_creation_request_token_expiration_minutes: u32,
    pub(crate) account_creation_token_retry_minutes: u32,
    pub(crate) account_recovery_token_retry_minutes: u32,
    pub(crate) api_key_expiration_minutes: u32,
    pub(crate) email_change_code_expiration_minutes: NonZeroU32,
    pub(crate) phone_change_code_expiration_minutes: NonZeroU32,
    pub(crate) recovery_code_expiration_minutes: NonZeroU32,
    pub(crate) blocking_time_period_check: u32,
    pub(crate) blocking_amount_events_authorized_during_period: NonZeroU32,
    pub(crate) resend_policy: ResendPolicy,
    pub(crate) push_timeout_seconds: NonZeroU32,
    pub(crate) captcha: Option<Captcha>,
    /// What `validation_url` begins with, where the server stands behind a proxy.
    pub(crate) public_url: Option<String>,
}

/// What stands against another token for the same device.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
pub(crate) enum ResendPolicy {
    /// An unused one, and four in all: 403.
    #[serde(rename = "documented-403")]
    Documented,
    /// A used one that was made not long ago: 429.
    #[serde(rename = "current-429")]
    Current,
}

/// Who says whether a person pressed the button.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Captcha {
    pub(crate) site_key: String,
    pub(crate) secret: zeroize::Zeroizing<String>,
    pub(crate) verify_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            account_creation_token_expiration_minutes: 0,
            account_recovery_token_expiration_minutes: 60,
            account_creation_request_token_expiration_minutes: 0,
            account_creation_token_retry_minutes: 60,
            account_recovery_token_retry_minutes: 60,
            api_key_expiration_minutes: 60,
            email_change_code_expiration_minutes: number(10),
            phone_change_code_expiration_minutes: number(10),
            recovery_code_expiration_minutes: number(10),
            blocking_time_period_check: 30,
            blocking_amount_events_authorized_during_period: number(5),
            resend_policy: ResendPolicy::Documented,
            push_timeout_seconds: number(5),
            captcha: None,
            public_url: None,
        }
    }
}

impl Settings {
    /// What no server can start with.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let verifier = self.captcha.as_ref().map(|captcha| &captcha.verify_url);
        let addresses = [
            ("captcha: verify_url", verifier),
            ("public_url", self.public_url.as_ref()),
        ];
        for (name, address) in addresses {
            if let Some(address) = address {
                check_address(address).map_err(|why| format!("settings: {name}: {why}"))?;
            }
        }
        Ok(())
    }
}

/// An address to which a request can go.
pub(crate) fn check_address(address: &str) -> Result<(), &'static str> {
    match HttpRequest::new("POST", address, "") {
        Ok(_) => Ok(()),
        Err(_) => Err("an address begins with http:// or https://"),
    }
}

/// So many minutes; 0 for no end.
pub(crate) fn minutes(minutes: u32) -> Option<TimeDelta> {
    (minutes > 0).then(|| TimeDelta::minutes(minutes.into()))
}
