//! The tests of `TwoFactor` over memory.

/// Named for the report of `scripts/test`.
mod memory {
    testing::two_factor!(Memory);
}
