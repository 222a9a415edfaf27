//! The provider for authenticator apps.

use async_trait::async_trait;
use oath_otp::{Algorithm, Digits, Label, Period, Secret, Totp};
use token_store::ott_core::{Channel, Reason, Subject};
use zeroize::Zeroizing;

use crate::{
    Claim, Context, Descriptor, EnrolDetails, Enrolment, Kind, Odds, OpenFactor, Provider,
    ProviderError, Requested, Response, Shown, VerifyError,
};

/// The first byte of a sealed TOTP secret.
const VERSION: u8 = 1;

/// Codes from an authenticator app (TOTP, RFC 6238).
///
/// Each factor keeps the algorithm, digits, period and start that it was enrolled with; the window
/// is the provider's, so that one change narrows all.
#[derive(Debug)]
pub struct TotpProvider {
    descriptor: Descriptor,
    issuer: String,
    totp: Totp,
}

impl TotpProvider {
    /// With the default parameters: SHA-1, six digits, 30 seconds, one step back.
    ///
    /// `issuer` is the application's name as an authenticator app shows it.
    ///
    /// # Errors
    /// [`ProviderError::Misuse`] if the issuer cannot stand in an otpauth label.
    pub fn new(issuer: &str) -> Result<Self, ProviderError> {
        Self::with(issuer, Totp::default())
    }

    /// With other parameters for what is enrolled from now on.
    ///
    /// # Errors
    /// [`ProviderError::Misuse`] if the issuer cannot stand in an otpauth label.
    pub fn with(issuer: &str, totp: Totp) -> Result<Self, ProviderError> {
        Label::new(issuer, "account")
            .map_err(|_| ProviderError::Misuse("an issuer that no otpauth label can hold"))?;
        let descriptor = Descriptor {
            kind: Kind::UserToken,
            id: "totp",
            label: "Authenticator app".into(),
            description: "A code from an app on your phone or computer".into(),
            request: false,
        };
        Ok(Self {
            descriptor,
            issuer: issuer.into(),
            totp,
        })
    }
}

#[async_trait]
impl Provider for TotpProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn channel(&self) -> Option<Channel> {
        None
    }

    fn odds(&self) -> Odds {
        Odds {
            code_space: u128::from(self.totp.code_space()),
            valid: u64::from(self.totp.valid_codes()),
        }
    }

    async fn available(&self, _: &Subject, factors: &[OpenFactor]) -> Result<bool, ProviderError> {
        Ok(!factors.is_empty())
    }

    fn enrol(&self, details: &EnrolDetails<'_>) -> Result<Option<Enrolment>, ProviderError> {
        let secret =
            Secret::try_generate().map_err(|error| ProviderError::Unavailable(error.into()))?;
        let label = Label::new(&self.issuer, details.account)
            .map_err(|_| ProviderError::Misuse("an account name that no otpauth label can hold"))?;
        let uri = self.totp.to_uri(&secret, &label);
        let uri =
            uri.map_err(|_| ProviderError::Misuse("parameters that no otpauth URI can say"))?;
        let shown = Shown {
            uri,
            base32: secret.to_base32(),
        };
        Ok(Some(Enrolment {
            secret: encode(&self.totp, &secret),
            shown: Some(shown),
        }))
    }

    async fn request(&self, _: &Context<'_>) -> Result<Requested, ProviderError> {
        Err(ProviderError::Misuse(
            "an authenticator app makes its codes without being asked",
        ))
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let (totp, secret) = decode(context.factor.secret()).ok_or(ProviderError::Secret)?;
        let totp = Totp {
            window: self.totp.window,
            ..totp
        };
        let seconds = u64::try_from(context.now.timestamp()).unwrap_or(0);
        let step = totp.verify(&secret, response.text(), seconds, context.factor.last());
        let step = step.map_err(|rejected| match rejected.reason() {
            oath_otp::Reason::Malformed => Reason::Malformed,
            oath_otp::Reason::Replayed => Reason::Spent,
            _ => Reason::Mismatch,
        })?;
        Ok(Claim::Advance {
            factor: context.factor.id(),
            counter: step.get(),
        })
    }
}

/// Version, algorithm, digits (1 byte each), period (4), start (8), key.
fn encode(totp: &Totp, secret: &Secret) -> Zeroizing<Vec<u8>> {
    let algorithm = match totp.algorithm {
        Algorithm::Sha1 => 1,
        Algorithm::Sha256 => 2,
        Algorithm::Sha512 => 3,
        // Other hashes exist only behind a feature that this crate does not turn on.
        _ => 0,
    };
    let key = secret.expose_secret();
    let mut bytes = Zeroizing::new(Vec::with_capacity(key.len().saturating_add(15)));
    bytes.extend([VERSION, algorithm, totp.digits.get()]);
    bytes.extend(totp.period.seconds().to_be_bytes());
    bytes.extend(totp.start.to_be_bytes());
    bytes.extend(key);
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Totp, Secret)> {
    let ([version, algorithm, digits], rest) = bytes.split_first_chunk::<3>()?;
    let (period, rest) = rest.split_first_chunk::<4>()?;
    let (start, key) = rest.split_first_chunk::<8>()?;
    let algorithm = match (version, algorithm) {
        (&VERSION, 1) => Algorithm::Sha1,
        (&VERSION, 2) => Algorithm::Sha256,
        (&VERSION, 3) => Algorithm::Sha512,
        _ => return None,
    };
    let digits = Digits::try_from(*digits).ok()?;
    let period = Period::from_seconds(u32::from_be_bytes(*period)).ok()?;
    let totp = Totp {
        algorithm,
        digits,
        period,
        start: u64::from_be_bytes(*start),
        ..Totp::default()
    };
    // Short keys come from imports alone; what was accepted then is accepted now.
    let secret = Secret::import_short(key).ok()?;
    Some((totp, secret))
}
