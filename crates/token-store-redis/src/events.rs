//! The names of the events that this crate emits.

/// The primary is another one. Its number is the event's `count`, and
/// [`accept_lost_writes`](crate::RedisStore::accept_lost_writes) takes it.
pub const PRIMARY_CHANGED: &str = "primary.changed";
