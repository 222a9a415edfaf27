//! The tests of flows over SQLite and PostgreSQL.

/// Named for the report of `scripts/test`.
mod sqlite {
    testing::flows!(Sqlite);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "postgres")]
mod postgres {
    testing::flows!(Postgres);
}
