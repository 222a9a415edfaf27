//! The tests of `TwoFactor` over memory.

/// Named for the report of `scripts/test`.
mod memory {
    testing::two_factor!(Memory);
}

/// The same where nothing is charged in the step of a verb.
mod apart {
    testing::two_factor!(Apart);
}
