//! The tests of flows over memory.

/// Named for the report of `scripts/test`.
mod memory {
    testing::flows!(Memory);
}

/// The same where nothing is charged in the step of a verb.
mod apart {
    testing::flows!(Apart);
}
