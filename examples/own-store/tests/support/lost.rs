//! A store whose back end is gone.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use own_store::OwnStore;

/// A step panicked in the middle, so nobody trusts what the lock guards.
pub(crate) fn lost() -> OwnStore {
    let store = OwnStore::default();
    let step = || store.step(|_| panic!("the back end of this test is lost"));
    assert!(catch_unwind(AssertUnwindSafe(step)).is_err());
    store
}
