//! The file of `--settings`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::preferences;

/// Switches and lifetimes, with the contract's defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Requests a minute from one address.
    #[serde(deserialize_with = "throttle")]
    pub(crate) throttle_api: Option<u32>,
    /// The same while a page imports.
    #[serde(deserialize_with = "throttle")]
    pub(crate) throttle_api_during_import: Option<u32>,
    /// Requests a minute from one address to what signs in, sets passwords and makes tokens: a limit of ours.
    #[serde(deserialize_with = "throttle")]
    pub(crate) throttle_web: Option<u32>,
    /// So many proxies in a row stand before this server, each of which says who connected to it; 0 for none: a setting of
    /// ours.
    #[serde(deserialize_with = "proxies")]
    pub(crate) trusted_proxies: usize,
    /// Mebibytes of pictures that one user keeps a day: a limit of ours.
    #[serde(deserialize_with = "throttle")]
    pub(crate) icon_mebibytes_a_day: Option<u32>,
    #[serde(deserialize_with = "locked")]
    pub(crate) userpref_locked: Vec<String>,
    #[serde(deserialize_with = "defaults")]
    pub(crate) userpref_default: BTreeMap<String, Value>,
    block_otpauth_imagelink_fetching: bool,
    /// Pictures are fetched from this machine and from private networks, too: a switch of ours.
    pub(crate) otpauth_imagelink_private_networks: bool,
    #[serde(deserialize_with = "lifetime")]
    pub(crate) pat_lifetime_days: Option<u32>,
    /// Wrong passwords a minute for one account.
    #[serde(deserialize_with = "throttle")]
    pub(crate) login_throttle: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            throttle_api: Some(60),
            throttle_api_during_import: Some(1_000),
            throttle_web: Some(1_000),
            trusted_proxies: 0,
            icon_mebibytes_a_day: Some(256),
            userpref_locked: Vec::new(),
            userpref_default: BTreeMap::new(),
            block_otpauth_imagelink_fetching: true,
            otpauth_imagelink_private_networks: false,
            pat_lifetime_days: None,
            login_throttle: Some(10),
        }
    }
}

impl Settings {
    pub(crate) const fn fetches_images(&self) -> bool {
        !self.block_otpauth_imagelink_fetching
    }
}

/// A number; 0, "" and null switch it off.
fn throttle<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u32>, D::Error> {
    let number = match Value::deserialize(json)? {
        Value::Null => Some(0),
        Value::String(text) if text.is_empty() => Some(0),
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    let number =
        number.ok_or_else(|| D::Error::custom("a throttle is a number, or \"\" for none"))?;
    Ok((number > 0).then_some(number))
}

fn proxies<'de, D: Deserializer<'de>>(json: D) -> Result<usize, D::Error> {
    let count = usize::deserialize(json)?;
    let fits = count <= 16;
    fits.then_some(count)
        .ok_or_else(|| D::Error::custom("trusted_proxies is 0 to 16: so many in a row"))
}

fn lifetime<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u32>, D::Error> {
    let days = Option::<u32>::deserialize(json)?;
    let fits = days.is_none_or(|days| (1..=36_500).contains(&days));
    fits.then_some(days)
        .ok_or_else(|| D::Error::custom("pat_lifetime_days is 1 to 36500, or null for no end"))
}

fn known<E: serde::de::Error>(name: &str) -> Result<(), E> {
    let known = preferences::builtin(name).is_some();
    known
        .then_some(())
        .ok_or_else(|| E::custom(format!("{name} is no preference of a user")))
}

fn locked<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(json)?;
    names.iter().try_for_each(|name| known(name))?;
    Ok(names)
}

fn defaults<'de, D: Deserializer<'de>>(json: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let values = BTreeMap::<String, Value>::deserialize(json)?;
    values.keys().try_for_each(|name| known(name))?;
    Ok(values)
}
