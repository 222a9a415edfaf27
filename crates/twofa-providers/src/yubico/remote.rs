//! The provider for Yubikeys that a validation server checks.

use std::sync::Arc;

use async_trait::async_trait;
use oath_otp::yubico::{Otp, PublicId};
use token_store::{
    TokensError,
    ott_core::{Reason, Rejected},
};
use zeroize::Zeroizing;

use super::{
    client::ValidationClient,
    factor::{descriptor, typed},
};
use crate::{
    claim::Claim,
    context::Context,
    descriptor::Descriptor,
    enrolment::{EnrolDetails, Enrolment},
    existing::Existing,
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
};

/// OTPs of Yubikeys that a validation server checks and spends.
///
/// The factor keeps the public id alone. It is enrolled with an OTP of the key in
/// [`EnrolDetails::brought`], of which the public id is taken and nothing believed; a second OTP
/// confirms it. The server is asked after the limits, once for each try, and only about an OTP with the factor's own
/// public id.
///
/// A server that does not answer, or whose answer cannot be trusted, is an outage.
#[derive(Debug)]
pub struct YubicoRemoteProvider {
    descriptor: Descriptor,
    client: Arc<ValidationClient>,
}

/// The first byte of what is sealed; then the public id.
const VERSION: u8 = 1;

impl YubicoRemoteProvider {
    /// Under the id `yubico-remote`.
    #[must_use]
    pub fn new(client: ValidationClient) -> Self {
        Self {
            descriptor: descriptor("yubico-remote"),
            client: Arc::new(client),
        }
    }
}

fn own(context: &Context<'_>) -> Result<PublicId, ProviderError> {
    decode(context.factor()?.secret()).ok_or(ProviderError::Secret)
}

fn decode(sealed: &[u8]) -> Option<PublicId> {
    let [VERSION, public_id @ ..] = sealed else {
        return None;
    };
    PublicId::from_bytes(public_id).ok()
}

fn keeping(public_id: &PublicId) -> Enrolment {
    let sealed = [&[VERSION], public_id.as_bytes()].concat();
    Enrolment::secret(Zeroizing::new(sealed))
}

/// The public id of an OTP that the person typed.
fn public_id_of(brought: &str) -> Result<PublicId, Reason> {
    let otp = Otp::parse(brought).map_err(|_| Reason::Malformed)?;
    match otp.public_id().as_bytes() {
        [] => Err(Reason::Malformed),
        _ => Ok(*otp.public_id()),
    }
}

#[async_trait]
impl Provider for YubicoRemoteProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        typed(response, &own(context)?).map(drop)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let otp = typed(response, &own(context)?)?;
        let client = Arc::clone(&self.client);
        Ok(Claim::elsewhere(async move {
            client.verify(&otp).await.map_err(VerifyError::from)
        }))
    }

    async fn enrol(
        &self,
        _: &Context<'_>,
        details: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        let brought = details.brought;
        let brought = brought.ok_or(ProviderError::Misuse("enrolling takes an OTP of the key"))?;
        match public_id_of(brought) {
            Ok(public_id) => Ok(keeping(&public_id)),
            Err(why) => Err(TokensError::Rejected(Rejected::new(why)).into()),
        }
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        match existing {
            Existing::YubicoId(id) if !id.as_bytes().is_empty() => Ok(keeping(id)),
            _ => Err(ProviderError::Misuse("not the public id of a Yubikey")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sealed is read back; of another version, or too long, it is no public id.
    #[test]
    fn sealed_id_has_a_version() {
        let id = PublicId::from_bytes(&[1, 2, 3, 4, 5, 6]).expect("short");
        assert_eq!(decode(&[1, 1, 2, 3, 4, 5, 6]), Some(id));
        for sealed in [&[][..], &[2, 1, 2, 3, 4, 5, 6], &[1; 18]] {
            assert_eq!(decode(sealed), None);
        }
    }

    /// A key without a public id is taken over by nobody: any other such key would be as good.
    #[test]
    fn import_takes_a_public_id() {
        let client = ValidationClient::builder(1).server("http://127.0.0.1:1");
        let provider = YubicoRemoteProvider::new(client.build().expect("a client"));
        let (none, id) = (PublicId::from_bytes(&[]), PublicId::from_bytes(&[1; 6]));
        let import = |id: Result<PublicId, _>| {
            let id = id.expect("short");
            provider.import(&Existing::YubicoId(&id))
        };
        assert!(matches!(import(none), Err(ProviderError::Misuse(_))));
        assert!(import(id).is_ok());
    }
}
