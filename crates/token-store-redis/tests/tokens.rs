//! The tests of `Tokens` over Redis and Redis Cluster.

/// Named for the report of `scripts/test`.
mod redis {
    testing::tokens!(Redis);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "cluster")]
mod redis_cluster {
    testing::tokens!(Cluster);
}
