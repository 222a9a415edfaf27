//! A store that notes what it is asked, and by which request.
//!
//! A verb is a round trip: the store's own tests count the messages of each (`pg_round_trips.rs`). One client at a time.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use axum::{extract::Request, middleware::Next, response::Response};
use token_store_sqlx::token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, ConfirmIf, Cost, Decided,
    FactorChange, FactorId, FactorStore, Guess, Inserted, LimitStore, Looked, Redeemed, RemoveIf,
    Revoke, Spent, StoreError, StoreId, StoredFactor, TokenStore,
    ott_core::{
        Decision, LimitKey, LimitKind, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

/// What was asked by requests for each path.
static ASKED: Mutex<Log> = Mutex::new(Log {
    path: String::new(),
    verbs: BTreeMap::new(),
});

struct Log {
    path: String,
    verbs: BTreeMap<(String, &'static str), u64>,
}

/// Notes which request asks from now on.
pub(crate) async fn by_request(request: Request, next: Next) -> Response {
    request
        .uri()
        .path()
        .clone_into(&mut ASKED.lock().unwrap().path);
    next.run(request).await
}

/// A line for each path and verb, and how often.
pub(crate) fn so_far() -> String {
    let log = ASKED.lock().unwrap();
    let line =
        |((path, verb), times): (&(String, &'static str), &u64)| format!("{path} {verb} {times}\n");
    log.verbs.iter().map(line).collect()
}

fn note(verb: &'static str) {
    let mut log = ASKED.lock().unwrap();
    let path = log.path.clone();
    *log.verbs.entry((path, verb)).or_default() += 1;
}

/// What our server keeps everything in.
pub(crate) trait Keeps: TokenStore + LimitStore + FactorStore + 'static {}

impl<S: TokenStore + LimitStore + FactorStore + 'static> Keeps for S {}

/// A store whose verbs are noted.
pub(crate) struct Asked<S>(pub(crate) S);

macro_rules! noted {
    ($contract:ident, $store:ident => $through:expr; $($verb:ident($($name:ident: $type:ty),*) -> $told:ty;)* $(=> $($rest:item)*)?) => {
        #[async_trait]
        impl<S: Keeps> $contract for Asked<S> {
            $(
                async fn $verb(&self, $($name: $type),*) -> Result<$told, StoreError> {
                    note(stringify!($verb));
                    let $store = &self.0;
                    $through.$verb($($name),*).await
                }
            )*
            $($($rest)*)?
        }
    };
}

noted! {
    TokenStore, store => store;
    insert(batch: &[Record]) -> Inserted;
    redeem(presented: &Presented, now: DateTime<Utc>) -> Redeemed;
    decide(id: &RecordId, decision: &Decision, now: DateTime<Utc>) -> Decided;
    find(id: &RecordId) -> Option<Stored>;
    touch(id: &RecordId, now: DateTime<Utc>) -> ();
    list(subject: &Subject, purpose: Option<&Purpose>, now: DateTime<Utc>) -> Vec<Stored>;
    revoke(what: &Revoke) -> u64;
    purge(before: DateTime<Utc>, limit: u32) -> u64;
    =>
    fn charged(&self) -> Option<&dyn ChargedStore> {
        self.0.charged().map(|_| self as &dyn ChargedStore)
    }
}

noted! {
    LimitStore, store => store;
    spend(charges: &[Charge], now: DateTime<Utc>) -> Spent;
    refund(charges: &[Charge], times: u32) -> ();
    clear(key: &LimitKey) -> ();
    purge_limits(before: DateTime<Utc>, limit: u32) -> u64;
    =>
    fn keeps(&self, kind: LimitKind) -> bool {
        self.0.keeps(kind)
    }

    fn store_id(&self) -> Option<StoreId> {
        self.0.store_id()
    }
}

noted! {
    FactorStore, store => store;
    insert_factor(factor: &StoredFactor) -> bool;
    factors(subject: &Subject) -> Vec<StoredFactor>;
    confirm(id: &FactorId, counter: Option<u64>, only: ConfirmIf, now: DateTime<Utc>) -> Advanced;
    advance(id: &FactorId, counter: u64, now: DateTime<Utc>) -> Advanced;
    update(id: &FactorId, change: &FactorChange) -> bool;
    remove(id: &FactorId, only: RemoveIf, by: &[u8], now: DateTime<Utc>) -> bool;
    restore(id: &FactorId) -> bool;
    purge_factors(before: DateTime<Utc>, limit: u32) -> u64;
    =>
    fn charged_factors(&self, limits: &dyn LimitStore) -> Option<&dyn ChargedFactors> {
        self.0.charged_factors(limits).map(|_| self as &dyn ChargedFactors)
    }
}

noted! {
    ChargedStore, store => store.charged().unwrap();
    redeem_charged(presented: &Presented, cost: Cost<'_>, earned: &[Record], now: DateTime<Utc>) -> Charged<Redeemed>;
    insert_charged(batch: &[Record], charges: &[Charge], now: DateTime<Utc>) -> Charged<Inserted>;
}

noted! {
    ChargedFactors, store => store.charged_factors(store).unwrap();
    look(subject: &Subject, keys: &[LimitKey]) -> Looked;
    advance_charged(guess: Guess<'_>, now: DateTime<Utc>) -> Charged<Option<Advanced>>;
}
