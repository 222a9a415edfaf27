//! Settings of the store.

use core::time::Duration;

use super::{PostgresStore, names::Names};

/// Longer than a healthy server ever needs, shorter than a person waits.
const TIMEOUT: Duration = Duration::from_secs(5);

impl PostgresStore {
    /// A store with settings.
    pub fn builder() -> PostgresStoreBuilder {
        PostgresStoreBuilder {
            names: Names {
                schema: "public".into(),
                prefix: "ott_".into(),
            },
            timeout: TIMEOUT,
            accepts_late_statements: false,
            accepts_weak_commits: false,
            pooler: Pooler::Refused,
        }
    }
}

/// Settings of a [`PostgresStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PostgresStoreBuilder {
    pub(super) names: Names,
    pub(super) timeout: Duration,
    pub(super) accepts_late_statements: bool,
    pub(super) accepts_weak_commits: bool,
    pub(super) pooler: Pooler,
}

/// What to do behind a proxy that gives each transaction another connection of the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pooler {
    /// Named statements: they would be missing, or somebody else's.
    Refused,
    /// It follows named statements by itself.
    Accepted,
    /// Unnamed statements, each in a transaction.
    Expected,
}

impl PostgresStoreBuilder {
    /// The schema that the tables are in; `public` unless set. It is made if there is none.
    ///
    /// Lower-case letters, digits and underscores, no digit first.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.names.schema = schema.into();
        self
    }

    /// What the names of tables and indexes start with; `ott_` unless set.
    ///
    /// Lower-case letters, digits and underscores, no digit first; at most 46.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.names.prefix = prefix.into();
        self
    }

    /// How long a verb may take before it is [`StoreError::Timeout`](token_store::StoreError::Timeout);
    /// 5 seconds unless set.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Accepts a server whose commits may be lost (`fsync` or `full_page_writes` off), or a pool that
    /// does not wait for them (`synchronous_commit` off). After a crash, a token that was spent just
    /// before can be spent again, and a guess just before is not counted.
    pub const fn accepting_weak_commits(mut self) -> Self {
        self.accepts_weak_commits = true;
        self
    }

    /// Accepts a pool whose connections have no `statement_timeout`, or one that is not below the
    /// store's time-out. If a verb times out, the server then goes on with its statement. A statement
    /// that waits for a lock goes on waiting, each in a process of the server, and may be done long
    /// after the verb returned [`StoreError::Timeout`](token_store::StoreError::Timeout).
    pub const fn accepting_late_statements(mut self) -> Self {
        self.accepts_late_statements = true;
        self
    }

    /// For a proxy that gives each transaction another connection of the server, as PgBouncer does
    /// with `pool_mode = transaction`: statements have no names, and each verb is a transaction.
    ///
    /// That costs three more round trips a verb. Without a transaction, the proxy could prepare a
    /// statement on one connection and run it on another, where it is another client's.
    pub const fn behind_transaction_pooler(mut self) -> Self {
        self.pooler = Pooler::Expected;
        self
    }

    /// For such a proxy that keeps track of named statements itself, as PgBouncer does from 1.21 on with
    /// `max_prepared_statements` above 0: one round trip a verb. Through a proxy that does not, a verb
    /// may run another verb's statement.
    pub const fn accepting_named_statements_through_a_pooler(mut self) -> Self {
        self.pooler = Pooler::Accepted;
        self
    }
}
