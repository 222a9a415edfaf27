//! The tests of what paid messages cost, over Redis and Redis Cluster.

/// Named for the report of `scripts/test`.
mod redis {
    testing::spend!(Redis);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "cluster")]
mod redis_cluster {
    testing::spend!(Cluster);
}
