//! The tests of bearer tokens over SQLite and PostgreSQL.

/// Named for the report of `scripts/test`.
mod sqlite {
    testing::bearers!(Sqlite);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "postgres")]
mod postgres {
    testing::bearers!(Postgres);
}
