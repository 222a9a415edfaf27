//! What a store holds of a token, and what is presented against it.

use alloc::vec::Vec;
use core::fmt;

use subtle::{Choice, ConstantTimeEq};

use crate::{KeyId, Policy, Reason, RecordId};

/// All that a store holds of a token: HMAC-SHA-256 over label, purpose, look-up, key id, record
/// id, binding and token.
///
/// Without the key it tells nothing of the token, however short that is. `==` is constant-time; a
/// database's is not and need not be: an attacker cannot choose a digest.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest with these bytes, for a store that reads a row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl ConstantTimeEq for TokenDigest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for TokenDigest {}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// A token that somebody presented, digested: the record that it would redeem, and the digest that
/// this record would hold under each key that may still have made it.
///
/// Only [`Issuer`](crate::Issuer) makes one, so whoever holds one had the token's text.
#[derive(Clone, Debug)]
pub struct Presented {
    id: RecordId,
    /// The fingerprint of the policy under which it was presented.
    policy: [u8; 16],
    digests: Vec<(KeyId, TokenDigest)>,
    /// Keys of the ring that can have made no live record of this policy any more.
    retired: Vec<KeyId>,
}

impl Presented {
    pub(crate) const fn new(
        id: RecordId,
        policy: [u8; 16],
        digests: Vec<(KeyId, TokenDigest)>,
        retired: Vec<KeyId>,
    ) -> Self {
        Self {
            id,
            policy,
            digests,
            retired,
        }
    }

    /// The record.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        &self.id
    }

    /// Whether it was presented under this policy: asked before a store is, which would burn the record of another.
    #[must_use]
    pub fn is_under(&self, policy: &Policy) -> bool {
        self.policy == policy.fingerprint()
    }

    /// Whether it was presented under the policy of this fingerprint.
    pub(crate) fn fits(&self, policy: &[u8; 16]) -> bool {
        self.policy == *policy
    }

    /// One digest per key, in the ring's order. A record of any other key is not to be counted.
    #[must_use]
    pub fn digests(&self) -> &[(KeyId, TokenDigest)] {
        &self.digests
    }

    /// Why a record of this key cannot be compared with what was presented; `None` if it can.
    #[must_use]
    pub fn lacks(&self, key: KeyId) -> Option<Reason> {
        if self.digests.iter().any(|(presented, _)| *presented == key) {
            None
        } else if self.retired.contains(&key) {
            Some(Reason::KeyRetired)
        } else {
            Some(Reason::KeyMissing)
        }
    }

    /// Whether one of them is this digest; every one is compared, in constant time.
    pub(crate) fn matches(&self, digest: &TokenDigest) -> bool {
        let none = Choice::from(0);
        self.digests
            .iter()
            .fold(none, |found, (_, presented)| {
                found | presented.ct_eq(digest)
            })
            .into()
    }
}
