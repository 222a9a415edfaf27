//! The tests of what waits to be sent, over SQLite and PostgreSQL.

/// Named for the report of `scripts/test`.
mod sqlite {
    testing::queue!(Sqlite);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "postgres")]
mod postgres {
    testing::queue!(Postgres);
}
