//! Redeeming: one statement for one record, or for several at once.
//!
//! Those for one record are one statement each, in their order.

use core::fmt::Write;
use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};
use token_store::{
    Charge, Charged, Cost, Inserted, Redeemed, StoreError,
    ott_core::{
        Presented, Record, Stored,
        chrono::{DateTime, Utc},
    },
};

use super::{
    insert::insert,
    ledger::{Json, Ledger, hex},
    outage::outage,
    returned,
    tokens::{find, live},
    verb::{Verb, Waiting},
};
use crate::{
    error::TRIES,
    redeem::{Counts, counted, uncounted},
    rows::{self, micros},
};

/// A redeem, what it costs, and what it earns.
pub(super) struct Redeem {
    pub(super) presented: Presented,
    pub(super) charges: Vec<Charge>,
    pub(super) unknown_is_free: bool,
    pub(super) earned: Vec<Record>,
    pub(super) now: DateTime<Utc>,
}

impl Redeem {
    /// Whether it may be one statement with others. What it earns may take the place of what another one redeems: then not.
    pub(super) fn is_companion(&self) -> bool {
        let mut earned = self.earned.iter();
        !earned.any(|record| record.stored().slot.is_some())
    }

    /// Charges what this answer costs. One that cannot be read costs what a wrong guess does.
    fn charge(
        &self,
        ledger: &mut Ledger,
        told: &Result<Redeemed, StoreError>,
    ) -> Result<(), StoreError> {
        let cost = Cost {
            charges: &self.charges,
            unknown_is_free: self.unknown_is_free,
        };
        let given_back = told.as_ref().map_or(0, |told| cost.given_back(told));
        ledger.charge(&self.charges, self.now, given_back)
    }

    /// Inserts what this answer earned. If it fails, the redeem does.
    async fn earn(
        &self,
        connection: &mut SqliteConnection,
        told: &Result<Redeemed, StoreError>,
    ) -> Result<(), StoreError> {
        if self.earned.is_empty() || !matches!(told, Ok(Redeemed::Redeemed(_))) {
            return Ok(());
        }
        match insert(connection, &self.earned).await? {
            Inserted::Collision => Err(StoreError::ID_TWICE),
            Inserted::Done => Ok(()),
        }
    }
}

impl Verb for Redeem {
    /// That the row cannot be read is an answer: what it counted stands.
    type Answer = Result<Charged<Redeemed>, StoreError>;

    fn is_several(&self) -> bool {
        !self.charges.is_empty() || !self.earned.is_empty()
    }

    fn charges(&self) -> &[Charge] {
        &self.charges
    }

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        ledger: &mut Ledger,
    ) -> Result<Self::Answer, StoreError> {
        ledger.read(connection, self.charges.iter()).await?;
        if let Some(refused) = ledger.refusal(&self.charges, self.now)? {
            return Ok(Ok(Charged::Refused(refused)));
        }
        let told = redeem(connection, &self.presented, self.now, Counts::Yes).await;
        let told = match told {
            Err(error) if !matches!(error, StoreError::Corrupt(_)) => return Err(error),
            told => told,
        };
        self.earn(connection, &told).await?;
        self.charge(ledger, &told)?;
        Ok(told.map(Charged::Answered))
    }
}

/// Redeems all of them, inside of SQLite's write lock.
pub(super) async fn redeem_all(
    connection: &mut SqliteConnection,
    group: &mut [&mut Waiting<Redeem>],
    ledger: &mut Ledger,
) -> Result<(), StoreError> {
    let keys = group.iter().map(|job| job.verb.presented.digests().len());
    let Some(keys) = keys.max() else {
        return Ok(());
    };
    let statement = redeem_group_statement(keys);
    for mut round in rounds(group) {
        let mut redeems = Json::default();
        round.retain(|_, at| {
            let Some(job) = group.get_mut(*at) else {
                return false;
            };
            match ledger.refusal(&job.verb.charges, job.verb.now) {
                Ok(None) => redeems.item(|text| one_of_group(text, &job.verb, keys)),
                Ok(Some(refused)) => job.answer = Some(Ok(Ok(Charged::Refused(refused)))),
                Err(error) => job.answer = Some(Err(error)),
            }
            job.answer.is_none()
        });
        let Some(redeems) = redeems.end() else {
            continue;
        };
        let mut told = HashMap::with_capacity(round.len());
        let update = sqlx::query(AssertSqlSafe(statement.as_str())).bind(redeems);
        let rows = update.fetch_all(&mut *connection).await.map_err(outage)?;
        for row in rows {
            told.insert(id_of(&row)?, counted(&row));
        }
        let silent: Vec<_> = round
            .iter()
            .filter(|(id, _)| !told.contains_key(*id))
            .filter_map(|(_, at)| group.get(*at))
            .map(|job| &job.verb)
            .collect();
        if !silent.is_empty() {
            learn_why(connection, &silent, &mut told).await?;
        }
        for (id, at) in round {
            if let (Some(job), Some(told)) = (group.get_mut(at), told.remove(&id)) {
                job.verb.earn(connection, &told).await?;
                job.verb.charge(ledger, &told)?;
                job.answer = Some(Ok(told.map(Charged::Answered)));
            }
        }
    }
    Ok(())
}

type Told = HashMap<[u8; 16], Result<Redeemed, StoreError>>;

/// Answers those that counted nothing.
async fn learn_why(
    connection: &mut SqliteConnection,
    silent: &[&Redeem],
    told: &mut Told,
) -> Result<(), StoreError> {
    let mut ids = Json::default();
    for redeem in silent {
        ids.item(|text| hex(text, redeem.presented.id().as_bytes()));
    }
    let select = "SELECT * FROM ott_tokens WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
    let rows = sqlx::query(select).bind(ids.end()).fetch_all(connection);
    let mut found = HashMap::new();
    for row in rows.await.map_err(outage)? {
        found.insert(id_of(&row)?, rows::stored(&row));
    }
    for Redeem { presented, now, .. } in silent {
        let id = *presented.id().as_bytes();
        let answer = found.remove(&id).transpose().and_then(|stored| {
            let reason = uncounted(stored.as_ref(), presented, *now);
            let reason = reason.ok_or_else(|| StoreError::unavailable("two rules disagree"));
            reason.map(Redeemed::Refused)
        });
        told.insert(id, answer);
    }
    Ok(())
}

fn id_of(row: &SqliteRow) -> Result<[u8; 16], StoreError> {
    let id: &[u8] = row.try_get("id").map_err(outage)?;
    id.try_into().map_err(|_| StoreError::Corrupt("id"))
}

/// Where the jobs of each statement stand in the group, by id: a record is once in each, a limit too, and their
/// first job in the first.
fn rounds(group: &[&mut Waiting<Redeem>]) -> Vec<HashMap<[u8; 16], usize>> {
    let mut rounds: Vec<HashMap<_, _>> = Vec::new();
    // The first round in which nothing of this name was yet.
    let mut free = HashMap::with_capacity(group.len());
    for (at, job) in group.iter().enumerate() {
        let id = *job.verb.presented.id().as_bytes();
        let limits = job.verb.charges.iter().map(|charge| *charge.key.as_bytes());
        let names = || limits.clone().chain([id]);
        let round = names().filter_map(|name| free.get(&name).copied()).max();
        let round: usize = round.unwrap_or_default();
        if round == rounds.len() {
            rounds.push(HashMap::new());
        }
        if let Some(round) = rounds.get_mut(round) {
            round.insert(id, at);
        }
        for name in names() {
            free.insert(name, round.saturating_add(1));
        }
    }
    rounds
}

/// What [`redeem_group_statement`] reads of one of them.
fn one_of_group(text: &mut String, redeem: &Redeem, keys: usize) {
    text.push('[');
    hex(text, redeem.presented.id().as_bytes());
    // Writing to a string does not fail.
    let _ = write!(text, ",{}", micros(&redeem.now));
    for (key, digest) in redeem.presented.digests().iter().cycle().take(keys) {
        let _ = write!(text, ",{},", key.0);
        hex(text, digest.as_bytes());
    }
    text.push(']');
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
fn redeem_group_statement(keys: usize) -> String {
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
