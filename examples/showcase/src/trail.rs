//! What happened to each account: kept in the database, so much of each kind.

use core::time::Duration;
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry as Slot},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sqlx::SqlitePool;
use tokio::sync::Notify;
use twofa_providers::{
    events::PROVIDER_VERIFIED,
    token_store::{
        Event, EventSink,
        events::{
            STORE_FAILED, TOKEN_AUTHENTICATED, TOKEN_ISSUED, TOKEN_PARKED, TOKEN_REDEEMED,
            TOKEN_REFUSED, TOKEN_REVOKED,
        },
        ott_core::{
            Policy, Subject,
            chrono::{DateTime, Utc},
        },
    },
};

use crate::{
    app::{PROOF, RECOVERY, TRUSTED},
    asker::Asker,
    error::AppError,
    log, recovery,
};

/// Kept of each kind of event of an account, the latest. What strangers can cause, such as refusals, are kinds
/// of their own: however many they are, nothing else goes for them.
const OF_A_KIND: usize = 25;
/// Kinds that wait to be written. An outage of the database makes them no more than these.
const WAITING: usize = 10_000;
/// Between two writes: what happens meanwhile is one commit, and what a crash loses.
const PAUSE: Duration = Duration::from_millis(200);

/// One kind of event of one account. Empty where a field does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    account: String,
    pub(crate) name: String,
    pub(crate) purpose: String,
    pub(crate) provider: String,
    pub(crate) reason: String,
}

/// One event of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    at: i64,
    pub(crate) count: Option<i64>,
    /// Who asked for it: empty where nobody did.
    pub(crate) asker: Asker,
}

impl Entry {
    /// What of an event is kept, if it is news to somebody.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let account = event.subject.as_ref()?.id().to_owned();
        if is_no_news(event) {
            return None;
        }
        let reason = event.reason.map(|reason| format!("{reason:?}"));
        Some(Self {
            kind: Kind {
                account,
                name: event.name.into(),
                purpose: event.purpose.unwrap_or_default().into(),
                provider: event.provider.clone().unwrap_or_default(),
                reason: reason.unwrap_or_default(),
            },
            at: event.at.timestamp_micros(),
            count: event.count.and_then(|count| i64::try_from(count).ok()),
            asker: Asker::now(),
        })
    }

    pub(crate) fn at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.at).unwrap_or_default()
    }
}

/// An entry's columns, in the order of [`Entry`] and [`Kind`].
type Row = (
    String,
    String,
    String,
    String,
    String,
    i64,
    Option<i64>,
    String,
    String,
);

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        let (account, name, purpose, provider, reason, at, count, browser, network) = row;
        let kind = Kind {
            account,
            name,
            purpose,
            provider,
            reason,
        };
        Self {
            kind,
            at,
            count,
            asker: Asker { browser, network },
        }
    }
}

/// A session proves itself, and its proof is parked and taken up again, with every page; and a set that
/// was made, a code that was used or a device that is trusted is told once.
fn is_no_news(event: &Event) -> bool {
    let is = |policy: &Policy| event.purpose == Some(policy.purpose().as_str());
    match event.name {
        TOKEN_AUTHENTICATED => true,
        TOKEN_ISSUED | TOKEN_REDEEMED => is(&RECOVERY) || is(&PROOF) || is(&TRUSTED),
        // There was nothing to end.
        TOKEN_REVOKED => event.count == Some(0),
        TOKEN_PARKED | TOKEN_REFUSED => is(&PROOF),
        PROVIDER_VERIFIED => event.provider.as_deref() == Some(recovery::ID),
        _ => false,
    }
}

/// Keeps events that are somebody's. The others are the operator's.
pub(crate) struct Trail {
    pool: SqlitePool,
    waiting: Mutex<HashMap<Kind, VecDeque<Entry>>>,
    /// Something waits.
    wake: Notify,
    /// Held while what waited is written: whoever reads then reads it too.
    writing: tokio::sync::Mutex<()>,
    #[cfg(test)]
    failed: Mutex<Vec<&'static str>>,
}

impl Trail {
    pub(crate) async fn open(pool: SqlitePool) -> Result<Self, AppError> {
        for statement in [
            "CREATE TABLE IF NOT EXISTS activity (
                id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, name TEXT NOT NULL,
                purpose TEXT NOT NULL, provider TEXT NOT NULL, reason TEXT NOT NULL,
                at INTEGER NOT NULL, count INTEGER, browser TEXT NOT NULL, network TEXT NOT NULL)",
            "CREATE INDEX IF NOT EXISTS activity_of
                ON activity (account, name, purpose, provider, reason)",
        ] {
            sqlx::query(statement).execute(&pool).await?;
        }
        Ok(Self {
            pool,
            waiting: Mutex::default(),
            wake: Notify::new(),
            writing: tokio::sync::Mutex::default(),
            #[cfg(test)]
            failed: Mutex::default(),
        })
    }

    /// What happened to an account, newest first.
    pub(crate) async fn of(&self, subject: &Subject) -> Result<Vec<Entry>, AppError> {
        self.write().await?;
        let find = "SELECT account, name, purpose, provider, reason, at, count, browser, network
            FROM activity WHERE account = ? ORDER BY id DESC";
        let find = sqlx::query_as(find).bind(subject.id());
        let rows: Vec<Row> = find.fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(Entry::from).collect())
    }

    /// Writes what happens, for ever.
    pub(crate) async fn keep_writing(&self) {
        loop {
            self.wake.notified().await;
            if let Err(AppError::Unavailable(error)) = self.write().await {
                log::outage(&*error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Writes what waits. What cannot be written waits on.
    pub(crate) async fn write(&self) -> Result<(), AppError> {
        let _writing = self.writing.lock().await;
        let mut taken = core::mem::take(&mut *self.waiting());
        if taken.is_empty() {
            return Ok(());
        }
        let written = self.write_all(&taken).await;
        if written.is_err() {
            let mut waiting = self.waiting();
            for (kind, later) in waiting.drain() {
                let entries = taken.entry(kind).or_default();
                later.into_iter().for_each(|entry| push(entries, entry));
            }
            *waiting = taken;
            self.wake.notify_one();
        }
        written
    }

    async fn write_all(&self, taken: &HashMap<Kind, VecDeque<Entry>>) -> Result<(), AppError> {
        let mut all = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut entries: Vec<&Entry> = taken.values().flatten().collect();
        entries.sort_by_key(|entry| entry.at);
        for entry in entries {
            let add = "INSERT INTO activity
                (account, name, purpose, provider, reason, at, count, browser, network)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
            bound(add, &entry.kind)
                .bind(entry.at)
                .bind(entry.count)
                .bind(entry.asker.browser.clone())
                .bind(entry.asker.network.clone())
                .execute(&mut *all)
                .await?;
        }
        for kind in taken.keys() {
            let remove =
                "DELETE FROM activity WHERE id IN (SELECT id FROM activity WHERE account = ?
                AND name = ? AND purpose = ? AND provider = ? AND reason = ?
                ORDER BY id DESC LIMIT -1 OFFSET ?)";
            let most = i64::try_from(OF_A_KIND).unwrap_or(i64::MAX);
            bound(remove, kind).bind(most).execute(&mut *all).await?;
        }
        Ok(all.commit().await?)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Kind, VecDeque<Entry>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the store failed at this verb.
    #[cfg(test)]
    pub(crate) fn failed(&self, verb: &str) -> usize {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.iter().filter(|failed| **failed == verb).count()
    }
}

type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bound(statement: &'static str, kind: &Kind) -> Query {
    let Kind {
        account,
        name,
        purpose,
        provider,
        reason,
    } = kind.clone();
    sqlx::query(statement)
        .bind(account)
        .bind(name)
        .bind(purpose)
        .bind(provider)
        .bind(reason)
}

fn push(entries: &mut VecDeque<Entry>, entry: Entry) {
    if entries.len() == OF_A_KIND {
        entries.pop_front();
    }
    entries.push_back(entry);
}

impl EventSink for Trail {
    fn emit(&self, event: Event) {
        if event.name == STORE_FAILED {
            let verb = event.verb.unwrap_or("unknown");
            log::complain(&format!("the store failed: {verb}"));
            #[cfg(test)]
            self.failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(verb);
        }
        let Some(entry) = Entry::of(&event) else {
            return;
        };
        let mut waiting = self.waiting();
        let kinds = waiting.len();
        match waiting.entry(entry.kind.clone()) {
            Slot::Occupied(entries) => push(entries.into_mut(), entry),
            Slot::Vacant(slot) if kinds < WAITING => push(slot.insert(VecDeque::new()), entry),
            Slot::Vacant(_) => {}
        }
        self.wake.notify_one();
    }
}
