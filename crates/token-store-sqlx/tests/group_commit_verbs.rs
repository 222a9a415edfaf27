//! Every verb that writes shares a commit with all that wait: one after another in what they count, and nobody's failure or
//! absence is another's. `group_commit.rs` has what concerns redeems alone.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use core::{
    fmt::Debug,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use fixture::{Fixture, LINK, PROMPT, RECOVERY, now};
use token_store::{
    Charge, Charged, ChargedFactors, ChargedStore, ConfirmIf, Cost, Decided, FactorChange,
    FactorState, FactorStore, Guess, LimitStore, Redeemed, RemoveIf, Revoke, Spent, StoreError,
    TokenStore,
    ott_core::{Decision, Issued, Limit, LimitKey, LimitScope, Presented, Record},
};
use token_store_sqlx::{
    SqliteStore,
    sqlx::{self, AssertSqlSafe},
};

const FREE: Cost<'static> = Cost {
    charges: &[],
    unknown_is_free: true,
};

/// What a verb answered, in words.
type Told = Result<String, StoreError>;
type Verb<'s> = Pin<Box<dyn Future<Output = Told> + Send + 's>>;

fn verb<'s, T: Debug>(verb: impl Future<Output = Result<T, StoreError>> + Send + 's) -> Verb<'s> {
    Box::pin(async { verb.await.map(|answer| format!("{answer:?}")) })
}

/// What each verb is asked about: nothing is two verbs'.
struct Prepared {
    inserted: Record,
    replaced: Issued,
    replacing: Record,
    right: Presented,
    earning: Presented,
    earned: Record,
    prompt: Issued,
    approval: Decision,
    touched: Issued,
    revoked: Issued,
    charges: [Charge; 3],
    /// Charged by the wrong guess.
    guessed: [Charge; 1],
    /// Asked by the right guess, which clears the second.
    asked: [Charge; 2],
}

const NAMES: [&str; 18] = [
    "insert",
    "insert into a slot",
    "redeem",
    "redeem and earn",
    "decide",
    "touch",
    "revoke",
    "spend",
    "refund",
    "clear",
    "insert_factor",
    "confirm",
    "advance",
    "update",
    "remove",
    "restore",
    "advance_charged, wrong",
    "advance_charged",
];
const MANY: usize = NAMES.len();

async fn prepare(fixture: &Fixture) -> Prepared {
    let store = &fixture.store;
    let replaced = fixture.insert(&RECOVERY).await;
    let prompt = fixture.insert(&PROMPT).await;
    let redeemed = fixture.insert(&LINK).await;
    let earning = fixture.insert(&LINK).await;
    let charge = |name| Charge {
        key: LimitKey::new(LimitScope::Application, name, &fixture.binding()),
        limit: Limit::ceiling(5),
    };
    let charges = ["a", "b", "c"].map(charge);
    store.spend(&charges, now()).await.unwrap();
    let (guessed, asked) = (["d"].map(charge), ["e", "f"].map(charge));
    for _ in 0..2 {
        store.spend(&guessed, now()).await.unwrap();
    }
    store.spend(&asked[1..], now()).await.unwrap();
    for (id, state) in [
        (2, FactorState::Pending),
        (3, FactorState::Active),
        (4, FactorState::Active),
        (5, FactorState::Active),
        (6, FactorState::Active),
        (7, FactorState::Active),
    ] {
        let factor = fixture.factor(id, state);
        assert!(store.insert_factor(&factor).await.unwrap());
    }
    let removed = fixture.factor(6, FactorState::Active).id;
    let removed = store.remove(&removed, RemoveIf::Always, &[], now());
    assert!(removed.await.unwrap());
    Prepared {
        inserted: fixture.issue(&LINK).record,
        replacing: fixture.issue(&RECOVERY).record,
        right: fixture.right(&LINK, &redeemed),
        earning: fixture.right(&LINK, &earning),
        earned: fixture.issue(&LINK).record,
        approval: fixture.approval(&prompt),
        touched: fixture.insert(&LINK).await,
        revoked: fixture.insert(&LINK).await,
        replaced,
        prompt,
        charges,
        guessed,
        asked,
    }
}

/// All of them, in the order of [`NAMES`].
fn verbs<'s>(
    store: &'s SqliteStore,
    fixture: &'s Fixture,
    prepared: &'s Prepared,
) -> Vec<Verb<'s>> {
    let [spent, refunded, cleared] = &prepared.charges;
    let factor = |id| fixture.factor(id, FactorState::Active);
    vec![
        verb(store.insert(core::slice::from_ref(&prepared.inserted))),
        verb(store.insert(core::slice::from_ref(&prepared.replacing))),
        verb(async {
            Ok(matches!(
                store.redeem(&prepared.right, now()).await?,
                Redeemed::Redeemed(_)
            ))
        }),
        verb(async {
            let earned = core::slice::from_ref(&prepared.earned);
            let told = store.redeem_charged(&prepared.earning, FREE, earned, now());
            Ok(matches!(
                told.await?,
                Charged::Answered(Redeemed::Redeemed(_))
            ))
        }),
        verb(async {
            let id = prepared.prompt.record.id();
            let decided = store.decide(id, &prepared.approval, now()).await?;
            Ok(matches!(decided, Decided::Decided(_)))
        }),
        verb(store.touch(prepared.touched.record.id(), now())),
        verb(async {
            store
                .revoke(&Revoke::Record(*prepared.revoked.record.id()))
                .await
        }),
        verb(store.spend(core::slice::from_ref(spent), now())),
        verb(store.refund(core::slice::from_ref(refunded), 1)),
        verb(store.clear(&cleared.key)),
        verb(async move { store.insert_factor(&factor(1)).await }),
        verb(async move {
            store
                .confirm(&factor(2).id, Some(1), ConfirmIf::Always, now())
                .await
        }),
        verb(async move { store.advance(&factor(3).id, 1, now()).await }),
        verb(async move {
            store
                .update(&factor(4).id, &FactorChange::Label("other".into()))
                .await
        }),
        verb(async move {
            store
                .remove(&factor(5).id, RemoveIf::Always, &[], now())
                .await
        }),
        verb(async move { store.restore(&factor(6).id).await }),
        verb(async {
            let guess = Guess {
                right: None,
                charges: &prepared.guessed,
                cleared: &[],
            };
            store.advance_charged(guess, now()).await
        }),
        verb(async move {
            let guess = Guess {
                right: Some((factor(7).id, 2)),
                charges: &prepared.asked,
                cleared: &prepared.asked[1..]
                    .iter()
                    .map(|charge| charge.key)
                    .collect::<Vec<_>>(),
            };
            store.advance_charged(guess, now()).await
        }),
    ]
}

/// What each answers when it is done.
const DONE: [&str; MANY] = [
    "Done",
    "Done",
    "true",
    "true",
    "true",
    "()",
    "1",
    "Allowed",
    "()",
    "()",
    "true",
    "Accepted",
    "Accepted",
    "true",
    "true",
    "true",
    "Answered(None)",
    "Answered(Some(Accepted))",
];

/// Whether what each of them does is done.
async fn effects(store: &SqliteStore, prepared: &Prepared) -> [bool; MANY] {
    let find = |id| async move { store.find(&id).await.unwrap() };
    let state = |id| async move {
        store
            .find(&id)
            .await
            .unwrap()
            .map(|found| found.state.number())
    };
    let used = |id| async move { store.find(&id).await.unwrap().unwrap().used_at.is_some() };
    let count = |charge: Charge| async move {
        let select = "SELECT count FROM ott_limits WHERE key = ?1";
        let count = sqlx::query_scalar::<_, i64>(select).bind(charge.key.as_bytes().as_slice());
        count.fetch_optional(store.pool()).await.unwrap()
    };
    let factor = |id: u8, holds: &'static str| async move {
        let select = format!("SELECT count(*) FROM ott_factors WHERE id = ?1 AND {holds}");
        let select = sqlx::query_scalar::<_, i64>(AssertSqlSafe(select)).bind(vec![id; 16]);
        select.fetch_one(store.pool()).await.unwrap() == 1
    };
    let replaced = state(*prepared.replaced.record.id()).await == Some(6);
    assert_eq!(
        find(*prepared.replacing.id()).await.is_some(),
        replaced,
        "half of an insert"
    );
    let earned = find(*prepared.earned.id()).await.is_some();
    let earning = state(*prepared.earning.id()).await == Some(5);
    assert_eq!(earned, earning, "half of a redeem that earns");
    let [spent, refunded, cleared] = prepared.charges;
    let [asked, failures] = prepared.asked;
    assert_eq!(count(asked).await, None, "a charge of a success");
    let burnt = factor(7, "last = 2").await;
    let left = (!burnt).then_some(1);
    assert_eq!(count(failures).await, left, "half of a right guess");
    [
        find(*prepared.inserted.id()).await.is_some(),
        replaced,
        state(*prepared.right.id()).await == Some(5),
        earned,
        state(*prepared.prompt.record.id()).await == Some(1),
        used(*prepared.touched.record.id()).await,
        state(*prepared.revoked.record.id()).await == Some(4),
        count(spent).await == Some(2),
        count(refunded).await == Some(0),
        count(cleared).await.is_none(),
        factor(1, "true").await,
        factor(2, "state = 1").await,
        factor(3, "last = 1").await,
        factor(4, "label = 'other'").await,
        factor(5, "state = 3").await,
        factor(6, "state = 1").await,
        count(prepared.guessed[0]).await == Some(3),
        burnt,
    ]
}

/// Begins it, and it waits.
fn begin(verb: &mut Verb<'_>) {
    let polled = verb.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
}

/// Polls each once while somebody else has the turn: all of them wait together.
async fn wait_together(fixture: &Fixture, verbs: &mut [Verb<'_>]) {
    let mut held = Vec::new();
    for _ in 0..fixture.store.pool().options().get_max_connections() {
        held.push(fixture.store.pool().acquire().await.unwrap());
    }
    let other = fixture.issue(&LINK).record;
    let batch = [other];
    let mut first = verb(fixture.store.insert(&batch));
    begin(&mut first);
    verbs.iter_mut().for_each(begin);
    drop(held);
    assert_eq!(first.await.unwrap(), "Done");
}

async fn end(verbs: Vec<Verb<'_>>) -> Vec<Told> {
    let mut told = Vec::new();
    for verb in verbs {
        told.push(verb.await);
    }
    told
}

/// The commit frames of the write-ahead log; as in `group_commit.rs`.
fn commits(fixture: &Fixture) -> usize {
    let log = std::fs::read(fixture.path().with_extension("db-wal")).unwrap();
    let (_, frames) = log.split_at(32);
    let commit = |frame: &&[u8]| frame.get(4..8) != Some(&[0; 4]);
    frames.chunks_exact(24 + 4_096).filter(commit).count()
}

#[tokio::test]
async fn every_verb_shares_one_commit() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    assert_eq!(effects(&fixture.store, &prepared).await, [false; MANY]);
    let before = commits(&fixture);
    let mut begun = verbs(&fixture.store, &fixture, &prepared);
    wait_together(&fixture, &mut begun).await;
    let told = end(begun).await;
    for ((name, told), done) in NAMES.iter().zip(told).zip(DONE) {
        assert_eq!(told.unwrap(), done, "{name}");
    }
    assert_eq!(
        commits(&fixture) - before,
        2,
        "the first alone, all others together"
    );
    assert_eq!(effects(&fixture.store, &prepared).await, [true; MANY]);
}

/// Alone each has one commit, and the same answer.
#[tokio::test]
async fn every_verb_alone_is_one_commit() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    for ((name, verb), done) in NAMES
        .iter()
        .zip(verbs(&fixture.store, &fixture, &prepared))
        .zip(DONE)
    {
        let before = commits(&fixture);
        assert_eq!(verb.await.unwrap(), done, "{name}");
        assert_eq!(commits(&fixture) - before, 1, "{name}");
    }
    assert_eq!(effects(&fixture.store, &prepared).await, [true; MANY]);
}

/// The database refuses what one of them writes, in its first statement or in a later one: that one is undone, and the others
/// are done.
#[tokio::test]
async fn one_that_fails_takes_nobody_along() {
    for (fails, refused) in [
        (
            "insert",
            "AFTER INSERT ON ott_tokens WHEN new.id = x'{inserted}'",
        ),
        // Its second statement.
        (
            "insert into a slot",
            "AFTER UPDATE ON ott_tokens WHEN new.state = 6",
        ),
        (
            "redeem",
            "AFTER UPDATE ON ott_tokens WHEN new.state = 5 AND new.id = x'{redeemed}'",
        ),
        // Its first statement, and its second.
        (
            "redeem and earn",
            "AFTER UPDATE ON ott_tokens WHEN new.state = 5 AND new.id = x'{earning}'",
        ),
        (
            "redeem and earn",
            "AFTER INSERT ON ott_tokens WHEN new.id = x'{earned}'",
        ),
        ("decide", "AFTER UPDATE ON ott_tokens WHEN new.outcome = 1"),
        (
            "touch",
            "AFTER UPDATE ON ott_tokens WHEN new.used_at IS NOT NULL AND new.state = 1",
        ),
        ("revoke", "AFTER UPDATE ON ott_tokens WHEN new.state = 4"),
        ("spend", "AFTER UPDATE ON ott_limits WHEN new.count = 2"),
        ("refund", "AFTER UPDATE ON ott_limits WHEN new.count = 0"),
        (
            "clear",
            "AFTER DELETE ON ott_limits WHEN old.key = x'{cleared}'",
        ),
        ("insert_factor", "AFTER INSERT ON ott_factors"),
        (
            "confirm",
            "AFTER UPDATE ON ott_factors WHEN old.state = 0 AND new.state = 1",
        ),
        (
            "advance",
            "AFTER UPDATE ON ott_factors WHEN old.state = 1 AND new.last = 1",
        ),
        (
            "update",
            "AFTER UPDATE ON ott_factors WHEN new.label = 'other'",
        ),
        ("remove", "AFTER UPDATE ON ott_factors WHEN new.state = 3"),
        ("restore", "AFTER UPDATE ON ott_factors WHEN old.state = 3"),
        (
            "advance_charged, wrong",
            "AFTER UPDATE ON ott_limits WHEN new.count = 3",
        ),
        (
            "advance_charged",
            "AFTER UPDATE ON ott_factors WHEN new.last = 2",
        ),
        // What it clears, after it burnt.
        (
            "advance_charged",
            "AFTER DELETE ON ott_limits WHEN old.key = x'{failures}'",
        ),
    ] {
        let fixture = Fixture::new().await;
        let prepared = prepare(&fixture).await;
        let mut when = String::from(refused);
        for (name, id) in [
            ("{inserted}", prepared.inserted.id()),
            ("{redeemed}", prepared.right.id()),
            ("{earning}", prepared.earning.id()),
            ("{earned}", prepared.earned.id()),
        ] {
            when = when.replace(name, &id.to_string());
        }
        for (name, charge) in [
            ("{cleared}", &prepared.charges[2]),
            ("{failures}", &prepared.asked[1]),
        ] {
            when = when.replace(name, &hex(charge));
        }
        let trigger = format!("CREATE TRIGGER t {when} BEGIN SELECT RAISE(ABORT, 'no'); END");
        let made = sqlx::query(AssertSqlSafe(trigger)).execute(fixture.store.pool());
        made.await.unwrap();
        let mut begun = verbs(&fixture.store, &fixture, &prepared);
        wait_together(&fixture, &mut begun).await;
        let told = end(begun).await;
        let effects = effects(&fixture.store, &prepared).await;
        for (((name, told), done), effect) in NAMES.iter().zip(told).zip(DONE).zip(effects) {
            if *name == fails {
                assert!(
                    matches!(told, Err(StoreError::Unavailable(_))),
                    "{name}: {told:?}"
                );
            } else {
                assert_eq!(told.unwrap(), done, "{name} beside {fails}");
            }
            assert_eq!(effect, *name != fails, "{name} beside {fails}");
        }
    }
}

fn hex(charge: &Charge) -> String {
    let bytes = charge.key.as_bytes().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// A commit that fails, as on a disk that does: nobody's is done, and each is told.
#[tokio::test]
async fn a_commit_that_fails_is_nobodys() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    for statement in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER t AFTER UPDATE ON ott_factors BEGIN INSERT INTO child VALUES (1); END",
    ] {
        let made = sqlx::query(statement).execute(fixture.store.pool());
        made.await.unwrap();
    }
    let mut begun = verbs(&fixture.store, &fixture, &prepared);
    wait_together(&fixture, &mut begun).await;
    for (name, told) in NAMES.iter().zip(end(begun).await) {
        assert!(
            matches!(told, Err(StoreError::Unavailable(_))),
            "{name}: {told:?}"
        );
    }
    assert_eq!(effects(&fixture.store, &prepared).await, [false; MANY]);
}

/// Each in turn is dropped while it waits: it is not done, and the others are.
#[tokio::test]
async fn one_dropped_while_it_waits_is_not_done() {
    for (gone, name) in NAMES.iter().enumerate() {
        let fixture = Fixture::new().await;
        let prepared = prepare(&fixture).await;
        let mut begun = verbs(&fixture.store, &fixture, &prepared);
        let mut done = DONE.to_vec();
        wait_together_but(&fixture, &mut begun, gone).await;
        done.remove(gone);
        for (told, done) in end(begun).await.into_iter().zip(done) {
            assert_eq!(told.unwrap(), done, "without {name}");
        }
        let mut expected = [true; MANY];
        *expected.get_mut(gone).unwrap() = false;
        assert_eq!(effects(&fixture.store, &prepared).await, expected, "{name}");
    }
}

/// As [`wait_together`]; one of them is dropped before anybody's turn comes.
async fn wait_together_but(fixture: &Fixture, verbs: &mut Vec<Verb<'_>>, gone: usize) {
    let own = fixture.outsider().await;
    let lock = own.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let batch = [fixture.issue(&LINK).record];
    let mut first = verb(fixture.store.insert(&batch));
    begin(&mut first);
    verbs.iter_mut().for_each(begin);
    drop(verbs.remove(gone));
    lock.rollback().await.unwrap();
    assert_eq!(first.await.unwrap(), "Done");
}

/// A transaction of the application holds SQLite's lock for too long: what waited is never done later.
#[tokio::test]
async fn verbs_that_timed_out_are_never_done_later() {
    let timeout = Duration::from_millis(300);
    let fixture = Fixture::with(SqliteStore::builder().timeout(timeout)).await;
    let prepared = prepare(&fixture).await;
    let pool = fixture.store.pool();
    let own = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut begun = verbs(&fixture.store, &fixture, &prepared);
    begun.iter_mut().for_each(begin);
    for (name, told) in NAMES.iter().zip(end(begun).await) {
        assert!(matches!(told, Err(StoreError::Timeout)), "{name}: {told:?}");
    }
    own.commit().await.unwrap();
    // Ends once nothing runs on any connection any more.
    pool.close().await;
    let again = SqliteStore::open(fixture.path()).await.unwrap();
    assert_eq!(effects(&again, &prepared).await, [false; MANY]);
}

/// What waits together is counted one after another: of eight spends five are allowed, and of eight codes in one slot one stays.
#[tokio::test]
async fn those_who_wait_together_are_counted_in_turn() {
    let fixture = Fixture::new().await;
    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "a", &fixture.binding()),
        limit: Limit::ceiling(5),
    };
    let charges = [charge];
    let codes: Vec<_> = (0..8).map(|_| [fixture.issue(&RECOVERY).record]).collect();
    let mut begun: Vec<_> = codes
        .iter()
        .map(|code| verb(fixture.store.insert(code)))
        .collect();
    begun.extend((0..8).map(|_| verb(fixture.store.spend(&charges, now()))));
    wait_together(&fixture, &mut begun).await;
    let told: Vec<_> = end(begun).await.into_iter().map(Result::unwrap).collect();
    let times = |what: &str| told.iter().filter(|told| told.starts_with(what)).count();
    assert_eq!(
        [times("Done"), times("Allowed"), times("Locked")],
        [8, 5, 3]
    );
    let listed = fixture
        .store
        .list(&fixture.alice, Some(RECOVERY.purpose()), now());
    let listed: Vec<_> = listed
        .await
        .unwrap()
        .into_iter()
        .map(|found| found.id)
        .collect();
    let [last] = codes.last().unwrap();
    assert_eq!(listed, [*last.id()]);
    // Two of one id: the second changes nothing.
    let before = fixture.issue(&RECOVERY).record;
    let [one, other] = [[before.clone()], [before]];
    let mut begun = vec![
        verb(fixture.store.insert(&one)),
        verb(fixture.store.insert(&other)),
    ];
    wait_together(&fixture, &mut begun).await;
    let told: Vec<_> = end(begun).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(told, ["Done", "Collision"]);
    let found = fixture.store.find(one[0].id()).await.unwrap().unwrap();
    assert_eq!(found.state.number(), 1);
}

/// Codes of one slot that earn their next one wait together: one does, and the others are superseded.
#[tokio::test]
async fn those_who_earn_together_are_judged_in_turn() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let codes: Vec<_> = (0..4).map(|_| fixture.issue(&RECOVERY)).collect();
    let batch: Vec<_> = codes.iter().map(|code| code.record.clone()).collect();
    store.insert(&batch).await.unwrap();
    let rights: Vec<_> = codes
        .iter()
        .map(|code| fixture.right(&RECOVERY, code))
        .collect();
    let newer: Vec<_> = (0..4).map(|_| [fixture.issue(&RECOVERY).record]).collect();
    let earning = rights.iter().zip(&newer);
    let mut begun: Vec<_> = earning
        .map(|(right, earned)| verb(store.redeem_charged(right, FREE, earned, now())))
        .collect();
    wait_together(&fixture, &mut begun).await;
    let told = end(begun).await;
    let redeems = |told: &&Told| matches!(told, Ok(told) if told.contains("Redeemed"));
    let superseded = |told: &&Told| matches!(told, Ok(told) if told.contains("Superseded"));
    assert_eq!(told.iter().filter(redeems).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(superseded).count(), 3, "{told:?}");
    let listed = store.list(&fixture.alice, Some(RECOVERY.purpose()), now());
    assert_eq!(listed.await.unwrap().len(), 1);
}

/// Two that earn one id wait together: the second fails alone, and its code is not spent.
#[tokio::test]
async fn earner_of_a_known_id_fails_alone() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let links = [fixture.insert(&LINK).await, fixture.insert(&LINK).await];
    let rights = links.each_ref().map(|link| fixture.right(&LINK, link));
    let session = [fixture.issue(&LINK).record];
    let mut begun: Vec<_> = rights
        .iter()
        .map(|right| verb(store.redeem_charged(right, FREE, &session, now())))
        .collect();
    wait_together(&fixture, &mut begun).await;
    let told = end(begun).await;
    let redeems = |told: &&Told| matches!(told, Ok(told) if told.contains("Redeemed"));
    let twice = |told: &&Told| matches!(told, Err(StoreError::Corrupt("an id came up twice")));
    assert_eq!(told.iter().filter(redeems).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(twice).count(), 1, "{told:?}");
    let mut spent = 0;
    for link in &links {
        let found = store.find(link.record.id()).await.unwrap().unwrap();
        spent += u32::from(found.state.number() == 5);
    }
    assert_eq!(spent, 1);
}

/// Guesses that wait together are judged one after another: of eight wrong ones under a ceiling of five, five are charged, and the
/// right one behind them is refused. Of two with one code, the second is charged as a replay.
#[tokio::test]
async fn guesses_that_wait_together_are_judged_in_turn() {
    let fixture = Fixture::new().await;
    let charge = |name| Charge {
        key: LimitKey::new(LimitScope::Application, name, &fixture.binding()),
        limit: Limit::ceiling(5),
    };
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    let guess = |right: Option<u64>, charges| {
        let right = right.map(|counter| (factor.id, counter));
        let guess = Guess {
            right,
            charges,
            cleared: &[],
        };
        verb(fixture.store.advance_charged(guess, now()))
    };
    let (wrong, right) = ([charge("wrong")], [charge("right")]);
    let mut begun: Vec<_> = (0..8).map(|_| guess(None, &wrong)).collect();
    begun.push(guess(Some(9), &wrong));
    begun.extend((0..2).map(|_| guess(Some(9), &right)));
    wait_together(&fixture, &mut begun).await;
    let told: Vec<_> = end(begun).await.into_iter().map(Result::unwrap).collect();
    let (wrongs, others) = told.split_at(5);
    assert!(
        wrongs.iter().all(|told| told == "Answered(None)"),
        "{told:?}"
    );
    let (refused, others) = others.split_at(4);
    assert!(
        refused
            .iter()
            .all(|told| told.starts_with("Refused(Locked")),
        "{told:?}"
    );
    assert_eq!(
        others,
        ["Answered(Some(Accepted))", "Answered(Some(Replayed))"]
    );
    let mut left = 0;
    while fixture.store.spend(&right, now()).await.unwrap() == Spent::Allowed {
        left += 1;
    }
    assert_eq!(left, 4);
}

/// What the last write left goes back to the pool, which closes while it is kept.
#[tokio::test]
async fn a_kept_connection_goes_back_to_the_pool() {
    let fixture = Fixture::new().await;
    let pool = fixture.store.pool();
    let size = pool.options().get_max_connections();
    for _ in 0..8 {
        fixture.insert(&LINK).await;
        let mut held = Vec::new();
        for _ in 0..size {
            held.push(pool.acquire().await.unwrap());
        }
    }
    fixture.insert(&LINK).await;
    pool.close().await;
    assert_eq!(pool.size(), 0);
    // With all connections closed SQLite has put its log away.
    assert!(!fixture.path().with_extension("db-wal").exists());
}

/// A store whose runtime is gone is dropped without one.
#[test]
fn a_store_is_dropped_outside_of_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(async {
        let fixture = Fixture::new().await;
        fixture.insert(&LINK).await;
        fixture
    });
    drop(runtime);
    drop(fixture);
}
