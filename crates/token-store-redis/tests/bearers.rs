//! The tests of bearer tokens over Redis and Redis Cluster.

/// Named for the report of `scripts/test`.
mod redis {
    testing::bearers!(Redis);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "cluster")]
mod redis_cluster {
    testing::bearers!(Cluster);
}
