//! What every contender finds: accounts that exist, so that nothing measured is a sign-up.

/// More than are signed in within one run: nobody meets a limit that counts by account.
pub(crate) const ACCOUNTS: usize = 200_000;

pub(crate) fn address(number: usize) -> String {
    format!("user{}@example.org", number % ACCOUNTS)
}

/// The columns that a sign-in reads.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS accounts (id TEXT NOT NULL PRIMARY KEY, email TEXT NOT NULL UNIQUE)";

/// Fills the table: the same text for both databases but for where the numbers come from.
pub(crate) fn fill(numbers: &str) -> String {
    format!(
        "INSERT INTO accounts (id, email) SELECT 'id' || n, 'user' || n || '@example.org' FROM {numbers}"
    )
}

pub(crate) const SQLITE_NUMBERS: &str = "(WITH RECURSIVE numbers (n) AS \
    (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 199999) SELECT n FROM numbers)";
pub(crate) const POSTGRES_NUMBERS: &str = "generate_series(0, 199999) AS n";

/// Shared with the app of this account: 30 bytes, which are text because one peer keeps text. The peers' servers compute it too.
pub(crate) fn secret(number: usize) -> String {
    format!("secret of account {number:012}")
}

/// How somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// With a code that is mailed.
    Code,
    /// With the code of an app, behind a password that nobody checks.
    Totp,
}

impl Flow {
    pub(crate) const ALL: [Self; 2] = [Self::Code, Self::Totp];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Totp => "totp",
        }
    }
}

/// Where the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Postgres,
    Sqlite,
}

impl Place {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}
