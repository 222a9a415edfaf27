//! Yubikeys: OTPs that are checked here or by a validation server, and that server's protocol.
//!
//! | where the keys are | provider |
//! | --- | --- |
//! | the application has them | [`YubicoProvider`] |
//! | Yubico's servers, or servers of your own | `YubicoRemoteProvider`, with the feature `yubico-remote` |

#[cfg(feature = "yubico-remote")]
mod client;
mod factor;
mod local;
mod protocol;
#[cfg(feature = "yubico-remote")]
mod remote;
#[cfg(feature = "yubico-remote")]
mod reply;
#[cfg(feature = "yubico-remote")]
mod server;

pub use local::YubicoProvider;
pub use protocol::{ApiKey, BadSignature, InvalidApiKey, Status};

#[cfg(feature = "yubico-remote")]
pub use client::{ClientBuilder, ValidationClient, ValidationError};
#[cfg(feature = "yubico-remote")]
pub use remote::YubicoRemoteProvider;
#[cfg(feature = "yubico-remote")]
pub use reply::Fault;
#[cfg(feature = "yubico-remote")]
pub use server::InvalidServer;
