//! KeePass: the container of a database, KDBX 4.
//!
//! Opened by a password alone: key files and devices are no part of a password.
//!
//! Source: the KDBX 4 documentation of keepass.info, "KDBX 4" and "Key derivation functions".

use std::io::Read;

use aes::cipher::{BlockModeDecrypt, KeyIvInit, StreamCipher, block_padding::Pkcs7};
use chacha20::ChaCha20;
use hmac::{Hmac, KeyInit, Mac};
use salsa20::Salsa20;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::cipher::Plain;
use crate::file::File;
use crate::formats::{kdbx_stream::Stream, keepass};
use crate::kdf::{KeePassKdf, Key};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{ImportError, limits};

const MAGIC: &[u8] = b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5";

const AES_256: [u8; 16] = *b"\x31\xc1\xf2\xe6\xbf\x71\x43\x50\xbe\x58\x05\x21\x6a\xfc\x5a\xff";
const CHACHA20: [u8; 16] = *b"\xd6\x03\x8a\x2b\x8b\x6f\x4c\xb5\xa5\x24\x33\x9a\x31\xdb\xb5\x9a";
const TWOFISH: [u8; 16] = *b"\xad\x68\xf2\x9f\x57\x6f\x4b\xb9\xa3\x6a\xd4\x7a\xf9\x65\x34\x6c";

const AES_KDF: [u8; 16] = *b"\x7c\x02\xbb\x82\x79\xa7\x4a\xc0\x92\x7d\x11\x4a\x00\x64\x82\x38";
/// The same, as files of KDBX 3 name it.
const AES_KDF_3: [u8; 16] = *b"\xc9\xd9\xf3\x9a\x62\x8a\x44\x60\xbf\x74\x0d\x08\xc1\x8a\x4f\xea";
const ARGON2D: [u8; 16] = *b"\xef\x63\x6d\xdf\x8c\x29\x44\x4b\x91\xf7\xa9\xa4\x03\xe3\x0a\x0c";
const ARGON2ID: [u8; 16] = *b"\x9e\x29\x8b\x19\x56\xdb\x47\x73\xb2\x3d\xfc\x3e\xc6\xf0\xa1\xe6";

type Hash64 = Zeroizing<[u8; 64]>;

pub(crate) fn recognise(file: &File<'_>) -> bool {
    file.bytes.starts_with(MAGIC)
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let damaged = || unlock.damaged();
    let mut rest = file.bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let _minor = u16_le(&mut rest).ok_or_else(damaged)?;
    match u16_le(&mut rest).ok_or_else(damaged)? {
        4 => {}
        0..=3 => {
            return Err(ImportError::NotSupported(
                "a KeePass database older than KDBX 4",
            ));
        }
        _ => return Err(ImportError::NotSupported("a newer KeePass database")),
    }
    let header = Header::read(&mut rest).ok_or_else(damaged)??;
    let length = file.bytes.len().saturating_sub(rest.len());
    let raw = file.bytes.get(..length).ok_or_else(damaged)?;
    let (hash, rest) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
    let (tag, blocks) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
    // Told before any key is derived.
    if Sha256::digest(raw).as_slice() != hash {
        return Err(unlock.damaged());
    }

    let composite = || {
        let once = Key::new(Sha256::digest(unlock.password()?.bytes()).into());
        Ok(Key::new(Sha256::digest(*once).into()))
    };
    let transformed = header.kdf.derive(composite, &header.salt)?;
    let transformed = transformed.ok_or_else(damaged)?;
    let mut base = Sha512::new_with_prefix(header.seed);
    base.update(*transformed);
    base.update([1]);
    let base = Hash64::new(base.finalize().into());
    if !is_tag(&base, u64::MAX, &[raw], tag) {
        return Err(unlock.wrong());
    }
    // From here on the password is right, and whatever is wrong is damage.
    let sealed = blocks_of(&base, blocks).ok_or_else(damaged)?;
    let mut key = Sha256::new_with_prefix(header.seed);
    key.update(*transformed);
    let key = Key::new(key.finalize().into());
    let plain = header.open(&key, sealed).ok_or_else(damaged)?;
    let plain = if header.is_compressed {
        unpack(&plain).ok_or_else(damaged)??
    } else {
        plain
    };
    let mut rest = plain.as_slice();
    let stream = inner_stream(&mut rest).ok_or_else(damaged)?;
    let text = core::str::from_utf8(rest).map_err(|_| unlock.damaged())?;
    keepass::entries(text, stream, unlock)
}

struct Header {
    cipher: [u8; 16],
    is_compressed: bool,
    seed: [u8; 32],
    iv: Vec<u8>,
    kdf: KeePassKdf,
    salt: Vec<u8>,
}

impl Header {
    /// `None` where it is malformed, an error inside for what is named instead of read.
    fn read(rest: &mut &[u8]) -> Option<Result<Header, ImportError>> {
        let (mut cipher, mut compression, mut seed, mut iv, mut kdf) = (None, 0, None, None, None);
        loop {
            let id = take(rest, 1)?;
            let length = usize::try_from(u32_le(rest)?).ok()?;
            let value = take(rest, length)?;
            match id {
                [0] => break,
                [2] => cipher = Some(value.try_into().ok()?),
                [3] => compression = u32_le(&mut &*value)?,
                [4] => seed = Some(value.try_into().ok()?),
                [7] => iv = Some(value.to_vec()),
                [11] => kdf = Some(derivation(value)?),
                // A comment, and what plug-ins keep.
                [1 | 12] => {}
                _ => return None,
            }
        }
        let cipher = cipher?;
        if cipher == TWOFISH {
            return Some(Err(ImportError::NotSupported(
                "a KeePass database under Twofish",
            )));
        }
        let (kdf, salt) = kdf?;
        Some(Ok(Header {
            cipher,
            is_compressed: match compression {
                0 => false,
                1 => true,
                _ => return None,
            },
            seed: seed?,
            iv: iv?,
            kdf,
            salt,
        }))
    }

    fn open(&self, key: &Key, mut sealed: Plain) -> Option<Plain> {
        match self.cipher {
            AES_256 => {
                let cipher =
                    cbc::Decryptor::<aes::Aes256>::new_from_slices(&**key, &self.iv).ok()?;
                let length = cipher.decrypt_padded::<Pkcs7>(&mut sealed).ok()?.len();
                sealed.truncate(length);
            }
            CHACHA20 => ChaCha20::new_from_slices(&**key, &self.iv)
                .ok()?
                .try_apply_keystream(&mut sealed)
                .ok()?,
            _ => return None,
        }
        Some(sealed)
    }
}

/// The derivation in a dictionary of typed values, and its salt.
fn derivation(mut rest: &[u8]) -> Option<(KeePassKdf, Vec<u8>)> {
    if u16_le(&mut rest)? >> 8 != 1 {
        return None;
    }
    let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
    loop {
        let kind = take(&mut rest, 1)?;
        if kind == [0] {
            break;
        }
        let length = usize::try_from(u32_le(&mut rest)?).ok()?;
        let name = take(&mut rest, length)?;
        let length = usize::try_from(u32_le(&mut rest)?).ok()?;
        let mut value = take(&mut rest, length)?;
        match kind {
            [0x04] => numbers.push((name, u32_le(&mut value)?.into())),
            [0x05] => numbers.push((name, u64::from_le_bytes(value.try_into().ok()?))),
            [0x42] => bytes.push((name, value)),
            // Truths, signed numbers and texts: no derivation has any.
            _ => {}
        }
        // No derivation has as many.
        if bytes.len().saturating_add(numbers.len()) > 64 {
            return None;
        }
    }
    let number = |wanted: &[u8]| {
        numbers
            .iter()
            .find_map(|(name, value)| (*name == wanted).then_some(*value))
    };
    let value = |wanted: &[u8]| {
        bytes
            .iter()
            .find_map(|(name, value)| (*name == wanted).then_some(*value))
    };
    let salt = value(b"S")?;
    let kdf = match <[u8; 16]>::try_from(value(b"$UUID")?).ok()? {
        AES_KDF | AES_KDF_3 => KeePassKdf::Aes {
            rounds: number(b"R")?,
            seed: salt.try_into().ok()?,
        },
        id @ (ARGON2D | ARGON2ID) => KeePassKdf::Argon2 {
            is_id: id == ARGON2ID,
            version: number(b"V")?,
            kib: number(b"M")? / 1024,
            passes: number(b"I")?,
            lanes: number(b"P")?,
        },
        _ => return None,
    };
    Some((kdf, salt.to_vec()))
}

/// Whether a tag is that of these parts under the key of a block.
fn is_tag(base: &Hash64, block: u64, parts: &[&[u8]], tag: &[u8; 32]) -> bool {
    let mut key = Sha512::new_with_prefix(block.to_le_bytes());
    key.update(**base);
    let key = Hash64::new(key.finalize().into());
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*key) else {
        return false;
    };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(tag).is_ok()
}

/// What stands in the blocks, the last of which is empty. None of them counts without its tag.
fn blocks_of(base: &Hash64, mut rest: &[u8]) -> Option<Plain> {
    let mut sealed = Plain::new(Vec::with_capacity(rest.len()));
    for index in 0_u64.. {
        let (tag, behind) = rest.split_first_chunk::<32>()?;
        let (length, behind) = behind.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (block, behind) = behind.split_at_checked(size)?;
        if !is_tag(base, index, &[&index.to_le_bytes(), length, block], tag) {
            return None;
        }
        if block.is_empty() {
            // Nothing stands behind it that a tag would vouch for.
            return behind.is_empty().then_some(sealed);
        }
        sealed.extend_from_slice(block);
        rest = behind;
    }
    None
}

/// Unpacks gzip up to the cap. `None` where it is malformed.
fn unpack(packed: &[u8]) -> Option<Result<Plain, ImportError>> {
    let most = limits::UNPACKED_BYTES;
    let mut plain = Plain::default();
    let mut reader = flate2::read::GzDecoder::new(packed);
    let mut piece = Zeroizing::new(vec![0; 1 << 16]);
    loop {
        let count = reader.read(&mut piece).ok()?;
        if count == 0 {
            return Some(Ok(plain));
        }
        if plain.len().saturating_add(count) > most {
            return Some(Err(ImportError::TooMuchWork));
        }
        super::uri_list::append(&mut plain, piece.get(..count)?);
    }
}

/// The stream that hides single texts, after the header in front of the document.
fn inner_stream(rest: &mut &[u8]) -> Option<Stream> {
    let (mut kind, mut key) = (None, None);
    loop {
        let id = take(rest, 1)?;
        let length = usize::try_from(u32_le(rest)?).ok()?;
        let value = take(rest, length)?;
        match id {
            [0] => break,
            [1] => kind = Some(u32_le(&mut &*value)?),
            [2] => key = Some(value),
            // Attachments.
            [3] => {}
            _ => return None,
        }
    }
    let key = key?;
    match kind? {
        2 => {
            let hash = Key::new(Sha256::digest(key).into());
            let nonce = b"\xe8\x30\x09\x4b\x97\x20\x5d\x2a";
            Some(Stream::Salsa20(Box::new(
                Salsa20::new_from_slices(&*hash, nonce).ok()?,
            )))
        }
        3 => {
            let hash = Hash64::new(Sha512::digest(key).into());
            let (key, nonce) = (hash.get(..32)?, hash.get(32..44)?);
            Some(Stream::ChaCha20(Box::new(
                ChaCha20::new_from_slices(key, nonce).ok()?,
            )))
        }
        _ => None,
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(count)?;
    *rest = behind;
    Some(taken)
}

fn u16_le(rest: &mut &[u8]) -> Option<u16> {
    let (number, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u16::from_le_bytes(*number))
}

fn u32_le(rest: &mut &[u8]) -> Option<u32> {
    let (number, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u32::from_le_bytes(*number))
}
