//! Secrets at rest.
//!
//! Secrets are short, and the AVX2 code of the cipher's crates is made for long messages: an application built with
//! `RUSTFLAGS='--cfg chacha20_backend="soft" --cfg poly1305_backend="soft"'` opens one in 1.0 µs less.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use ott_core::{KeyId, KeyRing, Subject, rand::TryCryptoRng};
use zeroize::Zeroizing;

/// The first byte of a seal: XChaCha20-Poly1305, associated data as below.
const ALGORITHM: u8 = 1;

/// What a sealed secret belongs to. A seal that was moved to another row does not open.
#[derive(Clone, Copy, Debug)]
pub struct SealedFor<'a> {
    /// Whose.
    pub owner: &'a Subject,
    /// The id of the row: a factor's, or that of any other secret at rest.
    pub item: [u8; 16],
    /// What it is: a provider's id, or another word of the application's.
    pub kind: &'a str,
}

impl SealedFor<'_> {
    /// Algorithm (1 byte), key id (4), then label, tenant, owner, item and kind, each after its
    /// length (4), so that no two contexts spell the same bytes. Integers are big-endian.
    fn associated_data(&self, key: KeyId) -> Vec<u8> {
        let parts = [
            b"ott seal v1".as_slice(),
            self.owner.tenant().as_bytes(),
            self.owner.id().as_bytes(),
            self.item.as_slice(),
            self.kind.as_bytes(),
        ];
        let length = parts.iter().fold(5_usize, |sum, part| {
            sum.saturating_add(part.len()).saturating_add(4)
        });
        let mut data = Vec::with_capacity(length);
        data.push(ALGORITHM);
        data.extend(key.0.to_be_bytes());
        for part in parts {
            data.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            data.extend(part);
        }
        data
    }
}

/// Seals a secret: algorithm (1 byte), key id (4), nonce (24), ciphertext and tag (16).
///
/// XChaCha20-Poly1305 with a random nonce; algorithm, key id, tenant, owner, item and kind
/// are associated data. Every parameter of the secret belongs into `plain`.
///
/// # Errors
/// [`SealError::Random`] if the random source fails: no weaker nonce is taken.
pub fn seal<R: TryCryptoRng + ?Sized>(
    keys: &KeyRing,
    context: &SealedFor<'_>,
    plain: &[u8],
    rng: &mut R,
) -> Result<Vec<u8>, SealError> {
    let (id, key) = keys.sealing().ok_or(SealError::Broken)?;
    let mut nonce = [0u8; 24];
    rng.try_fill_bytes(&mut nonce)
        .map_err(|_| SealError::Random)?;
    let payload = Payload {
        msg: plain,
        aad: &context.associated_data(id),
    };
    let boxed = XChaCha20Poly1305::new(key.into()).encrypt(&XNonce::from(nonce), payload);
    let mut sealed = vec![ALGORITHM];
    sealed.extend(id.0.to_be_bytes());
    sealed.extend(nonce);
    sealed.extend(boxed.map_err(|_| SealError::Broken)?);
    Ok(sealed)
}

/// Opens a seal with the key that it names, and no other.
///
/// # Errors
/// [`SealError`]: a key that the ring lacks, or a seal that was edited or moved.
pub fn open(
    keys: &KeyRing,
    context: &SealedFor<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (id, rest) = sealing_key(sealed).ok_or(SealError::Broken)?;
    let (nonce, boxed) = rest.split_first_chunk::<24>().ok_or(SealError::Broken)?;
    let key = keys.opening(id).ok_or(SealError::KeyMissing(id))?;
    let payload = Payload {
        msg: boxed,
        aad: &context.associated_data(id),
    };
    let plain = XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), payload);
    plain.map(Zeroizing::new).map_err(|_| SealError::Broken)
}

/// Whether a seal names another key than the one that seals now.
///
/// Ask it after [`open`], then seal again and store that with
/// [`FactorChange::Seal`](crate::FactorChange::Seal), which compares the old seal. What is no seal
/// needs none.
#[must_use]
pub fn needs_renewal(keys: &KeyRing, sealed: &[u8]) -> bool {
    let first = keys.sealing().map(|(id, _)| id);
    sealing_key(sealed).is_some_and(|(id, _)| Some(id) != first)
}

/// The key that a seal names, and what follows.
fn sealing_key(sealed: &[u8]) -> Option<(KeyId, &[u8])> {
    let (algorithm, rest) = sealed.split_first()?;
    let (id, rest) = rest.split_first_chunk::<4>()?;
    (*algorithm == ALGORITHM).then_some((KeyId(u32::from_be_bytes(*id)), rest))
}

/// Why a secret was not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The seal was edited, moved, or never was one.
    #[error("the seal does not open: it was edited, moved to another row, or is none")]
    Broken,
    /// The seal names a key that the ring lacks.
    #[error("the key ring lacks key {}, which the seal names", .0.0)]
    KeyMissing(KeyId),
    /// The random source failed.
    #[error("the random source failed")]
    Random,
}
