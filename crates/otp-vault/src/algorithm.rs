//! The hash under HMAC.

use oath_otp::{Code, Digits};

/// The hash under HMAC. RFC 6238 knows three; MD5 is what some old tokens and their exports have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-MD5. Its codes are made from 16 bytes, which three of sixteen codes run over: there is none then.
    Md5,
    /// HMAC-SHA-1.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// Every one.
    pub const ALL: [Algorithm; 4] = [
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha512,
        Algorithm::Md5,
    ];

    /// The name, as an otpauth URI spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
        }
    }

    /// The same for `oath-otp`, which knows no MD5.
    pub(crate) const fn oath(self) -> Option<oath_otp::Algorithm> {
        match self {
            Algorithm::Md5 => None,
            Algorithm::Sha1 => Some(oath_otp::Algorithm::Sha1),
            Algorithm::Sha256 => Some(oath_otp::Algorithm::Sha256),
            Algorithm::Sha512 => Some(oath_otp::Algorithm::Sha512),
        }
    }
}

/// The code of one counter under HMAC-MD5 (RFC 2104); `None` where the four bytes of RFC 4226 section 5.3 are not all there.
pub(crate) fn md5_code(key: &[u8], counter: u64, digits: Digits) -> Option<Code> {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<md5::Md5>::new_from_slice(key).ok()?;
    mac.update(&counter.to_be_bytes());
    let mut bytes: [u8; 16] = mac.finalize().into_bytes().into();
    let code = Code::of_short_mac(&bytes, digits);
    zeroize::Zeroize::zeroize(&mut bytes);
    code
}
