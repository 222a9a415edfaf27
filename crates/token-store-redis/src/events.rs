//! The names of the events that this crate emits.

/// A restart of the server could now lose what it answers, although
/// [`keeping_across_restarts`](crate::RedisStoreBuilder::keeping_across_restarts) is set: an operator must set
/// it back.
pub const DURABILITY_WEAK: &str = "durability.weak";
/// The primary is another one. Its number is the event's `count`, and
/// [`accept_lost_writes`](crate::RedisStore::accept_lost_writes) takes it.
pub const PRIMARY_CHANGED: &str = "primary.changed";
