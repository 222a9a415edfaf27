//! Keys from passwords, at a cost that the file names and [`limits`](crate::limits) cap.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes256, Block};
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::unlock::Unlock;
use crate::{ImportError, Password, limits};

/// A key of 32 bytes.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// Where a password comes from. Asked for it only after the cost was held against its cap.
pub(crate) trait PasswordSource {
    fn password(&self) -> Result<&Password, ImportError>;
}

impl PasswordSource for Password {
    fn password(&self) -> Result<&Password, ImportError> {
        Ok(self)
    }
}

impl PasswordSource for Unlock<'_> {
    fn password(&self) -> Result<&Password, ImportError> {
        Unlock::password(self)
    }
}

/// Argon2id of version 1.3.
///
/// Specification: RFC 9106.
#[derive(Clone, Copy)]
pub(crate) struct Argon2id {
    pub(crate) kib: u64,
    pub(crate) passes: u64,
    pub(crate) lanes: u64,
}

impl Argon2id {
    pub(crate) fn derive(
        self,
        password: &impl PasswordSource,
        salt: &[u8],
    ) -> Result<Key, ImportError> {
        let cap = |asked: u64, cap: u32| {
            let asked = u32::try_from(asked).ok().filter(|asked| *asked <= cap);
            asked.ok_or(ImportError::TooMuchWork)
        };
        let kib = cap(self.kib, limits::ARGON2_KIB)?;
        let passes = cap(self.passes, limits::ARGON2_PASSES)?;
        let lanes = cap(self.lanes, limits::ARGON2_LANES)?;
        let password = password.password()?.bytes();
        let params = argon2::Params::new(kib, passes, lanes, Some(32));
        params
            .ok()
            .and_then(|params| {
                argon2(
                    argon2::Algorithm::Argon2id,
                    argon2::Version::V0x13,
                    params,
                    password,
                    salt,
                )
            })
            .ok_or(ImportError::Damaged("encrypted"))
    }
}

fn argon2(
    algorithm: argon2::Algorithm,
    version: argon2::Version,
    params: argon2::Params,
    password: &[u8],
    salt: &[u8],
) -> Option<Key> {
    let mut key = Key::default();
    argon2::Argon2::new(algorithm, version, params)
        .hash_password_into(password, salt, &mut *key)
        .ok()?;
    Some(key)
}

/// What a KeePass database derives its key by.
#[derive(Clone, Copy)]
pub(crate) enum KeePassKdf {
    /// Rounds of AES-256 over both halves of the key, and SHA-256 of the result.
    Aes { rounds: u64, seed: [u8; 32] },
    /// Argon2d or Argon2id; the version is 0x10 or 0x13.
    Argon2 {
        is_id: bool,
        version: u64,
        kib: u64,
        passes: u64,
        lanes: u64,
    },
}

impl KeePassKdf {
    /// Derives from a key that was made of the password. `None` for parameters that are none.
    pub(crate) fn derive(
        self,
        composite: impl FnOnce() -> Result<Key, ImportError>,
        salt: &[u8],
    ) -> Result<Option<Key>, ImportError> {
        match self {
            KeePassKdf::Aes { rounds, seed } => {
                if rounds > limits::KEEPASS_AES_ROUNDS {
                    return Err(ImportError::TooMuchWork);
                }
                let mut key = composite()?;
                let cipher = Aes256::new(&seed.into());
                let (halves, _) = key.as_chunks_mut::<16>();
                let mut blocks = Zeroizing::new([[0; 16]; 2]);
                blocks.copy_from_slice(halves);
                let mut both = blocks.map(Block::from);
                for _ in 0..rounds {
                    cipher.encrypt_blocks(&mut both);
                }
                for (half, block) in halves.iter_mut().zip(&mut both) {
                    half.copy_from_slice(block);
                    block.zeroize();
                }
                Ok(Some(Zeroizing::new(Sha256::digest(*key).into())))
            }
            KeePassKdf::Argon2 {
                is_id,
                version,
                kib,
                passes,
                lanes,
            } => {
                if kib > limits::ARGON2_KIB.into()
                    || kib.saturating_mul(passes) > limits::KEEPASS_ARGON2_KIB
                    || lanes > limits::ARGON2_LANES.into()
                {
                    return Err(ImportError::TooMuchWork);
                }
                let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
                let params =
                    argon2::Params::new(number(kib), number(passes), number(lanes), Some(32));
                let version = match version {
                    0x10 => argon2::Version::V0x10,
                    0x13 => argon2::Version::V0x13,
                    _ => return Ok(None),
                };
                let algorithm = if is_id {
                    argon2::Algorithm::Argon2id
                } else {
                    argon2::Algorithm::Argon2d
                };
                let Ok(params) = params else { return Ok(None) };
                Ok(argon2(algorithm, version, params, &*composite()?, salt))
            }
        }
    }
}

/// scrypt.
///
/// Specification: RFC 7914.
#[derive(Clone, Copy)]
pub(crate) struct Scrypt {
    pub(crate) n: u64,
    pub(crate) r: u64,
    pub(crate) p: u64,
}

impl Scrypt {
    /// `None` for parameters that are none.
    pub(crate) fn derive(
        self,
        password: &impl PasswordSource,
        salt: &[u8],
    ) -> Result<Option<Key>, ImportError> {
        let Scrypt { n, r, p } = self;
        let memory = n.saturating_mul(r).saturating_mul(128);
        if memory > limits::SCRYPT_BYTES
            || r.saturating_mul(p) > 1 << 10
            || p > limits::SCRYPT_LANES.into()
        {
            return Err(ImportError::TooMuchWork);
        }
        if !n.is_power_of_two() || n < 2 {
            return Ok(None);
        }
        let (Ok(log_n), Ok(r), Ok(p)) =
            (u8::try_from(n.ilog2()), u32::try_from(r), u32::try_from(p))
        else {
            return Ok(None);
        };
        let Ok(params) = scrypt::Params::new(log_n, r, p) else {
            return Ok(None);
        };
        let mut key = Key::default();
        let derived = scrypt::scrypt(password.password()?.bytes(), salt, &params, &mut *key);
        Ok(derived.ok().map(|()| key))
    }
}

/// The hash under PBKDF2's HMAC.
#[derive(Clone, Copy)]
pub(crate) enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

/// PBKDF2.
///
/// Specification: RFC 8018 section 5.2.
pub(crate) fn pbkdf2<const N: usize>(
    prf: Prf,
    iterations: u64,
    password: &impl PasswordSource,
    salt: &[u8],
) -> Result<Zeroizing<[u8; N]>, ImportError> {
    let iterations = u32::try_from(iterations)
        .ok()
        .filter(|asked| *asked <= limits::PBKDF2_ITERATIONS);
    let iterations = iterations.ok_or(ImportError::TooMuchWork)?.max(1);
    let mut key = Zeroizing::new([0; N]);
    let password = password.password()?.bytes();
    let derived = match prf {
        Prf::Sha1 => ::pbkdf2::pbkdf2::<Hmac<Sha1>>(password, salt, iterations, &mut *key),
        Prf::Sha256 => ::pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, iterations, &mut *key),
        Prf::Sha512 => ::pbkdf2::pbkdf2::<Hmac<Sha512>>(password, salt, iterations, &mut *key),
    };
    // HMAC takes passwords of any length.
    derived.map_err(|_| ImportError::Unrecognised)?;
    Ok(key)
}
