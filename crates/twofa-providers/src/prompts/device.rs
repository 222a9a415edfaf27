//! A device: what its factor keeps of it, and whether a decision is its own.

use token_store::ott_core::{Outcome, Reason, Stored, Subject, Verdict};
use zeroize::Zeroizing;

use super::{Answer, PromptView};
use crate::{
    open_factor::OpenFactor,
    provider_error::{ProviderError, VerifyError},
};

/// The first byte of a device's secret; its public key follows, where it has one.
const VERSION: u8 = 1;

/// The length of a public key.
pub(super) const KEY: usize = 32;

/// What the factor of a device keeps.
pub(super) fn secret(key: Option<&[u8; KEY]>) -> Zeroizing<Vec<u8>> {
    let key = key.into_iter().flatten().copied();
    Zeroizing::new([VERSION].into_iter().chain(key).collect())
}

/// Its public key, where it has one.
pub(super) fn key(device: &OpenFactor) -> Result<Option<[u8; KEY]>, ProviderError> {
    match device.secret() {
        [VERSION] => Ok(None),
        [VERSION, key @ ..] => match key.try_into() {
            Ok(key) => Ok(Some(key)),
            Err(_) => Err(ProviderError::Secret),
        },
        _ => Err(ProviderError::Secret),
    }
}

/// Whether it has a key of its own.
pub(super) fn has_key(device: &OpenFactor) -> Result<bool, ProviderError> {
    key(device).map(|key| key.is_some())
}

/// Whether this device said so: signed where it has a key, and unsigned where it has none and may.
pub(super) fn check(
    device: &OpenFactor,
    subject: &Subject,
    seen: &PromptView,
    answer: &Answer,
    keys_only: bool,
) -> Result<(), VerifyError> {
    match (key(device)?, &answer.signature) {
        (None, None) if !keys_only => Ok(()),
        (Some(key), Some(signature)) => verify(&key, signature, subject, seen, answer),
        _ => Err(Reason::DecisionForged.into()),
    }
}

/// Whether the outcome that the record keeps is what was said.
pub(super) fn matches(answer: &Answer, stored: &Stored, outcome: Outcome) -> bool {
    let number = stored.number;
    match outcome {
        Outcome::Approved => answer.verdict == Verdict::Approve { number },
        Outcome::Denied => {
            !matches!(answer.verdict, Verdict::Report)
                && answer.verdict != (Verdict::Approve { number })
        }
        Outcome::Reported => answer.verdict == Verdict::Report,
    }
}

#[cfg(feature = "device-keys")]
fn verify(
    key: &[u8; KEY],
    signature: &[u8; super::answer::SIGNATURE],
    subject: &Subject,
    seen: &PromptView,
    answer: &Answer,
) -> Result<(), VerifyError> {
    use ed25519_dalek::{Signature, VerifyingKey};
    let key = VerifyingKey::from_bytes(key).map_err(|_| ProviderError::Secret)?;
    let message = super::signed::message(subject, &answer.device, answer.verdict, seen);
    let signature = Signature::from_bytes(signature);
    // Not `verify`: keys of low order, for which one signature fits many messages, are refused.
    key.verify_strict(&message, &signature)
        .map_err(|_| Reason::DecisionForged.into())
}

/// What this build cannot check is an outage, and never an approval.
#[cfg(not(feature = "device-keys"))]
fn verify(
    _: &[u8; KEY],
    _: &[u8; super::answer::SIGNATURE],
    _: &Subject,
    _: &PromptView,
    _: &Answer,
) -> Result<(), VerifyError> {
    Err(NO_KEYS.into())
}

#[cfg(not(feature = "device-keys"))]
const NO_KEYS: ProviderError =
    ProviderError::Misuse("keys of devices need the feature `device-keys`");

/// A device's public key as it was brought: 64 hexadecimal digits. One of low order is refused, because it signs
/// nothing.
#[cfg(feature = "device-keys")]
pub(super) fn brought(text: &str) -> Result<[u8; KEY], ProviderError> {
    let malformed =
        || ProviderError::Tokens(token_store::ott_core::Rejected::new(Reason::Malformed).into());
    let mut key = [0; KEY];
    if text.len() != KEY.saturating_mul(2) || !text.is_ascii() {
        return Err(malformed());
    }
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = core::str::from_utf8(digits).map_err(|_| malformed())?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(malformed());
        }
        *byte = u8::from_str_radix(digits, 16).map_err(|_| malformed())?;
    }
    match ed25519_dalek::VerifyingKey::from_bytes(&key) {
        Ok(point) if !point.is_weak() => Ok(key),
        _ => Err(malformed()),
    }
}

#[cfg(not(feature = "device-keys"))]
pub(super) fn brought(_: &str) -> Result<[u8; KEY], ProviderError> {
    Err(NO_KEYS)
}
