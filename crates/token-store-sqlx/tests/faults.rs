//! Processes that are killed, disks that fill up, files that somebody else holds. The processes are
//! this very binary, run again with a variable set.
//!
//! `outage.rs` has the outages that a process meets alone: a lock, a read-only file, a pool without
//! connections, a batch for which there is no room, a commit that fails.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that overflows panics, which is how a test fails"
)]

#[path = "support/sqlite.rs"]
mod backend;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/process.rs"]
mod process;
#[path = "support/world.rs"]
mod world;

use core::{
    fmt,
    hash::{BuildHasher, BuildHasherDefault},
    time::Duration,
};
use std::{
    env,
    hash::{DefaultHasher, RandomState},
    path::Path,
    process::Command,
    sync::Arc,
};

use fixture::{PROMPT, hasty, now};
use process::{Process, heard, own_place, this_binary};
use token_store::{
    Advanced, Charged, ChargedFactors, ConfirmIf, Decided, EventSink, FactorChange, FactorId,
    FactorState, FactorStore, Guess, InTransaction, Inserted, LimitStore, NoEvents,
    RedeemInTransaction, Redeemed, RemoveIf, Revoke, Spent, StoreError, StoredFactor, TokenStore,
    Tokens,
    ott_core::{
        Binding, Decider, KeyId, KeyRing, Policy, Subject, Verdict, chrono::TimeDelta,
        rand::rngs::SysRng,
    },
};
use token_store_sqlx::{SqliteStore, sqlx};
use world::{EFFECTS, FACTORS, Kind, Token, World, charge, factor_id};

/// Set it to repeat a run's choices.
const SEED: &str = "TOKEN_STORE_SQLX_FAULTS_SEED";

fn seed() -> u64 {
    let seed = env::var(SEED).map_or_else(
        |_| RandomState::new().hash_one(0),
        |seed| seed.parse().unwrap(),
    );
    println!("{SEED}={seed}");
    seed
}

/// Choices that a seed repeats.
struct Dice(u64, u64);

impl Dice {
    const fn new(seed: u64) -> Self {
        Self(seed, 0)
    }

    /// A number below `sides`.
    fn below(&mut self, sides: u64) -> u64 {
        self.1 += 1;
        BuildHasherDefault::<DefaultHasher>::default().hash_one((self.0, self.1)) % sides
    }
}

/// One line, in one write: a kill leaves it whole or away.
fn say(line: impl fmt::Display) {
    println!("@ {line}");
}

fn ring() -> String {
    let line = KeyRing::try_new_line_from_rng(KeyId(1), &mut SysRng).unwrap();
    line.trim_end().to_owned()
}

fn text(file: &Path) -> &str {
    file.to_str().expect("a folder with a name in UTF-8")
}

async fn new_file(file: &Path, keys: &str) {
    let world = World::open(text(file), keys).await;
    sqlx::query(EFFECTS)
        .execute(world.store.pool())
        .await
        .unwrap();
    for number in 0..FACTORS {
        let factor = world.factor(factor_id(number));
        assert!(world.store.insert_factor(&factor).await.unwrap());
    }
    world.store.pool().close().await;
}

/// A process killed while it makes the file leaves one that opens.
#[tokio::test(flavor = "multi_thread")]
async fn process_killed_at_the_start_leaves_a_good_file() {
    let (folder, mut dice, keys) = (tempfile::tempdir().unwrap(), Dice::new(seed()), ring());
    let mut whole = 0;
    for round in 0..16 {
        let file = folder.path().join(format!("{round}.db"));
        let mut process = Process::start(this_binary(), "process_that_opens", &file);
        if round == 0 {
            assert_eq!(process.hear().as_deref(), Some("open"));
            whole = written(&file);
            assert!(whole > 0);
        } else {
            // As far as nothing, the file alone, or some of its first pages.
            let until = dice.below(whole);
            while written(&file) < until {
                std::thread::yield_now();
            }
        }
        process.kill();
        let world = World::open(text(&file), &keys).await;
        let (token, record) = world.issue(Kind::Code);
        assert_eq!(world.store.insert(&[record]).await.unwrap(), Inserted::Done);
        let told = world.store.redeem(&world.right(&token), now()).await;
        assert!(matches!(told, Ok(Redeemed::Redeemed(_))), "{told:?}");
        world.store.pool().close().await;
    }
}

/// Bytes of the file and its log, and one for the file itself.
fn written(file: &Path) -> u64 {
    let length = |file: &Path| std::fs::metadata(file).map_or(0, |found| found.len() + 1);
    length(file) + length(&file.with_extension("db-wal"))
}

/// The process that opens a store and waits to be killed.
#[tokio::test(flavor = "multi_thread")]
async fn process_that_opens() {
    let Some(place) = own_place() else {
        return;
    };
    println!();
    let _world = World::open(&place, &ring()).await;
    say("open");
    // Until it is killed.
    heard().for_each(drop);
}

/// A lock and an open redeem end with the process that held them.
#[tokio::test(flavor = "multi_thread")]
async fn lock_ends_with_the_process_that_held_it() {
    let (folder, keys) = (tempfile::tempdir().unwrap(), ring());
    let file = folder.path().join("tokens.db");
    new_file(&file, &keys).await;
    let world = World::open(text(&file), &keys).await;
    let hasty = hasty(&file, Duration::from_millis(300)).await;
    let (token, record) = world.issue(Kind::Effect);
    world.store.insert(&[record]).await.unwrap();
    for _ in 0..3 {
        let mut process = Process::start(this_binary(), "process_that_holds_on", &file);
        process.tell(&keys);
        process.tell(&token.to_string());
        assert_eq!(process.hear().as_deref(), Some("redeemed"));
        let told = hasty.redeem(&world.right(&token), now()).await;
        assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
        process.kill();
    }
    // What was not committed was not done, and nobody is in the way.
    let effects = "SELECT count(*) FROM effects";
    let effects = || sqlx::query_scalar::<_, u32>(effects).fetch_one(world.store.pool());
    assert_eq!(effects().await.unwrap(), 0);
    for expected in [true, false] {
        let told = world.redeem(&token, &world.right(&token)).await.unwrap();
        assert_eq!(told.is_ok(), expected, "{told:?}");
        assert_eq!(effects().await.unwrap(), 1);
    }
}

/// The process that redeems in a transaction and keeps the transaction open until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn process_that_holds_on() {
    let Some(place) = own_place() else {
        return;
    };
    println!();
    let mut heard = heard();
    let world = World::open(&place, &heard.next().unwrap()).await;
    let token: Token = heard.next().unwrap().parse().unwrap();
    let told = world
        .store
        .redeem_in_transaction(&world.right(&token), now())
        .await;
    let Ok(InTransaction::Redeemed(mut transaction, _)) = told else {
        panic!("the right token is refused");
    };
    let effect = sqlx::query("INSERT INTO effects VALUES ('half')");
    effect.execute(&mut *transaction).await.unwrap();
    say("redeemed");
    heard.for_each(drop);
    drop(transaction);
}

/// On a full disk every write is an outage and changes nothing, and the file stays in order.
#[tokio::test(flavor = "multi_thread")]
async fn full_disk_acknowledges_nothing() {
    full_disk(false).await;
}

/// A process that met a full disk goes on once there is room.
#[tokio::test(flavor = "multi_thread")]
async fn process_goes_on_once_the_disk_has_room() {
    full_disk(true).await;
}

/// A limit of the operating system on the size of a file stands for the disk's: what is beyond is
/// not written, whole or in part, whether SQLite asks the disk first or not.
async fn full_disk(goes_on: bool) {
    let (folder, keys) = (tempfile::tempdir().unwrap(), ring());
    let file = folder.path().join("tokens.db");
    new_file(&file, &keys).await;
    let mut shell = Command::new("sh");
    // Blocks of 512 bytes, in some shells of 1024.
    let limited = "trap '' XFSZ; ulimit -f 2000 || exit 1; exec \"$0\" \"$@\"";
    shell.args(["-c", limited]).arg(env::current_exe().unwrap());
    let mut process = Process::start(shell, "process_without_room", &file);
    process.tell(&keys);
    let world = World::open(text(&file), &keys).await;
    assert_eq!(process.hear().as_deref(), Some("full"));
    backend::look(&world.store).await;
    if goes_on {
        // Room again: what is in the log goes into the file, and the log starts anew.
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = sqlx::query_scalar(checkpoint)
            .fetch_one(world.store.pool())
            .await
            .unwrap();
        assert_eq!(busy, 0);
        process.tell("");
        assert_eq!(process.hear().as_deref(), Some("room"));
    }
    process.kill();
    backend::look(&world.store).await;
}

/// The process whose disk fills up: it checks that nothing is done then, and that verbs are done once there is room.
#[tokio::test(flavor = "multi_thread")]
async fn process_without_room() {
    let Some(place) = own_place() else {
        return;
    };
    println!();
    let mut heard = heard();
    let world = Arc::new(World::open(&place, &heard.next().unwrap()).await);
    let store = &world.store;
    let mut tokens = Vec::new();
    for kind in [Kind::Code, Kind::Effect, Kind::Link] {
        let (token, record) = world.issue(kind);
        store.insert(&[record]).await.unwrap();
        tokens.push(token);
    }
    let (prompt, record) = world.issue(Kind::Prompt);
    let verdict = Verdict::Approve {
        number: record.stored().number,
    };
    let decided = world.issuer.decide(
        &PROMPT,
        &record,
        &Decider::from(&world.alice),
        verdict,
        b"",
        now(),
    );
    let decision = decided.unwrap();
    store.insert(&[record]).await.unwrap();
    let pending = StoredFactor {
        state: FactorState::Pending,
        ..world.factor(FactorId::from_bytes([100; 16]))
    };
    store.insert_factor(&pending).await.unwrap();
    let filling = world.factor(FactorId::from_bytes([101; 16]));
    store.insert_factor(&filling).await.unwrap();
    let [kept, last] = [u64::MAX, u64::MAX - 1].map(charge);
    store.spend(&[kept], now()).await.unwrap();
    while store.insert(&[world.issue(Kind::Code).1]).await.is_ok() {}
    // Down to the last page: the smallest write has no room either.
    let mut counter = 0;
    while store.advance(&filling.id, counter, now()).await.is_ok() {
        counter += 1;
    }

    let before = dump(&world).await;
    let (id, first) = (factor_id(0), tokens[0].id);
    let (charges, cleared) = ([last], [kept.key]);
    let guess = |right| Guess {
        right,
        charges: &charges,
        cleared: &cleared,
    };
    let later = now().checked_add_signed(TimeDelta::days(1)).unwrap();
    let told = [
        (
            "insert",
            store.insert(&[world.issue(Kind::Code).1]).await.map(drop),
        ),
        (
            "redeem",
            store
                .redeem(&world.right(&tokens[0]), now())
                .await
                .map(drop),
        ),
        (
            "redeem, wrong",
            store
                .redeem(&world.wrong(&tokens[0]), now())
                .await
                .map(drop),
        ),
        (
            "redeem_in_transaction, wrong",
            store
                .redeem_in_transaction(&world.wrong(&tokens[1]), now())
                .await
                .map(drop),
        ),
        (
            "redeem_in_transaction and commit",
            world
                .redeem(&tokens[1], &world.right(&tokens[1]))
                .await
                .map(drop),
        ),
        (
            "decide",
            store.decide(&prompt.id, &decision, now()).await.map(drop),
        ),
        ("touch", store.touch(&first, now()).await),
        (
            "revoke",
            store.revoke(&Revoke::Record(first)).await.map(drop),
        ),
        ("purge", store.purge(later, 10).await.map(drop)),
        (
            "insert_factor",
            store
                .insert_factor(&world.factor(FactorId::from_bytes([99; 16])))
                .await
                .map(drop),
        ),
        (
            "confirm",
            store
                .confirm(&pending.id, Some(1), ConfirmIf::Always, now())
                .await
                .map(drop),
        ),
        (
            "advance",
            store.advance(&id, 1 << 60, now()).await.map(drop),
        ),
        (
            "update",
            store.update(&id, &FactorChange::Disable).await.map(drop),
        ),
        (
            "remove",
            store
                .remove(&id, RemoveIf::Always, &[], now())
                .await
                .map(drop),
        ),
        ("spend", store.spend(&[last], now()).await.map(drop)),
        (
            "advance_charged, wrong",
            store.advance_charged(guess(None), now()).await.map(drop),
        ),
        (
            "advance_charged",
            store
                .advance_charged(guess(Some((id, 1 << 60))), now())
                .await
                .map(drop),
        ),
        ("refund", store.refund(&[kept], 1).await),
        ("clear", store.clear(&kept.key).await),
    ];
    for (verb, told) in told {
        assert!(
            matches!(told, Err(StoreError::Unavailable(_))),
            "{verb}: {told:?}"
        );
    }
    assert_eq!(dump(&world).await, before);

    say("full");
    heard.next();
    for token in &tokens {
        let right = world.right(token);
        assert!(world.redeem(token, &right).await.unwrap().is_ok());
        assert!(world.redeem(token, &right).await.unwrap().is_err());
    }
    let told = store.decide(&prompt.id, &decision, now()).await;
    assert!(matches!(told, Ok(Decided::Decided(_))), "{told:?}");
    assert_eq!(store.spend(&[last], now()).await.unwrap(), Spent::Allowed);
    let told = store
        .advance_charged(guess(Some((id, 1 << 60))), now())
        .await;
    let accepted = Charged::Answered(Some(Advanced::Accepted));
    assert_eq!(told.unwrap(), accepted);
    let told = store
        .confirm(&pending.id, Some(1), ConfirmIf::Always, now())
        .await
        .unwrap();
    assert_eq!(told, Advanced::Accepted);
    say("room");
    heard.for_each(drop);
}

/// Every row, in words.
async fn dump(world: &World) -> Vec<String> {
    let mut rows = Vec::new();
    for select in [
        "SELECT hex(id) || ' ' || state || ' ' || attempts || ' ' || coalesce(used_at, '') FROM ott_tokens",
        "SELECT hex(id) || ' ' || state || ' ' || hex(sealed) || ' ' || coalesce(last, '') FROM ott_factors",
        "SELECT hex(key) || ' ' || full_at || ' ' || count FROM ott_limits",
        "SELECT id FROM effects",
    ] {
        let select = sqlx::query_scalar::<_, String>(select);
        rows.extend(select.fetch_all(world.store.pool()).await.unwrap());
    }
    rows
}

/// An event sink that loses everything changes no answer.
#[tokio::test(flavor = "multi_thread")]
async fn sink_that_loses_events_changes_no_answer() {
    const SIGN_IN: Policy = fixture::CODE;
    let mut answers = Vec::new();
    let sinks: [Arc<dyn EventSink>; 2] = [
        Arc::new(NoEvents),
        Arc::new(|event| drop(format!("{event:?}"))),
    ];
    for sink in sinks {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("tokens.db"))
            .await
            .unwrap();
        let keys = KeyRing::from_text(&ring()).unwrap();
        let tokens = Tokens::builder(keys, store)
            .policy(&SIGN_IN)
            .events(sink)
            .build()
            .unwrap();
        let alice = Subject::new("t1", "alice").unwrap();
        let binding = Binding::subject(&alice);
        let mut told = Vec::new();
        let issued = tokens.issue(&SIGN_IN, &binding).await.unwrap();
        let right = issued.token.expose_secret();
        let wrong = if right == "000000" {
            "000001"
        } else {
            "000000"
        };
        for typed in [wrong, wrong, right, right] {
            let redeemed = tokens
                .redeem(&SIGN_IN, &issued.handle, &binding, typed)
                .await;
            told.push(redeemed.map(drop).map_err(|error| format!("{error:?}")));
        }
        assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 1);
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
}
