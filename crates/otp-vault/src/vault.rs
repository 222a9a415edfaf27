//! A vault: accounts sealed under a passphrase or a key ring.
//!
//! ```text
//! "otp-vault 1\n" | KiB (4 bytes) | passes (4) | lanes (4) | salt (16) | nonce (24)
//!     | sealed text and its tag (16)
//! "otp-vault-ring 1\n" | id (16 bytes)
//!     | seal of `token_store::seal` for that id, the kind and owner `vault`
//! ```
//!
//! Numbers are big-endian. Of the first, the key is Argon2id of the passphrase, the cipher XChaCha20-Poly1305 with all in front of the
//! nonce as associated data, and the text is the JSON that `otp-vault import` prints.

use std::collections::HashMap;
use std::hash::RandomState;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use token_store::ott_core::{KeyRing, Subject};
use token_store::seal::{self, SealError, SealedFor};
use zeroize::Zeroizing;

use crate::cipher::{Plain, random};
use crate::error::ExportError;
use crate::file::File;
use crate::formats::own;
use crate::json::Json;
use crate::kdf::{Argon2id, Key, PasswordSource};
use crate::known::mark;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{CodeError, Entry, ImportError, Kind, Password, limits};

const TITLE: &str = "otp-vault";
const DAMAGED: ImportError = ImportError::Damaged(TITLE);

const MAGIC: &[u8] = b"otp-vault 1\n";
const RING_MAGIC: &[u8] = b"otp-vault-ring 1\n";

/// What RFC 9106 section 4 recommends where memory is scarce, with one lane: 64 MiB, 3 passes.
const ARGON2ID: Argon2id = Argon2id {
    kib: 64 << 10,
    passes: 3,
    lanes: 1,
};

/// Magic, cost and salt.
const HEADER: usize = 12 + 12 + 16;

/// Accounts of one person.
#[derive(Debug, Default)]
pub struct Vault {
    /// The accounts, in the order of their owner.
    pub entries: Vec<Entry>,
}

/// What became of entries that were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// How many are new.
    pub added: usize,
    /// The names of those that were there already: the same secret under the same name.
    pub known: Vec<String>,
}

/// What a vault is sealed under.
#[derive(Debug)]
pub enum VaultKey {
    /// A passphrase that its owner remembers.
    Passphrase(Password),
    /// A key ring in a file of its own, which nobody types.
    Ring(KeyRing),
}

impl Vault {
    /// Whether a file is a vault.
    #[must_use]
    pub fn is_vault(file: &[u8]) -> bool {
        file.starts_with(MAGIC) || file.starts_with(RING_MAGIC)
    }

    /// Opens the file of a vault.
    ///
    /// # Errors
    /// [`ImportError::WrongPassword`] for a wrong passphrase or a file that was changed, since nobody can tell the two
    /// apart; [`ImportError::SealBroken`] for one that was changed under a key ring; [`ImportError::PasswordNeeded`] and
    /// [`ImportError::KeyRingNeeded`] where it is sealed under the other; [`ImportError::TooMuchWork`] for a cost beyond
    /// [`limits`](crate::limits).
    pub fn open(file: &[u8], key: &VaultKey) -> Result<Vault, ImportError> {
        let text = match (file.strip_prefix(RING_MAGIC), key) {
            (None, VaultKey::Passphrase(passphrase)) => open_passphrase(file, passphrase)?,
            (None, VaultKey::Ring(_)) => return Err(ImportError::PasswordNeeded(TITLE)),
            (Some(rest), VaultKey::Ring(ring)) => open_ring(rest, ring)?,
            (Some(_), VaultKey::Passphrase(_)) => return Err(ImportError::KeyRingNeeded),
        };
        let json = Json::parse_own(&text).ok_or(DAMAGED)?;
        let report = own::entries(json.root(), &|_, _| {}).ok_or(DAMAGED)?;
        // What this crate sealed can be read as a whole.
        if !report.skipped.is_empty() || report.is_too_long() {
            return Err(DAMAGED);
        }
        Ok(Vault {
            entries: report.entries,
        })
    }

    /// The file of this vault, with fresh salt and nonce.
    ///
    /// # Errors
    /// [`ExportError::NotEncrypted`] if the operating system gives no randomness; [`ExportError::NotHeld`] for more
    /// accounts than [`limits::ENTRIES`], which could not be opened again.
    pub fn seal(&self, key: &VaultKey) -> Result<Vec<u8>, ExportError> {
        if self.entries.len() > limits::ENTRIES {
            return Err(ExportError::NotHeld(TITLE));
        }
        let entries: Vec<&Entry> = self.entries.iter().collect();
        match key {
            VaultKey::Passphrase(passphrase) => seal_passphrase(&entries, passphrase),
            VaultKey::Ring(ring) => seal_ring(&entries, ring),
        }
    }

    /// Adds entries in their order. What is there already is not added again.
    pub fn add(&mut self, entries: Vec<Entry>) -> Added {
        let hasher = RandomState::new();
        let mark = |entry: &Entry| mark(&hasher, entry);
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (place, entry) in self.entries.iter().enumerate() {
            places.entry(mark(entry)).or_default().push(place);
        }
        let mut told = Added::default();
        for entry in entries {
            let alike = places.entry(mark(&entry)).or_default();
            let mut known = alike.iter().filter_map(|place| self.entries.get(*place));
            if known.any(|known| known.is_same_account(&entry)) {
                told.known.push(entry.name());
            } else {
                alike.push(self.entries.len());
                self.entries.push(entry);
                told.added = told.added.saturating_add(1);
            }
        }
        told
    }

    /// Raises the counter of the entry at this place, if it counts. The caller stores the vault before showing the
    /// code of the counter before.
    ///
    /// # Errors
    /// [`CodeError::Spent`] at the last counter of 64 bits: its code would come again.
    pub fn advance(&mut self, index: usize) -> Result<(), CodeError> {
        if let Some(entry) = self.entries.get_mut(index)
            && let Kind::Hotp(counter) = entry.kind
        {
            entry.kind = Kind::Hotp(counter.checked_add(1).ok_or(CodeError::Spent)?);
        }
        Ok(())
    }
}

fn open_passphrase(file: &[u8], passphrase: &impl PasswordSource) -> Result<Plain, ImportError> {
    let (header, rest) = file.split_at_checked(HEADER).ok_or(DAMAGED)?;
    let (nonce, sealed) = rest.split_first_chunk::<24>().ok_or(DAMAGED)?;
    let numbers = header.strip_prefix(MAGIC).ok_or(DAMAGED)?;
    let (numbers, salt) = numbers.split_at_checked(12).ok_or(DAMAGED)?;
    let mut numbers = numbers
        .as_chunks::<4>()
        .0
        .iter()
        .map(|number| u32::from_be_bytes(*number).into());
    let mut number = || numbers.next().ok_or(DAMAGED);
    let argon2id = Argon2id {
        kib: number()?,
        passes: number()?,
        lanes: number()?,
    };
    let key = argon2id.derive(passphrase, salt)?;
    let payload = Payload {
        msg: sealed,
        aad: header,
    };
    let opened = cipher(&key).decrypt(&XNonce::from(*nonce), payload);
    opened
        .map(Zeroizing::new)
        .map_err(|_| ImportError::WrongPassword(TITLE))
}

/// A vault belongs to whoever has its key ring: the owner is always the same.
fn owner() -> Option<Subject> {
    Subject::new("", "vault").ok()
}

fn open_ring(rest: &[u8], ring: &KeyRing) -> Result<Plain, ImportError> {
    let (item, sealed) = rest.split_first_chunk::<16>().ok_or(DAMAGED)?;
    let owner = owner().ok_or(DAMAGED)?;
    let context = SealedFor {
        owner: &owner,
        item: *item,
        kind: "vault",
    };
    seal::open(ring, &context, sealed).map_err(|error| match error {
        SealError::KeyMissing(_) => ImportError::KeyRingNeeded,
        _ => ImportError::SealBroken,
    })
}

fn seal_ring(entries: &[&Entry], ring: &KeyRing) -> Result<Vec<u8>, ExportError> {
    let text = own::write(entries, None)?;
    let item = random::<16>()?;
    let owner = owner().ok_or(ExportError::NotEncrypted)?;
    let context = SealedFor {
        owner: &owner,
        item,
        kind: "vault",
    };
    let sealed = seal::seal(ring, &context, &text, &mut rand::rngs::SysRng);
    let sealed = sealed.map_err(|_| ExportError::NotEncrypted)?;
    Ok([RING_MAGIC, &item, &sealed].concat())
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**key).into())
}

fn seal_passphrase(entries: &[&Entry], passphrase: &Password) -> Result<Vec<u8>, ExportError> {
    let text = own::write(entries, None)?;
    let salt = random::<16>()?;
    let mut file = Vec::with_capacity(text.len().saturating_add(128));
    file.extend_from_slice(MAGIC);
    for number in [ARGON2ID.kib, ARGON2ID.passes, ARGON2ID.lanes] {
        let number = u32::try_from(number).map_err(|_| ExportError::NotEncrypted)?;
        file.extend_from_slice(&number.to_be_bytes());
    }
    file.extend_from_slice(&salt);
    let key = ARGON2ID
        .derive(passphrase, &salt)
        .map_err(|_| ExportError::NotEncrypted)?;
    let nonce = random::<24>()?;
    let payload = Payload {
        msg: &text,
        aad: &file,
    };
    let sealed = cipher(&key)
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| ExportError::NotEncrypted)?;
    file.extend_from_slice(&nonce);
    file.extend_from_slice(&sealed);
    Ok(file)
}

pub(crate) fn recognise(file: &File<'_>) -> bool {
    Vault::is_vault(file.bytes)
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    if file.bytes.starts_with(RING_MAGIC) {
        return Err(ImportError::KeyRingNeeded);
    }
    let text = open_passphrase(file.bytes, unlock)?;
    let json = Json::parse_own(&text).ok_or(DAMAGED)?;
    own::entries(json.root(), unlock.progress).ok_or(DAMAGED)
}

pub(crate) fn write(
    entries: &[&Entry],
    passphrase: Option<&Password>,
) -> Result<Plain, ExportError> {
    let passphrase = passphrase.ok_or(ExportError::PasswordNeeded)?;
    seal_passphrase(entries, passphrase).map(Zeroizing::new)
}
