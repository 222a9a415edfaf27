//! `docs/own-store.md` says what is so: its Rust stands in this crate, its SQL keeps the laws, its
//! columns are all there are.

#[path = "support/instead.rs"]
mod instead;

use core::time::Duration;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use instead::{Answer, Instead, Otherwise, Time};
use tempfile::TempDir;
use token_store::{
    Advanced, FactorId, Redeemed, StoreError, StoredFactor, TokenStore,
    conformance::Harness,
    ott_core::{
        Decider, KeyId, LimitState, Outcome, Presented, Reason, RecordId, State, Stored,
        StoredDecision, Subject, TokenDigest, chrono::DateTime,
    },
};
use token_store_sqlx::{
    SqliteStore,
    sqlx::{self, Row, sqlite::SqliteRow},
};

const PAGE: &str = include_str!("../../../docs/own-store.md");
const RUST: [&str; 3] = [
    include_str!("laws.rs"),
    include_str!("broken.rs"),
    include_str!("../src/store.rs"),
];

/// The page's blocks in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let begun = PAGE.split(fence.as_str()).skip(1);
    begun.filter_map(|rest| rest.split("```").next()).collect()
}

/// Each block of Rust on the page stands in this crate.
#[test]
fn page_shows_what_runs() {
    let lines =
        |text: &str| -> Vec<String> { text.lines().map(|line| line.trim().to_owned()).collect() };
    let blocks = blocks("rust");
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let (block, mut files) = (lines(block), RUST.into_iter().map(lines));
        let runs = files.any(|file| file.windows(block.len()).any(|part| part == block));
        assert!(runs, "in no file: {block:#?}");
    }
}

/// Every line counts that is neither blank nor a comment nor part of a `use`.
#[test]
fn store_is_small() {
    let (mut lines, mut imports) = (0_usize, false);
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    for file in files.expect("the crate's folder") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("Rust");
        for line in text.lines().map(str::trim) {
            imports |= line.starts_with("use ");
            let counts = !imports && !line.is_empty() && !line.starts_with("//");
            lines = lines.saturating_add(usize::from(counts));
            imports &= !line.ends_with(';');
        }
    }
    let said = format!("{lines} lines that are neither blank nor comment nor import");
    assert!(PAGE.contains(&said), "{said}");
}

/// Names every field, or does not compile.
macro_rules! fields {
    ($($type:ident { $($field:ident)* })*) => {
        /// The page names every field of what a store keeps.
        #[test]
        fn columns_on_the_page_are_all_there_are() {
            $(
                let _ = |$type { $($field: _,)* }: $type| ();
                $(
                    let name = concat!("`", stringify!($field), "`");
                    assert!(PAGE.contains(name), "{}'s {name}", stringify!($type));
                )*
            )*
        }
    };
}

fields! {
    Stored {
        id purpose key tenant subject slot policy binding digest data number max_attempts issued_at
        expires_at idle_micros tag state attempts used_at decision
    }
    StoredDecision { outcome decider data at tag }
    StoredFactor { id subject provider label state sealed last created_at used_at removal }
    LimitState { full_at count }
}

/// Redeems and advances by the page's statements, over the pool, with the tables and the other
/// verbs of `SqliteStore`.
struct Page {
    store: SqliteStore,
    folder: Arc<TempDir>,
}

impl Page {
    async fn open(folder: Arc<TempDir>) -> Arc<Instead<Self>> {
        let builder = SqliteStore::builder().timeout(Duration::from_secs(30));
        let store = builder.open(folder.path().join("tokens.db")).await;
        Arc::new(Instead(Self {
            store: store.expect("the file opens"),
            folder,
        }))
    }
}

#[async_trait]
impl Otherwise for Page {
    type Store = SqliteStore;

    fn store(&self) -> &SqliteStore {
        &self.store
    }

    async fn redeem(&self, presented: &Presented, now: Time) -> Answer<Redeemed> {
        let (id, [redeem, _]) = (presented.id(), statements());
        for _ in 0..8 {
            let mut update = sqlx::query(redeem)
                .bind(id.as_bytes().as_slice())
                .bind(now.timestamp_micros());
            for (key, digest) in presented.digests().iter().cycle().take(2) {
                update = update.bind(key.0).bind(digest.as_bytes().as_slice());
            }
            let rows = update.fetch_all(self.store.pool()).await;
            let rows = rows.map_err(StoreError::unavailable)?;
            if let Some(stored) = rows.first().map(read) {
                return Ok(match stored.state {
                    State::Spent => Redeemed::Redeemed(stored),
                    State::Exhausted => Redeemed::Refused(Reason::Exhausted),
                    _ => Redeemed::Refused(Reason::Mismatch),
                });
            }
            let Some(stored) = self.store.find(id).await? else {
                return Ok(Redeemed::Refused(Reason::Unknown));
            };
            match stored.refusal(presented, now) {
                None | Some(Reason::Mismatch) => {}
                Some(Reason::Exhausted) if stored.state != State::Exhausted => {}
                Some(reason) => return Ok(Redeemed::Refused(reason)),
            }
        }
        Err(StoreError::unavailable("the record kept changing"))
    }

    async fn advance(&self, id: &FactorId, counter: u64, now: Time) -> Answer<Advanced> {
        let counter = i64::try_from(counter).map_err(|_| StoreError::Misuse("a counter"))?;
        let [_, advance] = statements();
        let update = sqlx::query(advance)
            .bind(id.as_bytes().as_slice())
            .bind(counter)
            .bind(now.timestamp_micros());
        let done = update.execute(self.store.pool()).await;
        if done.map_err(StoreError::unavailable)?.rows_affected() > 0 {
            return Ok(Advanced::Accepted);
        }
        let active = sqlx::query("SELECT id FROM ott_factors WHERE id = ?1 AND state = 1")
            .bind(id.as_bytes().as_slice());
        let active = active.fetch_optional(self.store.pool()).await;
        let replayed = active.map_err(StoreError::unavailable)?.is_some();
        Ok(if replayed {
            Advanced::Replayed
        } else {
            Advanced::Absent
        })
    }
}

/// The record in a row.
fn read(row: &SqliteRow) -> Stored {
    let micros = |time: i64| DateTime::from_timestamp_micros(time).expect("a time");
    let decision = row.get::<Option<u8>, _>("outcome");
    let decision = decision.map(|outcome| StoredDecision {
        outcome: Outcome::from_number(outcome).expect("an outcome"),
        decider: match row.get::<Option<&str>, _>("decider_tenant") {
            Some(tenant) => {
                let person = Subject::new(tenant, row.get::<&str, _>("decider"));
                Decider::Subject(person.expect("a subject"))
            }
            None => Decider::System(row.get("decider")),
        },
        data: row.get("decision_data"),
        at: micros(row.get("decided_at")),
        tag: bytes(row.get("decision_tag")),
    });
    Stored {
        id: RecordId::from_bytes(bytes(row.get("id"))),
        purpose: row.get("purpose"),
        key: KeyId(row.get("key")),
        tenant: row.get("tenant"),
        subject: row.get("subject"),
        slot: row.get::<Option<_>, _>("slot").map(bytes),
        policy: bytes(row.get("policy")),
        binding: bytes(row.get("binding")),
        digest: TokenDigest::from_bytes(bytes(row.get("digest"))),
        data: row.get("data"),
        number: row.get("number"),
        max_attempts: row.get("max_attempts"),
        issued_at: micros(row.get("issued_at")),
        expires_at: row.get::<Option<_>, _>("expires_at").map(micros),
        idle_micros: row.get("idle_micros"),
        tag: bytes(row.get("tag")),
        state: State::from_number(row.get("state")).expect("a state"),
        attempts: row.get("attempts"),
        used_at: row.get::<Option<_>, _>("used_at").map(micros),
        decision,
    }
}

fn bytes<const N: usize>(column: &[u8]) -> [u8; N] {
    column.try_into().expect("so many bytes")
}

/// The page's `redeem` and `advance`.
fn statements() -> [&'static str; 2] {
    static STATEMENTS: LazyLock<[&str; 2]> =
        LazyLock::new(|| blocks("sql").try_into().expect("two statements"));
    *STATEMENTS
}

struct Statements;

impl Harness for Statements {
    type Store = Instead<Page>;

    async fn store(&self) -> Arc<Instead<Page>> {
        Page::open(Arc::new(tempfile::tempdir().expect("a temporary folder"))).await
    }

    async fn another(&self, store: &Arc<Instead<Page>>) -> Arc<Instead<Page>> {
        Page::open(Arc::clone(&store.0.folder)).await
    }

    async fn broken(&self) -> Arc<Instead<Page>> {
        let store = self.store().await;
        store.0.store.pool().close().await;
        store
    }

    /// The thousand are run by `token-store-sqlx`.
    fn rounds(&self) -> usize {
        200
    }
}

mod its_sql_keeps_the_laws {
    use super::Statements;

    token_store::laws!(tokens: Statements);
    token_store::laws!(factors: Statements);
}
