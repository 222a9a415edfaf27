//! What both providers of Yubikeys do alike.

use oath_otp::yubico::{Otp, PublicId};
use token_store::ott_core::Reason;

use crate::{
    descriptor::{Descriptor, Kind, Odds},
    oath::refused,
    provider_error::VerifyError,
    response::Response,
};

/// Private id and checksum, 64 bits of a block, are what a guess has to meet.
const ODDS: Odds = Odds {
    code_space: 1 << 64,
    valid: 1,
};

pub(super) fn descriptor(id: &'static str) -> Descriptor {
    let words = ("Security key", "Touch your Yubikey");
    Descriptor::new(Kind::UserToken, id, words.0, words.1, ODDS)
}

/// The OTP, if it is one of the key with this public id. That is no secret: an OTP of another key is refused for free.
pub(super) fn typed(response: &Response<'_>, own: &PublicId) -> Result<Otp, VerifyError> {
    let otp = Otp::parse(response.one()?).map_err(refused)?;
    if otp.public_id() != own {
        return Err(Reason::Malformed.into());
    }
    Ok(otp)
}
