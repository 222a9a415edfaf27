//! The tests of flows over Redis and Redis Cluster.

/// Named for the report of `scripts/test`.
mod redis {
    testing::flows!(Redis);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "cluster")]
mod redis_cluster {
    testing::flows!(Cluster);
}
