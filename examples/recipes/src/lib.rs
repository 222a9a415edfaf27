//! The recipes of the book, one a file: the book shows each file whole.
//!
//! The tests run each of them, with what must not succeed beside what must.

#![expect(
    missing_debug_implementations,
    clippy::missing_errors_doc,
    reason = "a recipe has no line that is not of its subject"
)]

pub mod api_keys;
pub mod audit_page;
pub mod import;
pub mod machines;
pub mod magic_link;
pub mod purge;
pub mod reset_link;
pub mod second_factor;
pub mod session;
pub mod support_reset;
pub mod tenants;
pub mod verify_email;

/// Whatever fails and is no refusal: the client is answered 503.
pub type Fault = Box<dyn core::error::Error + Send + Sync>;
