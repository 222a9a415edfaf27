//! Redeeming: one statement for one record, or for several at once.

use sqlx::{AssertSqlSafe, SqliteConnection};
use token_store::{
    Redeemed, StoreError,
    ott_core::{
        Presented, Stored,
        chrono::{DateTime, Utc},
    },
};

use super::{
    returned,
    tokens::{find, live},
};
use crate::{
    error::TRIES,
    redeem::{Counts, counted, uncounted},
    rows::micros,
};

pub(super) async fn redeem(
    connection: &mut SqliteConnection,
    presented: &Presented,
    now: DateTime<Utc>,
    counts: Counts,
) -> Result<Redeemed, StoreError> {
    let statement = redeem_statement(presented.digests().len(), counts);
    for _ in 0..TRIES {
        let mut update = sqlx::query(AssertSqlSafe(statement.as_str()))
            .bind(presented.id().as_bytes().as_slice())
            .bind(micros(&now));
        for (key, digest) in presented.digests() {
            update = update.bind(key.0).bind(digest.as_bytes().as_slice());
        }
        if let Some(row) = returned(connection, update).await? {
            return counted(&row);
        }
        // Nothing was counted. The second read only learns why.
        let found = find(connection, presented.id()).await?;
        let counts_attempts = |stored: &Stored| stored.max_attempts.is_some();
        if counts == Counts::Refused && found.as_ref().is_some_and(counts_attempts) {
            return Err(StoreError::Misuse(
                "a record that counts attempts, redeemed in a transaction that may roll back",
            ));
        }
        if let Some(reason) = uncounted(found.as_ref(), presented, now) {
            return Ok(Redeemed::Refused(reason));
        }
    }
    Err(StoreError::unavailable("the record kept changing"))
}

/// `Stored::redeem` of one record, for so many keys.
fn redeem_statement(keys: usize, counts: Counts) -> String {
    let numbered = |first: usize| {
        let numbers = (first..).step_by(2).take(keys);
        names(numbers.map(|number| format!("?{number}")))
    };
    let counting = match counts {
        Counts::Yes => "",
        Counts::Refused => "AND max_attempts IS NULL",
    };
    redeem_text(&Names {
        from: "",
        id: "?1",
        now: "?2",
        keys: &numbered(3),
        digests: &numbered(4),
        and: &format!("{counting} AND {live}", live = live!()),
    })
}

/// `Stored::redeem` of several records at once, for so many keys each.
///
/// `?1` is JSON: for each an array of id, time, key, digest, key, digest, …; no id twice. Whoever
/// has fewer keys says one of them again: a null would make a comparison neither true nor false.
pub(super) fn redeem_group_statement(keys: usize) -> String {
    let pairs = || (1..=keys).zip((2usize..).step_by(2));
    let columns = pairs().map(|(n, at)| {
        let next = at.saturating_add(1);
        format!(", value ->> {at} AS k{n}, unhex(value ->> {next}) AS d{n}")
    });
    redeem_text(&Names {
        // The limit keeps the columns from being computed again wherever they are named.
        from: &format!(
            "FROM (SELECT unhex(value ->> 0) AS i, value ->> 1 AS t{} FROM json_each(?1) LIMIT -1) AS p ",
            columns.collect::<String>(),
        ),
        id: "p.i",
        now: "p.t",
        keys: &names(pairs().map(|(n, _)| format!("p.k{n}"))),
        digests: &names(pairs().map(|(n, _)| format!("p.d{n}"))),
        and: concat!("AND ", live!("p.t")),
    })
}

fn names(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// What a statement calls what is presented.
struct Names<'n> {
    from: &'n str,
    id: &'n str,
    now: &'n str,
    keys: &'n str,
    digests: &'n str,
    and: &'n str,
}

/// `Stored::redeem` as one statement: what it does not return, it did not touch.
///
/// The comparison is of keyed digests, whose equality tells nothing to somebody who cannot choose one.
fn redeem_text(names: &Names<'_>) -> String {
    let Names {
        from,
        id,
        now,
        keys,
        digests,
        and,
    } = names;
    format!(
        "UPDATE ott_tokens SET \
           attempts = min(attempts + 1, 4294967295), \
           state = CASE WHEN digest IN ({digests}) THEN 5 \
                        WHEN attempts + 1 >= max_attempts THEN 3 ELSE state END, \
           used_at = CASE WHEN digest IN ({digests}) THEN {now} ELSE used_at END \
         {from}WHERE id = {id} AND state IN (0, 1) AND key IN ({keys}) \
           AND attempts BETWEEN 0 AND 4294967295 \
           AND NOT (state = 0 AND digest IN ({digests})) {and} \
         RETURNING *"
    )
}
