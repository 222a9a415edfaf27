//! The tests of `TwoFactor` over SQLite and PostgreSQL.

/// Named for the report of `scripts/test`.
mod sqlite {
    testing::two_factor!(Sqlite);
}

/// Named for the report of `scripts/test`.
#[cfg(feature = "postgres")]
mod postgres {
    testing::two_factor!(Postgres);
}
