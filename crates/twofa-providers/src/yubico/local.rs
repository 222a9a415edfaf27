//! The provider for Yubikeys whose keys the application has.

use async_trait::async_trait;
use oath_otp::yubico::{Key, PublicId};
use token_store::ott_core::chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use super::factor::{descriptor, typed};
use crate::{
    claim::Claim,
    context::Context,
    descriptor::Descriptor,
    enrolment::Enrolment,
    existing::Existing,
    oath::refused,
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
};

/// OTPs of Yubikeys whose private ids and AES keys the application has: from whoever programmed them.
/// [`TwoFactor::import`](crate::TwoFactor::import) takes them over, as [`Existing::Yubico`].
///
/// An OTP is accepted if it is one of the factor's own key and its counters are above the last accepted ones: session
/// and use are one counter, which goes forward in one step of the store. A key whose counters start again from 0 is
/// refused.
#[derive(Debug)]
pub struct YubicoProvider {
    descriptor: Descriptor,
    not_before: Option<DateTime<Utc>>,
}

/// The first byte of a sealed key; then private id (6 bytes), AES key (16), and the public id to the end.
const VERSION: u8 = 1;

impl YubicoProvider {
    /// Under the id `yubico`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            descriptor: descriptor("yubico"),
            not_before: None,
        }
    }

    /// Refuses every key that was neither taken over nor proved anything since: set it to the moment at which a backup
    /// was restored. OTPs have no end, so that one which was spent between backup and restore would pass
    /// again. Whoever has such a key enrols another one.
    #[must_use]
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        Self {
            not_before: Some(time),
            ..self
        }
    }
}

impl Default for YubicoProvider {
    fn default() -> Self {
        Self::new()
    }
}

fn open(context: &Context<'_>) -> Result<(PublicId, Key), ProviderError> {
    let sealed = context.factor()?.secret();
    decode(sealed).ok_or(ProviderError::Secret)
}

fn decode(sealed: &[u8]) -> Option<(PublicId, Key)> {
    let ([VERSION], rest) = sealed.split_first_chunk()? else {
        return None;
    };
    let (private_id, rest) = rest.split_first_chunk()?;
    let (aes, public_id) = rest.split_first_chunk()?;
    let public_id = PublicId::from_bytes(public_id).ok()?;
    Some((public_id, Key::from_bytes(private_id, aes)))
}

#[async_trait]
impl Provider for YubicoProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        context.factor()?.check_not_before(self.not_before)?;
        let (own, _) = open(context)?;
        typed(response, &own).map(drop)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let (own, key) = open(context)?;
        let otp = typed(response, &own)?;
        let press = key
            .verify(&otp, context.factor()?.last())
            .map_err(refused)?;
        Ok(Claim::advance(press.counter()))
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        let Existing::Yubico(public_id, key) = existing else {
            return Err(ProviderError::Misuse("not a Yubikey with its secrets"));
        };
        Ok(Enrolment::secret(encode(public_id, key)))
    }
}

fn encode(public_id: &PublicId, key: &Key) -> Zeroizing<Vec<u8>> {
    let parts: [&[u8]; 4] = [
        &[VERSION],
        key.expose_private_id(),
        key.expose_aes_key(),
        public_id.as_bytes(),
    ];
    Zeroizing::new(parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../docs/formats.md");

    /// What is sealed of a key is what the page says, and is read back.
    #[test]
    fn sealed_key_is_as_the_page_says() {
        let id = PublicId::from_bytes(&[0xff, 0, 0, 0, 0, 0xbb]).expect("short");
        let aes = core::array::from_fn(|place| u8::try_from(place).expect("16"));
        let sealed = encode(&id, &Key::from_bytes(&[1, 2, 3, 4, 5, 6], &aes));
        let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(PAGE.contains(&format!("| bytes | `{hex}` |")), "{hex}");
        let (read, key) = decode(&sealed).expect("a key");
        assert_eq!((read, key.expose_aes_key()), (id, &aes));
        assert_eq!(key.expose_private_id(), &[1, 2, 3, 4, 5, 6]);
        for length in 0..23 {
            assert!(decode(sealed.get(..length).expect("shorter")).is_none());
        }
        assert!(decode(&[[2].as_slice(), sealed.get(1..).expect("longer")].concat()).is_none());
        assert!(decode(&[sealed.as_slice(), [0; 11].as_slice()].concat()).is_none());
    }
}
