//! Steam's codes.

use crate::{Code, Secret, mac};

/// The codes of Steam's mobile application: five letters and digits, SHA-1, 30 seconds.
///
/// Steam publishes no specification; the codes are those of RFC 6238 before their digits are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steam;

impl Steam {
    /// How long a code is good: 30 seconds.
    pub const PERIOD: u64 = 30;

    /// The code at `unix_time` (Unix seconds of the caller's clock).
    #[must_use]
    pub fn generate(&self, secret: &Secret, unix_time: u64) -> Code {
        mac::steam_code(secret, unix_time / Steam::PERIOD)
    }
}
