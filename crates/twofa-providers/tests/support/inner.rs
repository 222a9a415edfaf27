include!("../../../token-store/tests/support/inner.rs");
