//! The tests of what paid messages cost, over memory.

/// Named for the report of `scripts/test`.
mod memory {
    testing::spend!(Memory);
}
