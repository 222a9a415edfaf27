//! One way to write a target: a program of libFuzzer's, or a function that a test calls with one input.

#[doc(hidden)]
#[cfg(not(feature = "libfuzzer"))]
pub use arbitrary;
#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys::fuzz_target;

/// Defines `replay`, which tries the target with one input as libFuzzer would.
#[cfg(not(feature = "libfuzzer"))]
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: $type:ty| $body:expr) => {
        pub fn replay(bytes: &[u8]) {
            fn tried($input: $type) {
                $body
            }

            let bytes = $crate::target::arbitrary::Unstructured::new(bytes);
            if let Ok(input) = $crate::target::arbitrary::Arbitrary::arbitrary_take_rest(bytes) {
                tried(input);
            }
        }
    };
}
