//! The challenge of a master password that Nextcloud Passwords calls PWDv1r1: both sides.
//!
//! ```
//! use pwdv1r1::{Challenge, random_salts, solve};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let salts = random_salts()?; // the client chooses them with the password
//! let solution = solve("correct horse battery", &salts)?;
//! let kept = Challenge::new(salts, &solution)?; // by the server
//! assert!(kept.is_solved_by(&solve("correct horse battery", kept.salts())?));
//! assert!(!kept.is_solved_by(&solve("another password", kept.salts())?));
//! # Ok(()) }
//! ```
//!
//! The solution is the hexadecimal form of Argon2id (32 bytes, 2 passes, 64 MiB, third salt) over BLAKE2b-512 of
//! password and first salt, keyed with the second. The server sees no password. It keeps a random key, encrypted under a
//! salt of its own and the solution: the solution is right if the key decrypts.
//!
//! # What it does not
//!
//! Whoever reads what the server keeps can try passwords against it, at the cost of one Argon2id each: seal it.
//!
//! # Specifications
//!
//! RFC 9106 (Argon2), RFC 7693 (BLAKE2), XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03); libsodium's `crypto_pwhash`
//! with the limits `INTERACTIVE`.

use argon2::{Algorithm, Argon2, Params, Version};
use blake2::{
    Blake2bMac, Blake2bMac512,
    digest::{KeyInit as _, Mac as _, consts::U32},
};
use chacha20poly1305::{XChaCha20Poly1305, XNonce, aead::Aead as _};
use rand::{TryRng as _, rngs::SysRng};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (65_536, 2, 1);
/// A solution is 64 hexadecimal digits.
pub const SOLUTION: usize = 64;
/// Hexadecimal digits of the salts: at least, exactly, exactly.
const SALTS: [usize; 3] = [512, 128, 32];

/// Salts, a solution or a random source that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// The random source failed.
    #[error("the random source failed")]
    Random,
    /// A salt is not hexadecimal, or not as long as it has to be.
    #[error("the salts are hexadecimal: at least 512, 128 and 32 digits")]
    Salts,
    /// A solution has 64 characters.
    #[error("a solution has 64 characters")]
    Solution,
}

/// What a client answers to a challenge with these salts.
///
/// # Errors
/// [`ChallengeError::Salts`].
pub fn solve(password: &str, salts: &[String; 3]) -> Result<Zeroizing<String>, ChallengeError> {
    let [first, key, last] = salts.each_ref().map(|salt| bytes(salt));
    let (Some(first), Some(key), Some(last)) = (first, key, last) else {
        return Err(ChallengeError::Salts);
    };
    let salts = |_| ChallengeError::Salts;
    let mut hash = Blake2bMac512::new_from_slice(&key).map_err(|_| ChallengeError::Salts)?;
    hash.update(password.as_bytes());
    hash.update(&first);
    let hash = Zeroizing::new(hash.finalize().into_bytes().to_vec());
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(salts)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut solution = Zeroizing::new([0; 32]);
    let filled = argon2.hash_password_into(&hash, &last, solution.as_mut_slice());
    filled.map_err(salts)?;
    Ok(Zeroizing::new(hex(solution.as_slice())))
}

/// Salts as a client makes them.
///
/// # Errors
/// [`ChallengeError::Random`].
pub fn random_salts() -> Result<[String; 3], ChallengeError> {
    let random = |length| {
        let mut salt = vec![0; length];
        SysRng
            .try_fill_bytes(&mut salt)
            .map_err(|_| ChallengeError::Random)?;
        Ok(hex(&salt))
    };
    Ok([random(256)?, random(64)?, random(16)?])
}

/// A challenge, as a server keeps it.
#[derive(Clone, Deserialize, Serialize)]
pub struct Challenge {
    salts: [String; 3],
    server_salt: [u8; 32],
    nonce: [u8; 24],
    /// A random key, encrypted.
    key: Vec<u8>,
}

impl Challenge {
    /// A challenge with these salts, of which this is the solution.
    ///
    /// # Errors
    /// [`ChallengeError`]; the solution is looked at first.
    pub fn new(salts: [String; 3], solution: &str) -> Result<Self, ChallengeError> {
        if solution.len() != SOLUTION {
            return Err(ChallengeError::Solution);
        }
        let lengths = salts.each_ref().map(String::len);
        let fit = lengths[0] >= SALTS[0] && lengths[1..] == SALTS[1..];
        if !fit || salts.iter().any(|salt| bytes(salt).is_none()) {
            return Err(ChallengeError::Salts);
        }
        let (mut server_salt, mut nonce) = ([0; 32], [0; 24]);
        let mut key = Zeroizing::new([0; 32]);
        for random in [&mut server_salt[..], &mut nonce, key.as_mut_slice()] {
            let filled = SysRng.try_fill_bytes(random);
            filled.map_err(|_| ChallengeError::Random)?;
        }
        let cipher = cipher(&server_salt, solution).ok_or(ChallengeError::Solution)?;
        let key = cipher.encrypt(&XNonce::from(nonce), key.as_slice());
        Ok(Self {
            salts,
            server_salt,
            nonce,
            key: key.map_err(|_| ChallengeError::Solution)?,
        })
    }

    /// What a client needs to solve it.
    #[must_use]
    pub const fn salts(&self) -> &[String; 3] {
        &self.salts
    }

    /// Whether this is the solution.
    #[must_use]
    pub fn is_solved_by(&self, solution: &str) -> bool {
        let cipher = cipher(&self.server_salt, solution);
        let nonce = XNonce::from(self.nonce);
        let key = cipher.and_then(|cipher| cipher.decrypt(&nonce, self.key.as_slice()).ok());
        key.map(Zeroizing::new).is_some()
    }
}

/// Under server salt and solution, which is no longer than a key of BLAKE2b. The client hashed it slowly.
fn cipher(server_salt: &[u8], solution: &str) -> Option<XChaCha20Poly1305> {
    let mut hash = Blake2bMac::<U32>::new_from_slice(solution.as_bytes()).ok()?;
    hash.update(server_salt);
    let key = Zeroizing::new(hash.finalize().into_bytes().to_vec());
    XChaCha20Poly1305::new_from_slice(&key).ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    rest.is_empty().then(|| pairs.iter().map(pair).collect())?
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl core::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Challenge(..)")
    }
}
