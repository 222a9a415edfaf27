//! What is written behind the store's back: rows that somebody edits, and a file that was restored.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use tempfile::TempDir;
use token_store::{
    Claimed, Clock, Event, ManualClock, Tokens, TokensError,
    events::TOKEN_REFUSED,
    ott_core::{
        Binding, Issued, KeyRing, Lookup, Matching, Policy, Purpose, Reason, Start, State, Subject,
        Verdict,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use token_store_sqlx::{
    SqliteStore,
    sqlx::{self, AssertSqlSafe},
};

const CODE: Policy = Policy::code(Purpose::new("sign-in"));
const LINK: Policy = Policy::link(Purpose::new("reset"));
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
const BEARER: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(30));
const PROMPT: Policy = Policy::link(Purpose::new("approve"))
    .lookup(Lookup::ByHandle { attempts: 5 })
    .requests(None)
    .start(Start::Waiting {
        number: Matching::TwoDigits,
        binds_subject: false,
    });
const ALL: [&Policy; 5] = [&CODE, &LINK, &RECOVERY, &BEARER, &PROMPT];
const TENANT: &str = "acme";

/// Two keys, so that a row can name another one that exists.
fn keys() -> KeyRing {
    let key = |first: u8| -> String {
        (first..)
            .take(32)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    KeyRing::from_text(&format!("1 {}\n2 {}", key(0), key(32))).expect("a key ring")
}

fn alice() -> Subject {
    Subject::new(TENANT, "alice").expect("a subject")
}

struct World {
    store: Arc<SqliteStore>,
    clock: Arc<ManualClock>,
    tokens: Tokens<SqliteStore>,
    told: Arc<Mutex<Vec<Event>>>,
}

impl World {
    async fn open(file: &Path, now: DateTime<Utc>, not_before: Option<DateTime<Utc>>) -> Self {
        let store = Arc::new(SqliteStore::open(file).await.expect("the file opens"));
        let clock = Arc::new(ManualClock::new(now));
        let told = Arc::<Mutex<Vec<Event>>>::default();
        let log = Arc::clone(&told);
        let sink = move |event: Event| log.lock().expect("no panic").push(event);
        let mut builder = Tokens::builder_shared(keys(), Arc::clone(&store))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .events(Arc::new(sink));
        for policy in ALL {
            builder = builder.policy(policy);
        }
        if let Some(time) = not_before {
            builder = builder.not_before(time);
        }
        let tokens = builder.build().expect("policies that fit");
        Self {
            store,
            clock,
            tokens,
            told,
        }
    }

    async fn issue(&self, policy: &Policy) -> Issued {
        let owner = alice();
        let issued = self.tokens.issue(policy, &Binding::subject(&owner)).await;
        issued.expect("issued")
    }

    /// Uses a token by the verb of its policy.
    async fn redeem(&self, policy: &Policy, issued: &Issued) -> Result<(), TokensError> {
        let (tokens, owner) = (&self.tokens, alice());
        let (binding, token) = (Binding::subject(&owner), issued.token.expose_secret());
        let load = async |_: Claimed| Ok(Some(Binding::subject(&alice()).into_owned()));
        if [&CODE, &PROMPT].contains(&policy) {
            let redeemed = tokens.redeem(policy, &issued.handle, &binding, token).await;
            redeemed.map(drop)
        } else if policy == &RECOVERY {
            let redeemed = tokens.redeem_by_subject(policy, &binding, token).await;
            redeemed.map(drop)
        } else if policy == &LINK {
            let redeemed = tokens.redeem_by_itself(policy, TENANT, token, load).await;
            redeemed.map(drop)
        } else {
            let authenticated = tokens.authenticate(policy, TENANT, token, load).await;
            authenticated.map(drop)
        }
    }

    /// Tries a wrong code.
    async fn guess(&self, issued: &Issued) -> Result<(), TokensError> {
        let (owner, right) = (alice(), issued.token.expose_secret());
        let wrong = if right == "000000" {
            "000001"
        } else {
            "000000"
        };
        let binding = Binding::subject(&owner);
        let redeemed = self
            .tokens
            .redeem(&CODE, &issued.handle, &binding, wrong)
            .await;
        redeemed.map(drop)
    }

    /// Edits the record's row, as somebody would who writes to the database.
    async fn edit(&self, issued: &Issued, change: &str) {
        let id = issued.record.id();
        let update = format!("UPDATE ott_tokens SET {change} WHERE id = x'{id}'");
        let done = sqlx::query(AssertSqlSafe(update))
            .execute(self.store.pool())
            .await;
        assert_eq!(done.expect("the file").rows_affected(), 1, "{change}");
    }

    fn told(&self) -> Vec<Event> {
        core::mem::take(&mut *self.told.lock().expect("no panic"))
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045, 0).expect("a time")
}

fn reason(result: Result<(), TokensError>) -> Reason {
    match result {
        Err(TokensError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

async fn in_a_folder() -> (TempDir, World) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let world = World::open(&folder.path().join("tokens.db"), now(), None).await;
    (folder, world)
}

/// A row of which any covered column was edited is refused, and an event tells so.
#[tokio::test]
async fn row_with_a_covered_column_edited_is_refused() {
    let (_folder, world) = in_a_folder().await;
    let changes = [
        "purpose = 'sign-in'",
        "key = 2",
        "tenant = 'other'",
        "subject = 'mallory'",
        "subject = NULL",
        "slot = zeroblob(16)",
        "policy = zeroblob(16)",
        "binding = zeroblob(32)",
        "digest = zeroblob(32)",
        "data = x'00'",
        "number = 7",
        "max_attempts = 60000",
        "issued_at = issued_at - 1",
        "expires_at = expires_at + 3600000000",
        "expires_at = NULL",
        "idle_micros = 1000000000",
        "tag = zeroblob(32)",
    ];
    for policy in [&LINK, &BEARER, &CODE, &RECOVERY] {
        for change in changes {
            let same = policy == &CODE && change.starts_with("purpose")
                || policy == &RECOVERY && change == "expires_at = NULL";
            // Adding to nothing is nothing.
            let nothing = policy == &RECOVERY && change.starts_with("expires_at = expires_at");
            if same || nothing {
                continue;
            }
            let what = format!("{} {change}", policy.purpose().as_str());
            let issued = world.issue(policy).await;
            world.edit(&issued, change).await;
            world.told();
            match world.redeem(policy, &issued).await {
                Err(TokensError::Rejected(_)) => {}
                other => panic!("{what}: {other:?}"),
            }
            let told = world.told();
            let refused = |told: &Event| told.name == TOKEN_REFUSED;
            assert!(told.iter().any(refused), "{what}: {told:?}");
            // Two days, so that no limit refuses instead.
            world.clock.advance(TimeDelta::days(2));
        }
        let untouched = world.issue(policy).await;
        assert!(world.redeem(policy, &untouched).await.is_ok());
    }
}

/// Editing a column that no tag covers has the effects that the docs tell, and no other.
#[tokio::test]
async fn uncovered_column_has_the_effects_that_are_told() {
    let (_folder, world) = in_a_folder().await;
    let ready = format!("state = {}", State::Ready.number());
    // A spent token is unspent until it expires, and no longer.
    let link = world.issue(&LINK).await;
    world.redeem(&LINK, &link).await.expect("the first use");
    world.edit(&link, &ready).await;
    world.redeem(&LINK, &link).await.expect("as told");
    world.edit(&link, &ready).await;
    world.clock.advance(TimeDelta::hours(1));
    assert_eq!(reason(world.redeem(&LINK, &link).await), Reason::Expired);
    // Attempts are given back; the limits of the account stand elsewhere.
    let code = world.issue(&CODE).await;
    for edited in [false, true] {
        if edited {
            world.edit(&code, "attempts = 0").await;
        }
        for _ in 0..4 {
            assert_eq!(reason(world.guess(&code).await), Reason::Mismatch);
        }
    }
    world.redeem(&CODE, &code).await.expect("as told");
    // A prompt that nobody approved does not become approved by its state.
    let prompt = world.issue(&PROMPT).await;
    assert_eq!(
        reason(world.redeem(&PROMPT, &prompt).await),
        Reason::Pending
    );
    world.edit(&prompt, &ready).await;
    let _ = reason(world.redeem(&PROMPT, &prompt).await);
}

/// A decision that was moved to another row approves nothing.
#[tokio::test]
async fn decision_moved_to_another_row_approves_nothing() {
    let (_folder, world) = in_a_folder().await;
    let (approved, other) = (world.issue(&PROMPT).await, world.issue(&PROMPT).await);
    let stored = approved.record.stored();
    let verdict = Verdict::Approve {
        number: stored.number,
    };
    let decided = world
        .tokens
        .decide(&PROMPT, approved.record.id(), &alice(), verdict, b"")
        .await;
    decided.expect("decided");
    let columns = [
        "state",
        "outcome",
        "decider_tenant",
        "decider",
        "decision_data",
        "decided_at",
        "decision_tag",
    ];
    let id = approved.record.id();
    let moved = columns
        .map(|column| format!("{column} = (SELECT {column} FROM ott_tokens WHERE id = x'{id}')"));
    world.edit(&other, &moved.join(", ")).await;
    world.told();
    assert_eq!(
        reason(world.redeem(&PROMPT, &other).await),
        Reason::DecisionForged
    );
    let told = world.told();
    assert!(told.iter().any(|told| told.name == TOKEN_REFUSED));
    world.redeem(&PROMPT, &approved).await.expect("approved");
}

/// A decision whose outcome, decider or time was edited approves nothing.
#[tokio::test]
async fn decision_that_was_edited_approves_nothing() {
    let (_folder, world) = in_a_folder().await;
    let changes = [
        "decider_tenant = NULL",
        "decider = 'mallory'",
        "decider_tenant = NULL, decider = 'captcha'",
        "decision_data = x'00'",
        "decided_at = decided_at - 1",
        "decision_tag = zeroblob(32)",
    ];
    for change in changes {
        let prompt = world.issue(&PROMPT).await;
        let number = prompt.record.stored().number;
        let approve = Verdict::Approve { number };
        let tokens = &world.tokens;
        let owner = alice();
        let decided = tokens.decide(&PROMPT, prompt.record.id(), &owner, approve, b"");
        decided.await.expect("decided");
        world.edit(&prompt, change).await;
        let told = reason(world.redeem(&PROMPT, &prompt).await);
        assert_eq!(told, Reason::DecisionForged, "{change}");
    }
    // A denial that is made an approval.
    for verdict in [Verdict::Deny, Verdict::Report] {
        let prompt = world.issue(&PROMPT).await;
        let tokens = &world.tokens;
        let owner = alice();
        let decided = tokens.decide(&PROMPT, prompt.record.id(), &owner, verdict, b"");
        decided.await.expect("decided");
        world.edit(&prompt, "state = 1, outcome = 1").await;
        let told = reason(world.redeem(&PROMPT, &prompt).await);
        assert_eq!(told, Reason::DecisionForged, "{verdict:?}");
    }
}

/// From `not_before` on, a restored file gives nothing back.
#[tokio::test]
async fn restored_file_gives_nothing_back() {
    let (folder, live) = in_a_folder().await;
    let used = [&CODE, &LINK, &RECOVERY, &BEARER];
    let mut issued = Vec::new();
    for policy in used {
        issued.push(live.issue(policy).await);
    }
    let path = |name: &str| folder.path().join(name);
    let backup = path("backup.db");
    let vacuum = format!("VACUUM INTO '{}'", backup.display());
    let pool = live.store.pool();
    sqlx::query(AssertSqlSafe(vacuum))
        .execute(pool)
        .await
        .expect("a backup");
    for (policy, issued) in used.iter().zip(&issued) {
        live.redeem(policy, issued).await.expect("the first use");
    }
    pool.close().await;
    let moment = now() + TimeDelta::minutes(1);
    for (name, guarded) in [("guarded.db", true), ("careless.db", false)] {
        std::fs::copy(&backup, path(name)).expect("a copy");
        let not_before = guarded.then_some(moment);
        let restored = World::open(&path(name), moment, not_before).await;
        for (policy, issued) in used.iter().zip(&issued) {
            let answer = restored.redeem(policy, issued).await;
            if guarded {
                assert_eq!(reason(answer), Reason::NotBefore);
            } else {
                // Which is what the page warns of.
                assert!(answer.is_ok(), "{answer:?}");
            }
            let since = restored.issue(policy).await;
            assert!(restored.redeem(policy, &since).await.is_ok());
        }
    }
}
