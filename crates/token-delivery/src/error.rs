//! Why a message did not go out.

use core::error::Error;

use ott_core::{
    Channel,
    chrono::{DateTime, Utc},
};

/// Why a message did not go out; it says nothing about the token.
///
/// Neither its text nor that of its sources holds a token, a code, a link or an address. Write it to the
/// log. If a form accepts unknown addresses, keep it out of the answer: it shows who has an account.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The delivery cannot work as it was set up; trying again does not help.
    #[error("delivery is misconfigured: {which}")]
    Misconfigured {
        /// What is wrong.
        which: &'static str,
        /// What the far end or the operating system said.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A limit on what paid messages cost stands against it: it was offered to nobody.
    #[error("the message was kept back: the limit of the {} is reached", .limit.as_str())]
    KeptBack {
        /// Which limit.
        limit: SpendLimit,
        /// When one is allowed again; `None` where time does not help.
        retry_at: Option<DateTime<Utc>>,
    },
    /// No template for the message's purpose.
    #[error("no template for the purpose `{purpose}`")]
    NoTemplate {
        /// The message's purpose.
        purpose: &'static str,
    },
    /// As many messages wait in the tenant's line as it holds: this one was not taken.
    #[error("the queue is full")]
    QueueFull,
    /// The far end refused this message for good: trying again does not help.
    #[error("the far end refused the message")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// The far end cannot be reached or cannot take the message now; trying again may help.
    #[error("delivery is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The device is no longer registered where its pushes go: none will arrive at this address. Forget the address.
    #[error("the device is no longer registered")]
    Unregistered(#[source] Box<dyn Error + Send + Sync>),
    /// Nobody refused the message: it cannot go this way, and was not offered. Trying again does not help.
    #[error("the message was not sent: {which}")]
    Unsendable {
        /// What is in the way.
        which: &'static str,
    },
    /// This delivery does not serve destinations of this kind.
    #[error("this delivery does not serve the channel `{}`", .channel.as_str())]
    WrongChannel {
        /// The destination's channel.
        channel: Channel,
    },
}

/// Which limit stands against a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpendLimit {
    /// Numbers that differ in their last four digits alone.
    Block,
    /// The budget.
    Budget,
    /// The number itself.
    Destination,
    /// No price is named for such numbers.
    Price,
}

impl SpendLimit {
    /// Its name, for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Budget => "budget",
            Self::Destination => "destination",
            Self::Price => "price",
        }
    }
}
