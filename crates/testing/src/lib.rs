//! What the tests of several crates share.
//!
//! A [`Place`] keeps tokens, factors and limits: a test that is a function over a place runs over each
//! of them. What a test leaves in a place goes away with the test.
//!
//! `POSTGRES_URL` and `REDIS_URL` name the servers, which `scripts/with-servers` starts. A cluster is
//! started here, once in each test binary. A place without its server fails the test.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

#[cfg(feature = "answers")]
pub mod answers;
#[cfg(feature = "engine")]
pub mod application;
#[cfg(feature = "engine")]
pub mod asking;
#[cfg(feature = "bearers")]
pub mod bearers;
mod bench;
#[cfg(all(feature = "chaos", unix))]
pub mod faults;
mod fixtures;
#[cfg(feature = "flows")]
pub mod flows;
pub mod guesses;
mod held;
pub mod ledger;
mod log;
mod patience;
#[cfg(feature = "engine")]
pub mod persistence;
mod place;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "engine")]
mod provider;
#[cfg(unix)]
pub mod proxy;
#[cfg(feature = "queue")]
pub mod queue;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "spend")]
pub mod spend;
#[cfg(feature = "engine")]
pub mod telling;
pub mod tokens;
#[cfg(feature = "traced")]
mod traced;
#[cfg(feature = "engine")]
pub mod two_factor;
mod watched;
#[cfg(feature = "engine")]
pub mod world;

pub use bench::{Bench, issue_one, stated, wrong};
pub use fixtures::{KEY_1, KEY_2, alice, key_1, key_2, ring, start, subject};
pub use held::Held;
pub use log::{Log, told, words};
pub use patience::patiently;
pub use place::{Everything, Place, Store, nightly};
#[cfg(feature = "traced")]
pub use traced::Traced;
pub use watched::{Meanwhile, Opening, Watched};

/// Bodies as tests of a place, in a module for each of their files.
#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    ($place:ident $suite:ident $($file:ident { $($name:ident)+ })+) => {
        $(mod $file {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                $crate::$suite::$file::$name($crate::Place::$place).await;
            })+
        })+
    };
}
