//! Signed tokens by which a server says who it is.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::PushConfigError;
use crate::DeliveryError;

/// A key that signs: the compact form of RFC 7515 under an algorithm of RFC 7518.
pub(super) enum Signer {
    /// ECDSA on P-256.
    Es256(Box<EcdsaKeyPair>),
    /// RSASSA-PKCS1-v1_5.
    Rs256(Box<rsa::KeyPair>),
}

impl Signer {
    /// A PKCS #8 key in PEM for ECDSA on P-256, with its public half, as Apple and OpenSSL write it.
    pub(super) fn es256(pem: &[u8]) -> Result<Self, PushConfigError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| NO_PEM)?;
        let key = Zeroizing::new(key.secret_pkcs8_der().to_vec());
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key, &random);
        let key = key.map_err(|_| PushConfigError::Key("a key on P-256 with its public half"))?;
        Ok(Self::Es256(Box::new(key)))
    }

    /// A new one of these in PEM: lines of 64 letters (RFC 7468 section 3).
    pub(super) fn new_es256_pem() -> Result<Zeroizing<String>, PushConfigError> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let made = made.map_err(|_| PushConfigError::Key("random bytes"))?;
        let letters = Zeroizing::new(BASE64_STANDARD.encode(made.as_ref()));
        // With room for all: a text that grows leaves what it held behind.
        let mut pem = Zeroizing::new(String::with_capacity(512));
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        for (at, letter) in letters.chars().enumerate() {
            if at > 0 && at.is_multiple_of(64) {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push_str("\n-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// The same, by the two halves: 32 bytes, and an uncompressed point.
    pub(super) fn es256_of(private: &[u8], public: &[u8]) -> Result<Self, PushConfigError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key =
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public, &random);
        let key = key.map_err(|_| PushConfigError::Key("two halves of one key on P-256"))?;
        Ok(Self::Es256(Box::new(key)))
    }

    /// A PKCS #8 key in PEM for RSA, of 2,048 bits at least.
    pub(super) fn rs256(pem: &[u8]) -> Result<Self, PushConfigError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| NO_PEM)?;
        let key = Zeroizing::new(key.secret_pkcs8_der().to_vec());
        let key = rsa::KeyPair::from_pkcs8(&key);
        let key = key.map_err(|_| PushConfigError::Key("an RSA key of 2048 bits at least"))?;
        Ok(Self::Rs256(Box::new(key)))
    }

    /// The public half, as it stands in the key.
    pub(super) fn public(&self) -> &[u8] {
        match self {
            Self::Es256(key) => key.public_key().as_ref(),
            Self::Rs256(key) => key.public().as_ref(),
        }
    }

    /// The token of these claims.
    pub(super) fn sign(
        &self,
        key_id: Option<&str>,
        claims: &Value,
    ) -> Result<Zeroizing<String>, DeliveryError> {
        let algorithm = match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        };
        let header = match key_id {
            Some(id) => json!({"alg": algorithm, "typ": "JWT", "kid": id}),
            None => json!({"alg": algorithm, "typ": "JWT"}),
        };
        let parts = [&header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = parts.join(".");
        let random = SystemRandom::new();
        let failed = |_| DeliveryError::Unavailable("no random bytes to sign with".into());
        let signature = match self {
            Self::Es256(key) => {
                let signature = key.sign(&random, signed.as_bytes()).map_err(failed)?;
                signature.as_ref().to_vec()
            }
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    signed.as_bytes(),
                    &mut signature,
                )
                .map_err(failed)?;
                signature
            }
        };
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Ok(Zeroizing::new([signed, signature].join(".")))
    }
}

const NO_PEM: PushConfigError = PushConfigError::Key("a file that begins with BEGIN PRIVATE KEY");
