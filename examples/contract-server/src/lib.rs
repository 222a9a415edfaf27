//! What the example servers that keep somebody else's contract have in common: options, files, sealed documents,
//! sessions, TLS, and how they start and stop.
//!
//! A server flattens [`Options`] into its own, calls [`Ground::open`], has its [`Engine`] built, and says [`announce`]
//! once it answers. No module here knows a web framework; [`serve`] runs whatever is a service of hyper.

mod attempts;
mod body;
mod canned;
mod credentials;
mod database;
mod documents;
mod engine;
mod file;
#[cfg(any(debug_assertions, feature = "development"))]
mod file_clock;
mod given;
mod ground;
mod notifications;
mod objects;
mod options;
#[cfg(any(debug_assertions, feature = "development"))]
mod outbox;
mod passwords;
mod quiet_totp;
#[cfg(not(any(debug_assertions, feature = "development")))]
mod released;
mod serve;
mod sessions;
mod start;
mod statements;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod window;

// How a server starts.
pub use engine::Engine;
pub use file::read_json;
pub use ground::Ground;
pub use options::Options;
pub use serve::{Canned, Peer, every, serve};
pub use start::{Fault, Signals, announce, run, warn};
pub use tls::{Tls, TlsOptions};

// What it does for a request.
pub use attempts::Attempts;
pub use body::{Sent, read_body};
pub use credentials::Credentials;
pub use sessions::{Session, Sessions};
pub use window::{Rate, RateError};

// What it keeps.
pub use documents::{Document, DocumentError, Documents, Within, spread};
pub use given::GivenTexts;
pub use passwords::Passwords;
pub use store::{Store, Transaction};

// For development. In a build for release these are names of nothing.
#[cfg(not(any(debug_assertions, feature = "development")))]
pub use released::{FileClock, Outbox};
#[cfg(any(debug_assertions, feature = "development"))]
pub use {file_clock::FileClock, outbox::Outbox};

// Second factors.
pub use notifications::{Notifications, Standing};
pub use quiet_totp::QuietTotp;

pub use hyper;
pub use hyper_util::service::TowerToHyperService;
pub use sqlx;
