//! The provider for authenticator apps.

use async_trait::async_trait;
use oath_otp::{Algorithm, Digits, Label, Period, Secret, Totp, Window};
use token_store::ott_core::{Channel, Destination, GuessBound, Reason, Subject};
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
    /// A factor that was enrolled earlier with fewer digits has the default window at most, so that
    /// the guess budget holds for it too; one of fewer than six digits proves nothing any more.
    ///
    /// # Errors
    /// [`ProviderError::Misuse`] if the issuer cannot stand in an otpauth label, or for a hash other
    /// than SHA-1, SHA-256 and SHA-512.
    pub fn with(issuer: &str, totp: Totp) -> Result<Self, ProviderError> {
        algorithm_code(totp.algorithm)
            .ok_or(ProviderError::Misuse("a hash that no sealed factor names"))?;
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

impl TotpProvider {
    /// How a factor that was enrolled with these parameters is verified now. `None` if its odds are
    /// worse than any that the guess budget was computed with.
    fn of_enrolled(&self, enrolled: Totp) -> Option<Totp> {
        let window = self.totp.window;
        if enrolled.digits >= self.totp.digits {
            return Some(Totp { window, ..enrolled });
        }
        let default = Window::default();
        let window = Window {
            past: window.past.min(default.past),
            future: window.future.min(default.future),
        };
        (enrolled.digits >= Digits::Six).then_some(Totp { window, ..enrolled })
    }
}

#[async_trait]
impl Provider for TotpProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn enrols(&self) -> bool {
        true
    }

    fn channel(&self) -> Option<Channel> {
        None
    }

    fn destination(&self, _: &OpenFactor) -> Option<Destination> {
        None
    }

    fn odds(&self) -> Odds {
        let earlier = self.of_enrolled(Totp::default());
        let odds = [Some(self.totp), earlier]
            .into_iter()
            .flatten()
            .map(|totp| Odds {
                code_space: u128::from(totp.code_space()),
                valid: u64::from(totp.valid_codes()),
            });
        let worst = odds.max_by_key(|odds| GuessBound::new(1, odds.valid, odds.code_space));
        worst.unwrap_or(Odds {
            code_space: 1,
            valid: 1,
        })
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
        let factor = context.enrolled()?;
        let (totp, secret) = decode(factor.secret()).ok_or(ProviderError::Secret)?;
        let totp = self.of_enrolled(totp).ok_or(ProviderError::Secret)?;
        let seconds = u64::try_from(context.now.timestamp()).unwrap_or(0);
        let step = totp.verify(&secret, response.text(), seconds, factor.last());
        let step = step.map_err(|rejected| match rejected.reason() {
            oath_otp::Reason::Malformed => Reason::Malformed,
            oath_otp::Reason::Replayed => Reason::Spent,
            _ => Reason::Mismatch,
        })?;
        Ok(Claim::Advance {
            factor: factor.id(),
            counter: step.get(),
        })
    }
}

/// The byte that names a hash in a sealed secret. Others exist only behind a feature of `oath-otp`
/// that this crate does not turn on.
const fn algorithm_code(algorithm: Algorithm) -> Option<u8> {
    match algorithm {
        Algorithm::Sha1 => Some(1),
        Algorithm::Sha256 => Some(2),
        Algorithm::Sha512 => Some(3),
        _ => None,
    }
}

/// Version, algorithm, digits (1 byte each), period (4), start (8), key.
fn encode(totp: &Totp, secret: &Secret) -> Zeroizing<Vec<u8>> {
    let algorithm = algorithm_code(totp.algorithm).unwrap_or(0);
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
