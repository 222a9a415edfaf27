//! Tokens: each verb a statement on a connection, shared by the pool and by a caller's transaction.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};
use token_store::{
    Decided, Inserted, OpenRedeem, Opened, Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Reason, Record, RecordId, State, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    Query, SqliteStore, changed, group,
    outage::outage,
    purge::{OF_TOKENS, Purge, purge_all},
    returned,
};
use crate::{
    error::within,
    rows::{self, micros},
};

/// [`Stored::is_live`] at `?2`, or at what the time is called.
macro_rules! live {
    () => {
        live!("?2")
    };
    ($now:literal) => {
        concat!(
            "issued_at - 60000000 <= ",
            $now,
            " AND (expires_at IS NULL OR ",
            $now,
            " < expires_at + CASE WHEN approved = 1 THEN 60000000 ELSE 0 END) \
             AND (idle_micros IS NULL OR ",
            $now,
            " < coalesce(used_at, issued_at) + idle_micros)"
        )
    };
}

/// How often a verb looks again because the record changed between its two statements.
pub(super) const TRIES: u32 = 8;

#[async_trait]
impl TokenStore for SqliteStore {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            let inserted = insert(&mut transaction, batch).await?;
            end(transaction, inserted).await
        })
        .await
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        within(self.timeout, async {
            group::redeem(self, presented, now).await
        })
        .await
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        within(self.timeout, async {
            decide(&mut *self.writer().await?, id, decision, now).await
        })
        .await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        within(self.timeout, async {
            find(&mut *self.reader().await?, id).await
        })
        .await
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        within(self.timeout, async {
            touch(&mut *self.writer().await?, id, now).await
        })
        .await
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        within(self.timeout, async {
            list(&mut *self.reader().await?, subject, purpose, now).await
        })
        .await
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        within(self.timeout, async {
            revoke(&mut *self.writer().await?, what).await
        })
        .await
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        purge_all(self, Purge::new(OF_TOKENS, before, limit)).await
    }
}

#[async_trait]
impl OpenRedeem for SqliteStore {
    type Transaction = Transaction<'static, Sqlite>;

    async fn redeem_open(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Opened<Self::Transaction>, StoreError> {
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            match redeem(&mut transaction, presented, now, Counts::Yes).await? {
                Redeemed::Redeemed(stored) => Ok(Opened::Redeemed(transaction, stored)),
                Redeemed::Refused(reason) => {
                    transaction.commit().await.map_err(outage)?;
                    Ok(Opened::Refused(reason))
                }
            }
        })
        .await
    }
}

/// Supersedes and inserts, inside a transaction or savepoint that [`end`]s as the answer says.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    batch: &[Record],
) -> Result<Inserted, StoreError> {
    let slots: std::collections::HashSet<_> = batch
        .iter()
        .filter_map(|record| record.stored().slot)
        .collect();
    for slot in &slots {
        let supersede =
            sqlx::query("UPDATE ott_tokens SET state = 6 WHERE slot = ?1 AND state IN (0, 1)")
                .bind(slot.as_slice());
        changed(connection, supersede).await?;
    }
    for record in batch {
        if changed(connection, insert_one(record.stored())).await? == 0 {
            return Ok(Inserted::Collision);
        }
    }
    Ok(Inserted::Done)
}

pub(super) async fn end(
    transaction: Transaction<'_, Sqlite>,
    inserted: Inserted,
) -> Result<Inserted, StoreError> {
    match inserted {
        Inserted::Done => transaction.commit().await,
        Inserted::Collision => transaction.rollback().await,
    }
    .map_err(outage)?;
    Ok(inserted)
}

fn insert_one(stored: &Stored) -> Query<'_> {
    let decision = stored.decision.as_ref();
    sqlx::query(
        "INSERT INTO ott_tokens \
           (id, purpose, key, tenant, subject, slot, policy, binding, digest, data, number, \
            max_attempts, issued_at, expires_at, idle_micros, tag, state, attempts, used_at, \
            approved, decider_tenant, decider, decision_data, decided_at, decision_tag) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
                 ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(stored.id.as_bytes().as_slice())
    .bind(&stored.purpose)
    .bind(stored.key.0)
    .bind(&stored.tenant)
    .bind(&stored.subject)
    .bind(stored.slot.as_ref().map(<[u8; 16]>::as_slice))
    .bind(stored.policy.as_slice())
    .bind(stored.binding.as_slice())
    .bind(stored.digest.as_bytes().as_slice())
    .bind(&stored.data)
    .bind(stored.number)
    .bind(stored.max_attempts)
    .bind(micros(&stored.issued_at))
    .bind(stored.expires_at.as_ref().map(micros))
    .bind(stored.idle_micros)
    .bind(stored.tag.as_slice())
    .bind(stored.state.number())
    .bind(stored.attempts)
    .bind(stored.used_at.as_ref().map(micros))
    .bind(decision.map(|made| made.approved))
    .bind(decision.map(|made| made.decider.tenant()))
    .bind(decision.map(|made| made.decider.id()))
    .bind(decision.map(|made| made.data.as_slice()))
    .bind(decision.map(|made| micros(&made.at)))
    .bind(decision.map(|made| made.tag.as_slice()))
}

/// Whether records that count attempts may be redeemed.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Counts {
    /// They count, and that will be committed.
    Yes,
    /// They are refused: the caller might roll the count back.
    Refused,
}

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

/// The answer of a redeem that counted, by the row that it wrote.
pub(super) fn counted(row: &SqliteRow) -> Result<Redeemed, StoreError> {
    let stored = rows::stored(row)?;
    Ok(match stored.state {
        State::Spent => Redeemed::Redeemed(stored),
        State::Exhausted => Redeemed::Refused(Reason::Exhausted),
        _ => Redeemed::Refused(Reason::Mismatch),
    })
}

/// Why a redeem counted nothing. `None`: it would count now, so the record changed since.
pub(super) fn uncounted(
    found: Option<&Stored>,
    presented: &Presented,
    now: DateTime<Utc>,
) -> Option<Reason> {
    let Some(stored) = found else {
        return Some(Reason::Unknown);
    };
    match stored.refusal(presented, now)? {
        Reason::Mismatch => None,
        Reason::Exhausted if stored.state != State::Exhausted => None,
        reason => Some(reason),
    }
}

/// [`Record::redeem`] of one record, for so many keys.
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

/// [`Record::redeem`] of several records at once, for so many keys each.
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

/// [`Record::redeem`] as one statement: what it does not return, it did not touch.
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

pub(super) async fn decide(
    connection: &mut SqliteConnection,
    id: &RecordId,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<Decided, StoreError> {
    let state = if decision.approved {
        State::Ready
    } else {
        State::Denied
    };
    for _ in 0..TRIES {
        let update = sqlx::query(concat!(
            "UPDATE ott_tokens SET state = ?3, approved = ?4, decider_tenant = ?5, decider = ?6, \
               decision_data = ?7, decided_at = ?8, decision_tag = ?9 \
             WHERE id = ?1 AND state = 0 AND tenant = ?5 AND (subject IS NULL OR subject = ?6) AND ",
            live!(),
            " RETURNING *"
        ))
        .bind(id.as_bytes().as_slice())
        .bind(micros(&now))
        .bind(state.number())
        .bind(decision.approved)
        .bind(decision.decider.tenant())
        .bind(decision.decider.id())
        .bind(&decision.data)
        .bind(micros(&decision.at))
        .bind(decision.tag.as_slice());
        if let Some(row) = returned(connection, update).await? {
            return rows::stored(&row).map(Decided::Decided);
        }
        let Some(stored) = find(connection, id).await? else {
            return Ok(Decided::Refused(Reason::Unknown));
        };
        if let Some(reason) = stored.decision_refusal(decision, now) {
            return Ok(Decided::Refused(reason));
        }
    }
    Err(StoreError::unavailable("the record kept changing"))
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    id: &RecordId,
) -> Result<Option<Stored>, StoreError> {
    let select =
        sqlx::query("SELECT * FROM ott_tokens WHERE id = ?1").bind(id.as_bytes().as_slice());
    returned(connection, select)
        .await?
        .as_ref()
        .map(rows::stored)
        .transpose()
}

pub(super) async fn touch(
    connection: &mut SqliteConnection,
    id: &RecordId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let update = sqlx::query(concat!(
        "UPDATE ott_tokens SET used_at = ?2 \
         WHERE id = ?1 AND state = 1 AND (used_at IS NULL OR used_at < ?2) AND ",
        live!()
    ))
    .bind(id.as_bytes().as_slice())
    .bind(micros(&now));
    changed(connection, update).await?;
    Ok(())
}

pub(super) async fn list(
    connection: &mut SqliteConnection,
    subject: &Subject,
    purpose: Option<&Purpose>,
    now: DateTime<Utc>,
) -> Result<Vec<Stored>, StoreError> {
    let select = sqlx::query(concat!(
        "SELECT * FROM ott_tokens \
         WHERE tenant = ?1 AND subject = ?3 AND purpose = coalesce(?4, purpose) \
           AND state IN (0, 1) AND ",
        live!(),
        " ORDER BY issued_at, id"
    ))
    .bind(subject.tenant())
    .bind(micros(&now))
    .bind(subject.id())
    .bind(purpose.map(Purpose::as_str));
    let rows = select.fetch_all(connection).await.map_err(outage)?;
    rows.iter().map(rows::stored).collect()
}

pub(super) async fn revoke(
    connection: &mut SqliteConnection,
    what: &Revoke,
) -> Result<u64, StoreError> {
    let update = match what {
        Revoke::Record(id) => {
            sqlx::query("UPDATE ott_tokens SET state = 4 WHERE id = ?1 AND state IN (0, 1)")
                .bind(id.as_bytes().as_slice())
        }
        Revoke::Subject {
            subject,
            purpose,
            except,
        } => sqlx::query(
            "UPDATE ott_tokens SET state = 4 \
             WHERE tenant = ?1 AND subject = ?2 AND purpose = coalesce(?3, purpose) \
               AND id IS NOT ?4 AND state IN (0, 1)",
        )
        .bind(subject.tenant())
        .bind(subject.id())
        .bind(purpose.as_ref().map(Purpose::as_str))
        .bind(except.as_ref().map(|id| id.as_bytes().as_slice())),
    };
    changed(connection, update).await
}
