//! What the targets share: how they are written, codes and base32 the plain way, fixed keys and people, the rules of a record.

#![forbid(unsafe_code)]

pub mod codes;
pub mod people;
pub mod rules;
pub mod secrets;
pub mod target;
pub mod typed;

#[cfg(feature = "libfuzzer")]
pub use target::fuzz_target;

/// What a future over the store in memory answers: it waits for nobody.
///
/// # Panics
/// If it waits.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    match core::pin::pin!(future).poll(&mut context) {
        core::task::Poll::Ready(answer) => answer,
        core::task::Poll::Pending => panic!("it waits"),
    }
}
