//! What hears of messages that were given up.

use async_trait::async_trait;

use crate::{DeliveryError, Message};

/// Is told of messages that were refused for good. Whoever queued them was answered before, and cannot be told any more.
#[async_trait]
pub trait Undelivered: Send + Sync {
    /// This message becomes a dead letter, because of this. Where the address is to blame, such as a device that its push
    /// service no longer knows, the application stops sending there.
    async fn undelivered(&self, message: &Message<'_>, error: &DeliveryError);
}
