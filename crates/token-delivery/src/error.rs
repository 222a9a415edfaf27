//! Why a message did not go out.

use core::error::Error;

use ott_core::Channel;

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
    /// No template for the message's purpose.
    #[error("no template for the purpose `{purpose}`")]
    NoTemplate {
        /// The message's purpose.
        purpose: &'static str,
    },
    /// The far end refused this message for good: trying again does not help.
    #[error("the far end refused the message")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// The far end cannot be reached or cannot take the message now; trying again may help.
    #[error("delivery is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// This delivery does not serve destinations of this kind.
    #[error("this delivery does not serve the channel `{}`", .channel.as_str())]
    WrongChannel {
        /// The destination's channel.
        channel: Channel,
    },
}
