//! What the providers of OATH codes share.

use oath_otp::{Algorithm, Digits, Rejected};
use token_store::ott_core::Reason;

use crate::provider_error::{ProviderError, VerifyError};

/// The byte that names a hash in a sealed secret. Others exist only behind a feature of `oath-otp`
/// that this crate does not turn on.
pub(crate) const fn algorithm_code(algorithm: Algorithm) -> Option<u8> {
    match algorithm {
        Algorithm::Sha1 => Some(1),
        Algorithm::Sha256 => Some(2),
        Algorithm::Sha512 => Some(3),
        _ => None,
    }
}

pub(crate) const fn algorithm_of(code: u8) -> Option<Algorithm> {
    match code {
        1 => Some(Algorithm::Sha1),
        2 => Some(Algorithm::Sha256),
        3 => Some(Algorithm::Sha512),
        _ => None,
    }
}

/// Why a code was refused, in the words of the logs.
pub(crate) fn refused(why: Rejected) -> VerifyError {
    if let Some(step) = why.ahead() {
        return VerifyError::Ahead(step);
    }
    match why.reason() {
        oath_otp::Reason::Malformed => Reason::Malformed.into(),
        oath_otp::Reason::Replayed => Reason::Spent.into(),
        _ => Reason::Mismatch.into(),
    }
}

/// Whether it has the form of a code of the factor's digits, which stand third in what is sealed.
pub(crate) fn form(sealed: &[u8], typed: &str) -> Result<(), VerifyError> {
    let digits = sealed.get(2).copied().map(Digits::try_from);
    let Some(Ok(digits)) = digits else {
        return Err(ProviderError::Secret.into());
    };
    digits.check_form(typed).map_err(refused)
}
