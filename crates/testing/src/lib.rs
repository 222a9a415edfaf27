//! What the tests of several crates share.
//!
//! A [`Place`] keeps tokens, factors and limits: a test that is a function over a place runs over each
//! of them. What a test leaves in a place goes away with the test.
//!
//! `POSTGRES_URL` and `REDIS_URL` name the servers, which `scripts/with-servers` starts. A cluster is
//! started here, once in each test binary. A place without its server fails the test.

#![expect(
    clippy::missing_panics_doc,
    reason = "what panics here fails its test, and says why"
)]

mod place;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;

pub use place::{Everything, Place, Store};
