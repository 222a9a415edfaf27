//! Verbs with their charges.
//!
//! Every statement locks in this order, and so none waits in a circle: limits that are there, by key; a record or a factor; slots; new
//! records; limits that are new, by key. What is done in steps has another order (ADR 0114).

use super::{
    insert::{idle_after, insert_rows, next},
    limits::{judged, kept},
    tokens::{columns, counts, current, ended, live, mine, redeem_mine, still_current},
};

/// [`REDEEM`](super::tokens::REDEEM) where no limit refuses, and what it costs, as `Cost::given_back` says: of the limits that are `$judged`,
/// and the record that is `$mine`. What is `$earned` comes before the limits that are new, which is `$then`.
macro_rules! redeem_charged {
    ($judged:expr, $mine:expr, $redeem:expr, $earned:expr, $then:expr) => {
        concat!(
            "WITH ",
            $judged,
            ", ",
            $mine,
            ", redeemed AS (",
            $redeem,
            "), ",
            ended!("redeemed"),
            ", ",
            $earned,
            "back AS ( \
               SELECT CASE WHEN r.state = 5 THEN greatest(r.attempts, 1) ELSE 0 END AS times FROM redeemed AS r), \
             settled AS ( \
               SELECT j.*, b.times, \
                 CASE WHEN b.times > 9223372036854775807 / greatest(j.period, 1) THEN 9223372036854775807 \
                      ELSE b.times * j.period END AS micros \
               FROM judged AS j, back AS b WHERE (b.times <> 1 OR j.is_new)",
            $then,
            "), \
             paid AS MATERIALIZED ( \
               SELECT s.key, s.is_new, \
                 greatest(s.spent_full_at, -9223372036854775807 + s.micros) - s.micros AS full_at, \
                 CASE WHEN s.period = 0 THEN greatest(s.spent_count - s.times, 0) ELSE s.spent_count END AS count \
               FROM settled AS s), ",
            kept!(),
            "SELECT r.place, r.was_full_at AS full_at, r.was_count AS count, d.* \
             FROM (SELECT count(*) FROM kept) AS k LEFT JOIN refused AS r ON true LEFT JOIN redeemed AS d ON true"
        )
    };
}

/// One row: a limit that refuses, or the record, or neither.
///
/// A redeem that counted nothing charges nothing here: what it costs depends on a reason that this statement does not know.
///
/// A key without a row is inserted as in [`SPEND`](super::limits::SPEND), by a success too: if somebody else made it meanwhile, all of
/// it fails. Else a right guess would be judged by what was there when the statement began.
pub(in crate::postgres) const REDEEM_CHARGED: &str = redeem_charged!(
    judged!("$5", "$6", "$7", "$8", "$2"),
    mine!(counts!(), " AND NOT EXISTS (SELECT FROM refused)"),
    redeem_mine!(),
    "",
    ""
);

/// That it was redeemed.
macro_rules! earned {
    () => {
        " AND EXISTS (SELECT FROM redeemed AS r WHERE r.state = 5)"
    };
}

/// [`REDEEM_CHARGED`], and [`INSERT`](super::insert::INSERT) of `$1` to `$25` if it redeemed.
pub(in crate::postgres) const REDEEM_EARNING: &str = redeem_charged!(
    judged!("$30", "$31", "$32", "$33", "$27"),
    mine!(
        raising "$6::uuid[]",
        counts!("$26", "$27", "$28", "$29"),
        " AND NOT EXISTS (SELECT FROM refused)"
    ),
    redeem_mine!("$27", "$29"),
    concat!(next!(earned!()), ", ", insert_rows!(earned!()), ", "),
    " AND (SELECT count(*) FROM inserted) >= 0"
);

/// [`INSERT`](super::insert::INSERT) where no limit refuses, and what it costs. Returns the limit that refuses.
pub(in crate::postgres) const INSERT_CHARGED: &str = concat!(
    "WITH ",
    judged!("$26", "$27", "$28", "$29", "$30"),
    ", ",
    next!(" AND NOT EXISTS (SELECT FROM refused)"),
    ", ",
    insert_rows!(" AND NOT EXISTS (SELECT FROM refused)"),
    ", \
     paid AS MATERIALIZED ( \
       SELECT j.key, j.is_new, j.spent_full_at AS full_at, j.spent_count AS count FROM judged AS j \
       WHERE NOT EXISTS (SELECT FROM refused) AND (SELECT count(*) FROM inserted) >= 0), ",
    kept!(),
    "SELECT r.place, r.was_full_at AS full_at, r.was_count AS count \
     FROM refused AS r, (SELECT count(*) FROM kept) AS k"
);

/// [`FACTORS`](super::factors::FACTORS), and the limits of these keys and of the factors' ids. A row is a factor, a limit, or a factor
/// with its own.
pub(in crate::postgres) const LOOK: &str = "\
WITH listed AS MATERIALIZED ( \
  SELECT id, tenant, subject, provider, label, state, sealed, last, created_at, used_at, \
         removed_at, removed_from, removed_by \
  FROM {factors} WHERE tenant = $1::text AND subject = $2::text \
  ORDER BY CASE state WHEN 0 THEN 1 WHEN 3 THEN 2 ELSE 0 END, created_at, id LIMIT $3::bigint), \
spent AS MATERIALIZED ( \
  SELECT l.key, l.full_at, l.count FROM {limits} AS l \
  WHERE l.key = ANY ($4::uuid[] || ARRAY (SELECT f.id FROM listed AS f))) \
SELECT f.*, s.key, s.full_at, s.count FROM listed AS f FULL JOIN spent AS s ON s.key = f.id";

/// [`BURN`](super::factors::BURN) of an active factor where no limit refuses, and what it costs if it burns nothing, which it does
/// where no factor has the id `$1`. If it burns, what `$8` names is cleared, and a key without a row gets one that is as good as none,
/// for the reason that [`REDEEM_CHARGED`] has. One row: whether it burnt, and a limit that refuses.
pub(in crate::postgres) const ADVANCE_CHARGED: &str = concat!(
    "WITH ",
    judged!("$4", "$5", "$6", "$7", "$3", and " || $8::uuid[]"),
    ", burnt AS ( \
       UPDATE {factors} AS f SET last = $2::bigint, used_at = $3::bigint \
       WHERE f.id = $1::uuid AND f.state = 1 AND (f.last IS NULL OR f.last < $2::bigint) \
         AND NOT EXISTS (SELECT FROM refused) \
       RETURNING 1), \
     cleared AS ( \
       UPDATE {limits} AS l SET full_at = 0, count = 0 \
       WHERE l.key = ANY ($8::uuid[]) AND EXISTS (SELECT FROM burnt) AND (l.full_at <> 0 OR l.count <> 0) \
       RETURNING 1), \
     paid AS MATERIALIZED ( \
       SELECT j.key, j.is_new, \
         CASE WHEN b.burnt THEN j.was_full_at ELSE j.spent_full_at END AS full_at, \
         CASE WHEN b.burnt THEN j.was_count ELSE j.spent_count END AS count \
       FROM judged AS j, (SELECT EXISTS (SELECT FROM burnt) AS burnt) AS b \
       WHERE NOT EXISTS (SELECT FROM refused) AND (j.is_new OR NOT b.burnt)), ",
    kept!(),
    "SELECT EXISTS (SELECT FROM burnt) AS burnt, r.place, r.was_full_at AS full_at, r.was_count AS count \
     FROM (SELECT count(*) FROM kept) AS k CROSS JOIN (SELECT count(*) FROM cleared) AS c \
       LEFT JOIN refused AS r ON true"
);
