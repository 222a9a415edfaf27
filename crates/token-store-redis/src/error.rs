//! What a server's errors mean.

use redis::{RedisError, ServerErrorKind};
use token_store::StoreError;

/// Why a store did not start. No text holds an address, a password or a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be one, or the client cannot be made.
    #[error("the Redis client could not be made")]
    Client(#[source] RedisError),
    /// The server drops keys when its memory is full: spent limits would come back.
    #[error("the server evicts keys (maxmemory-policy is {policy}): set noeviction")]
    Evicts {
        /// `maxmemory-policy`.
        policy: String,
    },
    /// The prefix is empty, longer than 64 bytes, or not made of ASCII letters, digits, `-`, `_`, `.`, `:`.
    #[error("a prefix is 1 to 64 letters, digits, `-`, `_`, `.` or `:`")]
    Prefix,
    /// The server did not answer, is no primary ([`Outage::NotPrimary`]), or holds keys that another version
    /// of this crate laid out ([`Outage::Layout`]).
    #[error(transparent)]
    Store(#[from] StoreError),
    /// [`keeping_across_restarts`](crate::RedisStoreBuilder::keeping_across_restarts) was asked for,
    /// and a restart of this server may lose what it answered.
    #[error(
        "a restart of this server may lose what it answered (appendonly is {appendonly}, \
         appendfsync is {appendfsync}, no-appendfsync-on-rewrite is {no_appendfsync_on_rewrite}): \
         set yes, always and no"
    )]
    WeakDurability {
        /// Whether there is an append-only file.
        appendonly: bool,
        /// `appendfsync`, empty where `CONFIG GET` is forbidden.
        appendfsync: String,
        /// `no-appendfsync-on-rewrite`, empty where `CONFIG GET` is forbidden.
        no_appendfsync_on_rewrite: String,
    },
}

/// Why a server that answers is of no use: the source of a [`StoreError::Unavailable`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Outage {
    /// The server began to evict keys.
    #[error("the server evicts keys: set maxmemory-policy to noeviction")]
    Evicts,
    /// It was done, and may be lost: fewer replicas than asked for have it.
    #[error("{acknowledged} replicas have the write, {wanted} were asked for")]
    FewReplicas {
        /// How many have it.
        acknowledged: i64,
        /// How many were asked for.
        wanted: u32,
    },
    /// Another version of this crate laid the keys out: "Migrating" on the crate page.
    #[error("keys are laid out in version {found}, this crate reads {known}")]
    Layout {
        /// The version that stands there, 0 for none.
        found: u32,
        /// The version that this crate reads and writes.
        known: u32,
    },
    /// Factors, ceilings and allowances may lack what another primary was told, or the server was empty and
    /// nobody said that it is new: [`RedisStore::accept_lost_writes`](crate::RedisStore::accept_lost_writes).
    #[error(
        "the primary changed (number {number}), and what it was last told may be lost: nobody \
         accepted that yet"
    )]
    Lost {
        /// Which primary it is, to accept its loss by.
        number: u64,
    },
    /// The server is a replica, or hides whether it is.
    #[error("the server is not a primary, or does not say which it is")]
    NotPrimary,
    /// An answer that no script gives.
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

/// Whether the server refused before it did anything, since the slot is elsewhere or on its way.
pub(crate) fn is_elsewhere(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    let redis::ErrorKind::Server(kind) = error.kind() else {
        return false;
    };
    matches!(
        kind,
        Ask | ClusterDown | MasterDown | Moved | ReadOnly | TryAgain
    )
}
