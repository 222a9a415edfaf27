//! The tests of `Tokens` over SQLite and PostgreSQL.

/// Named for the report of `scripts/test`.
mod sqlite {
    testing::tokens!(Sqlite);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "postgres")]
mod postgres {
    testing::tokens!(Postgres);
}
