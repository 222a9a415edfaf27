//! The provider for authenticator apps.

use std::borrow::Cow;

use async_trait::async_trait;
use oath_otp::{Digits, Label, Period, Secret, Totp, Window};
use token_store::ott_core::GuessBound;
use zeroize::Zeroizing;

use crate::{
    claim::Claim,
    context::Context,
    descriptor::{Descriptor, Kind, Odds},
    enrolment::{EnrolDetails, Enrolment, Provisioning},
    existing::Existing,
    oath::{algorithm_code, algorithm_of, form, refused},
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
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
        let descriptor = Descriptor::new(
            Kind::UserToken,
            "totp",
            "Authenticator app",
            "A code from an app on your phone or computer",
            odds(totp),
        );
        Ok(Self {
            descriptor: descriptor.comparing_by_itself(),
            issuer: issuer.into(),
            totp,
        })
    }

    /// Under another id and in other words: for a second set of parameters beside the first. Never change
    /// the id, factors name it.
    #[must_use]
    pub fn named(
        mut self,
        id: impl Into<Cow<'static, str>>,
        label: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.descriptor.id = id.into();
        self.descriptor.label = label.into();
        self
    }

    /// The factor's secret, and how it is verified now.
    fn open(&self, context: &Context<'_>) -> Result<(Totp, Secret), ProviderError> {
        let (enrolled, secret) = decode(context.factor()?.secret()).ok_or(ProviderError::Secret)?;
        let totp = of_enrolled(self.totp, enrolled).ok_or(ProviderError::Secret)?;
        Ok((totp, secret))
    }
}

/// How a factor that was enrolled with these parameters is verified by a provider with those. `None` if its
/// odds are worse than any that the guess budget was computed with.
fn of_enrolled(now: Totp, enrolled: Totp) -> Option<Totp> {
    let window = now.window;
    if enrolled.digits >= now.digits {
        return Some(Totp { window, ..enrolled });
    }
    let default = Window::default();
    let window = Window {
        past: window.past.min(default.past),
        future: window.future.min(default.future),
    };
    (enrolled.digits >= Digits::Six).then_some(Totp { window, ..enrolled })
}

/// The worst odds of any factor that it verifies.
fn odds(totp: Totp) -> Odds {
    let earlier = of_enrolled(totp, Totp::default());
    let odds = [Some(totp), earlier].into_iter().flatten();
    let odds = odds.map(|totp| Odds {
        code_space: u128::from(totp.code_space()),
        valid: u64::from(totp.valid_codes()),
    });
    let worst = odds.max_by_key(|odds| GuessBound::new(1_000_000, odds.valid, odds.code_space));
    worst.unwrap_or(Odds {
        code_space: 1,
        valid: 1,
    })
}

#[async_trait]
impl Provider for TotpProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        form(context.factor()?.secret(), response.one()?)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let (totp, secret) = self.open(context)?;
        let last = context.factor()?.last();
        let seconds = u64::try_from(context.now().timestamp()).unwrap_or(0);
        let step = totp.verify(&secret, response.one()?, seconds, last);
        Ok(Claim::advance(step.map_err(refused)?.get()))
    }

    async fn enrol(
        &self,
        _: &Context<'_>,
        details: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        let secret = Secret::try_generate();
        let secret = secret.map_err(|error| ProviderError::Unavailable(error.into()))?;
        let issuer = details.issuer.unwrap_or(&self.issuer);
        let label = Label::new(issuer, details.account)
            .map_err(|_| ProviderError::Misuse("names that no otpauth label can hold"))?;
        let uri = self.totp.to_uri(&secret, &label);
        let uri =
            uri.map_err(|_| ProviderError::Misuse("parameters that no otpauth URI can say"))?;
        let provisioning = Provisioning {
            uri,
            base32: secret.to_base32(),
        };
        Ok(Enrolment::secret(encode(&self.totp, &secret)).showing(provisioning))
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        let Existing::Totp(totp, secret) = existing else {
            return Err(ProviderError::Misuse(
                "not the secret of an authenticator app",
            ));
        };
        algorithm_code(totp.algorithm)
            .and_then(|_| of_enrolled(self.totp, **totp))
            .ok_or(ProviderError::Misuse(
                "parameters that would prove nothing here",
            ))?;
        Ok(Enrolment::secret(encode(totp, secret)))
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
    if *version != VERSION {
        return None;
    }
    let algorithm = algorithm_of(*algorithm)?;
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
