//! Server keys, their sub-keys, and their retirement.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::fmt;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac, digest::FixedOutput};
use rand::TryCryptoRng;
use sha2::Sha256;
use zeroize::{Zeroizing, zeroize_stack};

use crate::{
    Destination,
    fields::{Field, Fields},
    hex::{parse_hex_into, push_hex},
};

/// On the heap, so that moving it leaves no copy behind.
type SubKey = Box<Zeroizing<[u8; 32]>>;

/// The public name of a key: stands in every record that the key made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

/// Server keys with ids: the first makes, the others verify what was issued before they retired.
///
/// From each 256-bit key one sub-key per use is derived (digest, tag, seal, pseudonym), so that
/// what leaks about one use says nothing of another.
///
/// # Rotation
/// Add the new key last, on every machine; then move it first; then mark the old one retired; and
/// drop it when nothing that it made or sealed is left.
///
/// A clone shares the keys: several holders read the key file once.
///
/// # Memory
/// The 256-bit keys are gone as soon as the ring is read: it keeps their sub-keys alone, which are wiped
/// when its last clone is dropped. The stack of a thread that used a sub-key may still hold the hash
/// states that HMAC makes of it, until something else overwrites them. The caller wipes the text.
#[derive(Clone)]
pub struct KeyRing {
    /// Reserved in full and never moved: a vector that grows leaves copies of keys behind.
    keys: Arc<Vec<Key>>,
}

pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) retired_at: Option<DateTime<Utc>>,
    /// Keyed once; each use clones the state and saves a key schedule.
    digest: Hmac<Sha256>,
    tag: Hmac<Sha256>,
    pseudonym: Hmac<Sha256>,
    seal: SubKey,
    /// Only to refuse one key under two ids.
    fingerprint: [u8; 32],
}

impl KeyRing {
    /// Reads a ring from text: one key a line, `id key [retired time]`, the first one makes.
    ///
    /// The id is a number, the key 64 lower-case hexadecimal digits, the time RFC 3339. Empty lines
    /// and lines that start with `#` are skipped.
    ///
    /// # Errors
    /// [`KeyRingError`] names the line and the fault, never the key.
    pub fn from_text(text: &str) -> Result<Self, KeyRingError> {
        let mut keys = Vec::with_capacity(text.lines().count());
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let added = add(&mut keys, line, content);
            zeroize_stack::<STACK>();
            added?;
        }
        match keys.first() {
            None => Err(KeyRingError::Empty),
            Some(first) if first.retired_at.is_some() => Err(KeyRingError::FirstRetired),
            Some(_) => Ok(Self {
                keys: Arc::new(keys),
            }),
        }
    }

    /// One new key as a line for [`KeyRing::from_text`], ending in a line feed.
    ///
    /// # Errors
    /// Whatever the random source says.
    pub fn try_new_line_from_rng<R: TryCryptoRng + ?Sized>(
        id: KeyId,
        rng: &mut R,
    ) -> Result<Zeroizing<String>, R::Error> {
        let mut master = Zeroizing::new([0u8; 32]);
        rng.try_fill_bytes(master.as_mut_slice())?;
        // Ten digits of id, a space, 64 of key, a line feed.
        let mut line = Zeroizing::new(String::with_capacity(80));
        // Writing to a String cannot fail.
        let _ = fmt::write(&mut *line, format_args!("{} ", id.0));
        push_hex(&mut line, master.as_slice());
        line.push('\n');
        Ok(line)
    }

    /// A ring of one new key that lives in memory alone: for tests, and for processes whose tokens
    /// may die with them.
    ///
    /// # Errors
    /// [`KeyRingError::Random`] if the operating system gives no randomness.
    #[cfg(feature = "std")]
    pub fn generate() -> Result<Self, KeyRingError> {
        let line = Self::try_new_line_from_rng(KeyId(1), &mut rand::rngs::SysRng)
            .map_err(|_| KeyRingError::Random)?;
        Self::from_text(&line)
    }

    /// The ids, in order. The first one makes.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|key| key.id)
    }

    /// The key that makes: its id and its sub-key for sealing.
    #[must_use]
    pub fn sealing(&self) -> Option<(KeyId, &[u8; 32])> {
        self.keys.first().map(|key| (key.id, &**key.seal))
    }

    /// The sub-key for what the key of this id sealed. Retired keys open what they sealed.
    #[must_use]
    pub fn opening(&self, id: KeyId) -> Option<&[u8; 32]> {
        self.find(id).map(|key| &**key.seal)
    }

    /// A name for a destination that may be logged: equal for equal destinations, and without the
    /// key nobody can tell which it is. It changes when another key becomes the first.
    #[must_use]
    pub fn pseudonym(&self, destination: &Destination) -> Pseudonym {
        let Some(key) = self.keys.first() else {
            return Pseudonym([0; 8]);
        };
        let mac = Fields::new(key.pseudonym.clone(), "ott pseudonym v1")
            .text(Field::Channel, destination.channel().as_str())
            .text(Field::Address, destination.address())
            .finish();
        let mut short = [0; 8];
        short
            .iter_mut()
            .zip(mac.finalize().into_bytes())
            .for_each(|(to, from)| *to = from);
        Pseudonym(short)
    }

    pub(crate) fn first(&self) -> Option<&Key> {
        self.keys.first()
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }
}

/// More than deriving the keys of a line takes of the stack. The hash functions leave states of the key
/// there, which nobody drops.
const STACK: usize = 32_768;

/// Never inlined, so that what it leaves on the stack lies below its caller, who wipes it.
#[inline(never)]
fn add(keys: &mut Vec<Key>, line: u32, content: &str) -> Result<(), KeyRingError> {
    let malformed = KeyRingError::Malformed { line };
    let mut words = content.split_ascii_whitespace();
    let id = words
        .next()
        // One spelling: `parse` alone takes a plus sign.
        .filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|word| word.parse().ok())
        .ok_or(malformed)?;
    let mut master = SubKey::default();
    let read = words
        .next()
        .is_some_and(|word| parse_hex_into(word, master.as_mut_slice()));
    let retired_at = match (words.next(), words.next(), words.next()) {
        _ if !read => return Err(malformed),
        (None, ..) => None,
        (Some("retired"), Some(time), None) => Some(
            DateTime::parse_from_rfc3339(time)
                .map_err(|_| malformed)?
                .with_timezone(&Utc),
        ),
        _ => return Err(malformed),
    };
    let fingerprint = **sub_key(&master, "ott key fingerprint v1");
    if keys
        .iter()
        .any(|other| other.id == KeyId(id) || other.fingerprint == fingerprint)
    {
        return Err(KeyRingError::Twice { line });
    }
    // 32 equal bytes are a placeholder, not a key.
    if let [first, rest @ ..] = master.as_slice()
        && rest.iter().all(|byte| byte == first)
    {
        return Err(KeyRingError::Placeholder { line });
    }
    let keyed = |label| hmac(&sub_key(&master, label));
    keys.push(Key {
        id: KeyId(id),
        retired_at,
        digest: keyed("ott digest key v1"),
        tag: keyed("ott tag key v1"),
        pseudonym: keyed("ott pseudonym key v1"),
        seal: sub_key(&master, "ott seal key v1"),
        fingerprint,
    });
    Ok(())
}

impl Key {
    pub(crate) fn digest(&self) -> Hmac<Sha256> {
        self.digest.clone()
    }

    pub(crate) fn tag(&self) -> Hmac<Sha256> {
        self.tag.clone()
    }
}

/// HKDF-Expand with one block (RFC 5869 section 2.3): the master key is uniform, so nothing needs
/// to be extracted.
fn sub_key(master: &[u8; 32], label: &str) -> SubKey {
    let mut expanded = SubKey::default();
    hmac(master)
        .chain_update(label)
        .chain_update([1])
        .finalize_into((&mut **expanded).into());
    expanded
}

fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    // `new` takes the block-sized key; a 32-byte key is padded with zeros to one block (RFC 2104).
    let mut block = Zeroizing::new([0u8; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    Hmac::<Sha256>::new((&*block).into())
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

/// A keyed name of a destination, for logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pseudonym([u8; 8]);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(16);
        push_hex(&mut text, &self.0);
        f.write_str(&text)
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no key ring. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// There is no key in it.
    #[error("the key ring is empty")]
    Empty,
    /// The first key is retired, so nothing could be made.
    #[error("the first key of the ring is retired, so none can make tokens")]
    FirstRetired,
    /// A line is not `id key [retired time]`.
    #[error(
        "line {line} of the key ring is not `id`, 64 lower-case hex digits, and perhaps `retired` with an RFC 3339 time"
    )]
    Malformed {
        /// The line, from 1.
        line: u32,
    },
    /// The key is one byte 32 times over.
    #[error("line {line} of the key ring holds a placeholder, not a key")]
    Placeholder {
        /// The line, from 1.
        line: u32,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Random,
    /// An id or a key stands there twice.
    #[error("line {line} of the key ring repeats an id or a key")]
    Twice {
        /// The line, from 1.
        line: u32,
    },
}
