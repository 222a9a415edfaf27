//! What a test needs of a server that runs: the process, a client, its files.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "what panics here fails its test, and says why"
)]

mod chromedriver;
mod client;
mod openapi;
mod process;
mod schema;

pub use chromedriver::{Chromedriver, NO_CHROMIUM};
pub use client::{Client, Request, Response};
pub use openapi::OpenApi;
pub use process::Running;
pub use schema::Schema;
