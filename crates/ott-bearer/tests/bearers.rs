//! The tests of bearer tokens over memory.

/// Named for the report of `scripts/test`.
mod memory {
    testing::bearers!(Memory);
}

/// The same where nothing is charged in the step of a verb.
mod apart {
    testing::bearers!(Apart);
}
