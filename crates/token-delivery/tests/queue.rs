//! The tests of what waits to be sent, over memory.

/// Named for the report of `scripts/test`.
mod memory {
    testing::queue!(Memory);
}
