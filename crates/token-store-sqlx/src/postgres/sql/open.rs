//! What a statement says more where it stands in an open transaction.

/// What `{fresh}` stands for in an open transaction: it finds nothing where it would be shown the rows
/// of another moment than now, and a newer batch of a slot not at all.
pub(in crate::postgres) const FRESH: &str =
    " AND current_setting('transaction_isolation') IN ('read committed', 'read uncommitted')";

/// Whether a statement there finds anything.
pub(in crate::postgres) const ISOLATION: &str = "\
SELECT current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') AS fresh";

/// A call of this function with the number of a subject's lock.
macro_rules! subject_lock {
    ($lock:literal, $tenant:literal, $subject:literal) => {
        concat!(
            $lock,
            "(hashtextextended(('{tokens} ' || ",
            $tenant,
            " || ' ' || ",
            $subject,
            ") COLLATE \"C\", 0))"
        )
    };
}
pub(super) use subject_lock;

/// What `{alone}` stands for on an open transaction: the lock of the record's subject, before any row
/// is looked at. On a connection of the pool it is nothing: a statement that waits with one row in its
/// hands holds nobody up in a circle.
///
/// Whoever keeps a record locked may want the next one of the same subject: a code's transaction
/// revokes the link beside it, while the link's revokes the code. With this lock one of them waits
/// before it has anything, and then finds its record revoked.
pub(in crate::postgres) const ALONE: &str = concat!(
    " AND (SELECT count(",
    subject_lock!("pg_advisory_xact_lock", "a.tenant", "a.subject"),
    ") FROM {tokens} AS a WHERE a.id = $1::uuid AND a.subject IS NOT NULL) >= 0"
);

/// What `{all_alone}` stands for on an open transaction: the locks of the batch's subjects, before a
/// slot's row is.
pub(in crate::postgres) const ALL_ALONE: &str = concat!(
    " AND (SELECT count(",
    subject_lock!("pg_advisory_xact_lock", "a.tenant", "a.subject"),
    ") FROM (SELECT DISTINCT b.tenant, b.subject FROM unnest($4::text[], $5::text[]) \
       AS b (tenant, subject) WHERE b.subject IS NOT NULL ORDER BY b.tenant, b.subject) AS a) >= 0"
);
