//! Inserting a batch, and superseding what it takes the place of.

/// One row a slot holds the generation that is alive: raising it retires every older batch, also one
/// that is being inserted at this moment, whose rows nobody else sees yet. In one statement with the
/// rows themselves: where an id is taken, it fails as a whole and raises nothing.
///
/// Slots and rows in the order of their ids, so that two that insert the same do not wait for each
/// other in a circle.
macro_rules! next {
    ($if:expr) => {
        concat!(
            "next AS ( \
               INSERT INTO {slots} AS s (slot, generation) \
               SELECT DISTINCT n.slot, 1 FROM unnest($6::uuid[]) AS n (slot) \
                 WHERE n.slot IS NOT NULL{fresh}{all_alone}",
            $if,
            " ORDER BY n.slot \
               ON CONFLICT (slot) DO UPDATE SET generation = s.generation + 1 \
               RETURNING s.slot, s.generation)"
        )
    };
}
pub(super) use next;

/// The last moment at which a record that will be idle is not dead, 60 s of clocks included; or before, if the first use is noted by a clock
/// that is 60 s behind. The sum may leave the range of its type.
macro_rules! idle_after {
    ($row:literal) => {
        concat!(
            "least(coalesce(",
            $row,
            ".used_at, ",
            $row,
            ".issued_at::numeric - 60000000) + ",
            $row,
            ".idle_micros + 59999999, 9223372036854775807)::bigint"
        )
    };
}
pub(super) use idle_after;

/// The rows, of the generations of [`next!`]; and for a purge what may be idle before it expires, and the slots that were raised, whose older
/// rows are superseded: nobody knows yet since when, so before every time.
macro_rules! insert_rows {
    ($if:expr) => {
        concat!(
            "inserted AS ( \
             INSERT INTO {tokens} \
               (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, number, max_attempts, \
                issued_at, expires_at, idle_micros, tag, state, attempts, used_at, outcome, decider_tenant, \
                decider, decision_data, decided_at, decision_tag, generation) \
             SELECT n.*, next.generation \
             FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], \
                         $8::bytea[], $9::bytea[], $10::bytea[], $11::bigint[], $12::bigint[], $13::bigint[], \
                         $14::bigint[], $15::bigint[], $16::bytea[], $17::bigint[], $18::bigint[], \
                         $19::bigint[], $20::bigint[], $21::text[], $22::text[], $23::bytea[], $24::bigint[], \
                         $25::bytea[]) \
               AS n (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, number, \
                     max_attempts, issued_at, expires_at, idle_micros, tag, state, attempts, used_at, outcome, \
                     decider_tenant, decider, decision_data, decided_at, decision_tag) \
             LEFT JOIN next ON next.slot = n.slot \
             WHERE true{fresh}",
            $if,
            " ORDER BY n.id RETURNING id, issued_at, expires_at, idle_micros, used_at, state), \
             listed AS ( \
               INSERT INTO {ends} (after, id) \
               SELECT '-9223372036854775808'::bigint, n.slot FROM next AS n WHERE n.generation > 1 \
               UNION ALL \
               SELECT CASE WHEN i.state IN (0, 1) THEN ",
            idle_after!("i"),
            " ELSE i.issued_at END, i.id \
               FROM inserted AS i WHERE i.state NOT IN (0, 1) OR i.idle_micros IS NOT NULL \
                 AND (i.expires_at IS NULL OR i.expires_at::numeric + 60000000 > ",
            idle_after!("i"),
            "))"
        )
    };
}
pub(super) use insert_rows;

pub(in crate::postgres) const INSERT: &str = concat!(
    "WITH ",
    next!(""),
    ", ",
    insert_rows!(""),
    " SELECT 1 FROM inserted"
);
