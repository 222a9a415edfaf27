//! Authenticated encryption, and CBC where a format has it.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use rand::TryRng;
use zeroize::Zeroizing;

use crate::ExportError;

/// What was decrypted. Wiped on drop.
pub(crate) type Plain = Zeroizing<Vec<u8>>;

/// Opens AES-256-GCM with a nonce of 12 bytes; the tag stands behind the text. `None` if the tag is wrong.
pub(crate) fn open_gcm(key: &[u8; 32], nonce: &[u8], sealed: &[u8], aad: &[u8]) -> Option<Plain> {
    let nonce: &[u8; 12] = nonce.try_into().ok()?;
    let payload = Payload { msg: sealed, aad };
    let opened = Aes256Gcm::new(key.into()).decrypt(&Nonce::from(*nonce), payload);
    opened.ok().map(Zeroizing::new)
}

/// Seals with AES-256-GCM and a fresh nonce: the nonce, and the text with its tag.
pub(crate) fn seal_gcm(key: &[u8; 32], plain: &[u8]) -> Result<([u8; 12], Vec<u8>), ExportError> {
    let nonce = random::<12>()?;
    let sealed = Aes256Gcm::new(key.into()).encrypt(&Nonce::from(nonce), plain);
    Ok((nonce, sealed.map_err(|_| ExportError::NotEncrypted)?))
}

/// Bytes of the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], ExportError> {
    let mut bytes = [0; N];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| ExportError::NotEncrypted)?;
    Ok(bytes)
}
