//! What a server's errors mean.

use redis::{RedisError, ServerErrorKind};
use token_store::StoreError;

/// Why a store did not start. No text holds an address, a password or a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is not valid, or the client cannot be made.
    #[error("the Redis client could not be made")]
    Client(#[source] RedisError),
    /// The server drops keys when its memory is full, so spent limits would come back.
    #[error("the server evicts keys (maxmemory-policy is {policy}): set noeviction")]
    Evicts {
        /// `maxmemory-policy`.
        policy: String,
    },
    /// The prefix is empty, longer than 64 bytes, or not made of ASCII letters, digits, `-`, `_`, `.`, `:`.
    #[error("a prefix is 1 to 64 letters, digits, `-`, `_`, `.` or `:`")]
    Prefix,
    /// The server did not answer, is not a primary ([`Outage::NotPrimary`]), or holds keys in the layout of another
    /// version of this crate ([`Outage::Layout`]).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a server that answers cannot be used: the source of a [`StoreError::Unavailable`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Outage {
    /// The server evicts keys.
    #[error("the server evicts keys: set maxmemory-policy to noeviction")]
    Evicts,
    /// The write is done and may be lost: fewer replicas than asked for have it.
    #[error("{acknowledged} replicas have the write, {wanted} were asked for")]
    FewReplicas {
        /// How many have it.
        acknowledged: i64,
        /// How many were asked for.
        wanted: u32,
    },
    /// The keys have the layout of another version of this crate: `docs/redis.md`, "Migrating".
    #[error("keys are laid out in version {found}, this crate reads {known}")]
    Layout {
        /// The version of the layout in Redis, 0 for none.
        found: u32,
        /// The version that this crate reads and writes.
        known: u32,
    },
    /// The primary changed, so factors, ceilings and allowances may lack its last writes; or the server was empty and
    /// nobody said that it is new. See [`RedisStore::accept_lost_writes`](crate::RedisStore::accept_lost_writes).
    #[error(
        "the primary changed (number {number}), and what it was last told may be lost: nobody \
         accepted that yet"
    )]
    Lost {
        /// The number of this primary, which `accept_lost_writes` takes.
        number: u64,
    },
    /// The server is a replica, or does not say whether it is.
    #[error("the server is not a primary, or does not say which it is")]
    NotPrimary,
    /// The answer is none that a script gives.
    #[error("the server gave an answer that was not asked for")]
    Unexpected,
}

impl From<Outage> for StoreError {
    fn from(outage: Outage) -> Self {
        Self::unavailable(outage)
    }
}

/// What an error of the client says about the store. None says anything about a token.
pub(crate) fn outage(error: RedisError) -> StoreError {
    if error.is_timeout() {
        StoreError::Timeout
    } else if error.code() == Some("WRONGTYPE") {
        StoreError::Corrupt("a key of another type")
    } else {
        StoreError::unavailable(error)
    }
}

/// Whether the server did nothing, since it is a replica.
pub(crate) fn is_replica(error: &RedisError) -> bool {
    use ServerErrorKind::{MasterDown, ReadOnly};
    is_kind(error, &[MasterDown, ReadOnly])
}

/// Whether the server refused before it did anything, since the slot is elsewhere or on its way.
pub(crate) fn is_elsewhere(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, Moved, TryAgain};
    is_kind(error, &[Ask, ClusterDown, Moved, TryAgain])
}

pub(crate) fn is_kind(error: &RedisError, kinds: &[ServerErrorKind]) -> bool {
    matches!(error.kind(), redis::ErrorKind::Server(kind) if kinds.contains(&kind))
}
