//! The validation protocol 2.0, as both sides need it: statuses and signatures.

use core::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use zeroize::Zeroizing;

/// What a validation server answers.
///
/// Specification: Yubico's validation protocol 2.0, "Status codes".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The server could not look it up.
    BackendError,
    /// No OTP of a key that it knows.
    BadOtp,
    /// The signature of the request is wrong.
    BadSignature,
    /// A parameter is missing or malformed.
    MissingParameter,
    /// There is no client with this id.
    NoSuchClient,
    /// Too few of its servers answered in time.
    NotEnoughAnswers,
    /// The OTP is right, and was spent by this very answer.
    Ok,
    /// The client may not ask.
    OperationNotAllowed,
    /// The OTP was spent, or a later one was.
    ReplayedOtp,
    /// The OTP was spent by a request with the same nonce.
    ReplayedRequest,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::BackendError,
        Self::BadOtp,
        Self::BadSignature,
        Self::MissingParameter,
        Self::NoSuchClient,
        Self::NotEnoughAnswers,
        Self::Ok,
        Self::OperationNotAllowed,
        Self::ReplayedOtp,
        Self::ReplayedRequest,
    ];

    /// As it stands in an answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackendError => "BACKEND_ERROR",
            Self::BadOtp => "BAD_OTP",
            Self::BadSignature => "BAD_SIGNATURE",
            Self::MissingParameter => "MISSING_PARAMETER",
            Self::NoSuchClient => "NO_SUCH_CLIENT",
            Self::NotEnoughAnswers => "NOT_ENOUGH_ANSWERS",
            Self::Ok => "OK",
            Self::OperationNotAllowed => "OPERATION_NOT_ALLOWED",
            Self::ReplayedOtp => "REPLAYED_OTP",
            Self::ReplayedRequest => "REPLAYED_REQUEST",
        }
    }

    /// Reads what [`as_str`](Status::as_str) writes, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// The block of SHA-1: HMAC hashes longer keys first, and nobody has one.
const LONGEST: usize = 64;

/// What a client of a validation server shares with it. Wiped on drop.
pub struct ApiKey(Zeroizing<Vec<u8>>);

impl ApiKey {
    /// Copies a key of 1 to 64 bytes. Yubico's have 20.
    ///
    /// # Errors
    /// [`InvalidApiKey`] for other lengths.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidApiKey> {
        match bytes.len() {
            1..=LONGEST => Ok(Self(Zeroizing::new(bytes.into()))),
            _ => Err(InvalidApiKey(())),
        }
    }

    /// Reads base64, as Yubico gives keys out.
    ///
    /// # Errors
    /// [`InvalidApiKey`] for other text and other lengths.
    ///
    /// Specification: RFC 4648 section 4.
    pub fn from_base64(text: &str) -> Result<Self, InvalidApiKey> {
        let bytes = BASE64_STANDARD.decode(text.trim_ascii());
        Self::from_bytes(&Zeroizing::new(bytes.map_err(|_| InvalidApiKey(()))?))
    }

    /// The bytes, for sealing and storing.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// The signature over these parameters, whatever their order: HMAC-SHA-1 over `name=value`, sorted by name
    /// and joined by `&`, in base64. Leave out `h` itself.
    ///
    /// Specification: Yubico's validation protocol 2.0, "Generating signatures".
    #[must_use]
    pub fn sign(&self, parameters: &[(&str, &str)]) -> String {
        BASE64_STANDARD.encode(self.mac(parameters).finalize().into_bytes())
    }

    /// Whether `h` is the signature over these parameters, compared in constant time.
    ///
    /// # Errors
    /// [`BadSignature`] if it is not.
    pub fn verify(&self, parameters: &[(&str, &str)], h: &str) -> Result<(), BadSignature> {
        let h = BASE64_STANDARD.decode(h).map_err(|_| BadSignature(()))?;
        let mac = self.mac(parameters);
        mac.verify_slice(&h).map_err(|_| BadSignature(()))
    }

    fn mac(&self, parameters: &[(&str, &str)]) -> Hmac<Sha1> {
        let mut sorted = parameters.to_vec();
        sorted.sort_unstable();
        let mut padded = Zeroizing::new([0; LONGEST]);
        for (to, from) in padded.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha1>::new((&*padded).into());
        for (place, (name, value)) in sorted.into_iter().enumerate() {
            let joint: &[u8] = if place == 0 { b"" } else { b"&" };
            for part in [joint, name.as_bytes(), b"=", value.as_bytes()] {
                mac.update(part);
            }
        }
        mac
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// The signature is not the one of this key and these parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is wrong")]
pub struct BadSignature(());

/// No key of 1 to 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API key is not 1 to 64 bytes in base64")]
pub struct InvalidApiKey(());
