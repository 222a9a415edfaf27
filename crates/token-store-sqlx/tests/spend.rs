//! The tests of what paid messages cost, over SQLite and PostgreSQL.

/// Named for the report of `scripts/test`.
mod sqlite {
    testing::spend!(Sqlite);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "postgres")]
mod postgres {
    testing::spend!(Postgres);
}
