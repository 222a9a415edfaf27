//! The tests of `TwoFactor` over Redis and Redis Cluster.

/// Named for the report of `scripts/test`.
mod redis {
    testing::two_factor!(Redis);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "cluster")]
mod redis_cluster {
    testing::two_factor!(Cluster);
}
