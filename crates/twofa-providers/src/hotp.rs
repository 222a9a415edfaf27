//! The provider for tokens with a counter.

use async_trait::async_trait;
use oath_otp::{Digits, Hotp, Secret};
use token_store::ott_core::chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use crate::{
    claim::Claim,
    context::Context,
    descriptor::{Descriptor, Kind, Odds},
    enrolment::Enrolment,
    existing::Existing,
    oath::{algorithm_code, algorithm_of, form, refused},
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
};

/// Codes from a token with a counter (HOTP, RFC 4226), whose secrets come from its maker:
/// [`TwoFactor::import`](crate::TwoFactor::import) takes them over. A token that ran further ahead than the
/// look-ahead comes back by two codes in a row: [`Response::codes`].
#[derive(Debug)]
pub struct HotpProvider {
    descriptor: Descriptor,
    hotp: Hotp,
    not_before: Option<DateTime<Utc>>,
}

impl HotpProvider {
    /// With this look-ahead, and no fewer digits than these: a token that was taken over with fewer is an
    /// outage, and proves nothing any more. Hash and digits are each token's own.
    #[must_use]
    pub fn new(hotp: Hotp) -> Self {
        // A guess at a pair is right less often than one at a single code.
        let odds = Odds {
            code_space: u128::from(hotp.code_space()),
            valid: u64::from(hotp.valid_codes()),
        };
        let words = ("Code token", "A code from a token with a button");
        let descriptor = Descriptor::new(Kind::UserToken, "hotp", words.0, words.1, odds);
        Self {
            descriptor: descriptor.comparing_by_itself(),
            hotp,
            not_before: None,
        }
    }

    /// Refuses every token that was neither taken over nor proved anything since: set it to the moment at which a
    /// backup was restored. Its codes have no end, so that one which was spent between backup and restore would pass
    /// again. Whoever has such a token enrols another one.
    #[must_use]
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        Self {
            not_before: Some(time),
            ..self
        }
    }

    /// The token's secret, and how it is verified.
    fn open(&self, context: &Context<'_>) -> Result<(Hotp, Secret), ProviderError> {
        let sealed = context.factor()?.secret();
        let ([VERSION, algorithm, digits], key) =
            sealed.split_first_chunk().ok_or(ProviderError::Secret)?
        else {
            return Err(ProviderError::Secret);
        };
        let hotp = Hotp {
            algorithm: algorithm_of(*algorithm).ok_or(ProviderError::Secret)?,
            digits: Digits::try_from(*digits).map_err(|_| ProviderError::Secret)?,
            ..self.hotp
        };
        // Fewer digits than the guess budget was computed with.
        if hotp.digits < self.hotp.digits {
            return Err(ProviderError::Secret);
        }
        let secret = Secret::import_short(key).map_err(|_| ProviderError::Secret)?;
        Ok((hotp, secret))
    }
}

/// The first byte of a sealed secret; then algorithm and digits (1 byte each) and the key.
const VERSION: u8 = 1;

#[async_trait]
impl Provider for HotpProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        context.factor()?.check_not_before(self.not_before)?;
        let sealed = context.factor()?.secret();
        match response.pair() {
            Some((first, second)) => form(sealed, first).and_then(|()| form(sealed, second)),
            None => form(sealed, response.one()?),
        }
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let (hotp, secret) = self.open(context)?;
        let last = context.factor()?.last();
        let found = match response.pair() {
            Some((first, second)) => hotp.resync(&secret, first, second, last),
            None => hotp.verify(&secret, response.one()?, last),
        };
        Ok(Claim::advance(found.map_err(refused)?.get()))
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        let unfit = ProviderError::Misuse("not a token that this provider verifies");
        let Existing::Hotp(hotp, secret) = existing else {
            return Err(unfit);
        };
        let algorithm = algorithm_code(hotp.algorithm);
        let Some(algorithm) = algorithm.filter(|_| hotp.digits >= self.hotp.digits) else {
            return Err(unfit);
        };
        let head = [VERSION, algorithm, hotp.digits.get()];
        let sealed = [&head, secret.expose_secret()].concat();
        Ok(Enrolment::secret(Zeroizing::new(sealed)))
    }
}
