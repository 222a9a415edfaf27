//! Redeems that wait at the same time: one commit, and nobody's failure or absence is another's.
//!
//! `group_commit_verbs.rs` has what concerns every verb.
//!
//! A redeem queues when it is first polled and finds another before it, and the task that serves the
//! queue cannot run before the test waits: so on one thread who is in a group is no accident.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::time::Instant;

use fixture::{CODE, Fixture, LINK, PROMPT, hasty_on, now};
use token_store::{
    Decided, Redeemed, StoreError, TokenStore,
    ott_core::{
        Issued, Issuer, KeyId, KeyRing, Presented, Reason, RecordId, State, rand::rngs::SysRng,
    },
};
use token_store_sqlx::{
    SqliteStore,
    sqlx::{
        self, AssertSqlSafe, Sqlite,
        pool::PoolConnection,
        sqlite::{SqliteConnectOptions, SqlitePoolOptions},
    },
};
use tokio::runtime::{Builder, Handle, Runtime};

const TIMEOUT: Duration = Duration::from_millis(300);
/// For two busy cores.
const SLACK: Duration = Duration::from_secs(15);

type Told = Result<Redeemed, StoreError>;
type Redeem<'s> = Pin<Box<dyn Future<Output = Told> + Send + 's>>;

/// One that is answered at once keeps its answer; who counts commits would see it.
fn poll_once(redeem: &mut Redeem<'_>) {
    let polled = redeem
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(told) = polled {
        *redeem = Box::pin(core::future::ready(told));
    }
}

/// All connections, so that the redeem that has the turn waits too.
async fn all_connections(store: &SqliteStore) -> Vec<PoolConnection<Sqlite>> {
    let mut held = Vec::new();
    for _ in 0..store.pool().options().get_max_connections() {
        held.push(store.pool().acquire().await.unwrap());
    }
    held
}

/// Begins all of them: the first is alone and has the turn, the others wait together.
async fn together<'s>(
    store: &'s SqliteStore,
    presented: impl IntoIterator<Item = &'s Presented>,
) -> Vec<Redeem<'s>> {
    let _held = all_connections(store).await;
    begin(store, presented)
}

/// The same, where the first has something else to wait for.
fn begin<'s>(
    store: &'s SqliteStore,
    presented: impl IntoIterator<Item = &'s Presented>,
) -> Vec<Redeem<'s>> {
    let begun = presented.into_iter().map(|presented| {
        let mut redeem = store.redeem(presented, now());
        poll_once(&mut redeem);
        redeem
    });
    begun.collect()
}

async fn end(begun: impl IntoIterator<Item = Redeem<'_>>) -> Vec<Told> {
    let mut told = Vec::new();
    for redeem in begun {
        told.push(redeem.await);
    }
    told
}

async fn links(fixture: &Fixture, count: usize) -> (Vec<Issued>, Vec<Presented>) {
    let mut issued = Vec::new();
    for _ in 0..count {
        issued.push(fixture.insert(&LINK).await);
    }
    let right = issued.iter().map(|issued| fixture.right(&LINK, issued));
    let right = right.collect();
    (issued, right)
}

fn is_redeemed(told: &Told) -> bool {
    matches!(told, Ok(Redeemed::Redeemed(_)))
}

async fn state(store: &SqliteStore, id: &RecordId) -> (State, u32, bool) {
    let found = store.find(id).await.unwrap().unwrap();
    (found.state, found.attempts, found.used_at.is_some())
}

const UNTOUCHED: (State, u32, bool) = (State::Ready, 0, false);
const SPENT: (State, u32, bool) = (State::Spent, 1, true);

/// The commit frames of the write-ahead log (<https://www.sqlite.org/fileformat2.html#walformat>).
/// The tests write too little for a checkpoint, after which the log would start again.
fn commits(fixture: &Fixture) -> usize {
    let log = std::fs::read(fixture.path().with_extension("db-wal")).unwrap();
    let (_, frames) = log.split_at(32);
    let commit = |frame: &&[u8]| frame.get(4..8) != Some(&[0; 4]);
    frames.chunks_exact(24 + 4_096).filter(commit).count()
}

/// Redeems that wait together are one commit, and each gets its own record. Redeems that follow each other have a commit each.
#[tokio::test]
async fn verbs_that_wait_together_are_one_commit() {
    let fixture = Fixture::new().await;
    let (issued, right) = links(&fixture, 64).await;
    let before = commits(&fixture);
    let told = end(together(&fixture.store, &right).await).await;
    for (told, issued) in told.iter().zip(&issued) {
        // Each is answered with its own record.
        let Ok(Redeemed::Redeemed(stored)) = told else {
            panic!("{told:?}");
        };
        assert_eq!(&stored.id, issued.record.id());
        assert_eq!(stored.used_at, Some(now()));
        assert!(fixture.issuer.open(&LINK, stored.clone()).is_ok());
    }
    assert_eq!(
        commits(&fixture) - before,
        2,
        "the first alone, 63 together"
    );
    // Whoever comes first waits for nobody.
    let (_, right) = links(&fixture, 3).await;
    let before = commits(&fixture);
    for right in &right {
        assert!(is_redeemed(&fixture.store.redeem(right, now()).await));
    }
    assert_eq!(commits(&fixture) - before, 3);
}

/// 64 clients make at most an eighth as many commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_that_wait_share_their_commits() {
    let fixture = Fixture::new().await;
    let (_, right) = links(&fixture, 64).await;
    let before = commits(&fixture);
    let told = fixture::at_once(right.into_iter().map(|right| {
        let store = fixture.store.clone();
        async move { store.redeem(&right, now()).await }
    }));
    assert!(told.await.iter().all(is_redeemed));
    let made = commits(&fixture) - before;
    assert!(made <= 8, "{made} commits");
}

/// Every answer that a redeem can have, in one group, is the one that it has alone.
#[tokio::test]
async fn group_answers_each_as_if_alone() {
    let mut fixture = Fixture::new().await;
    let line = |id| KeyRing::try_new_line_from_rng(KeyId(id), &mut SysRng).unwrap();
    let (old, new, other) = (line(1), line(2), line(3));
    let ring = |text: String| Issuer::new(KeyRing::from_text(&text).unwrap());
    // Some are presented under one key, some under two; and one record has neither.
    fixture.issuer = ring(format!("{}\n", *other));
    let unknown_key = fixture.insert(&CODE).await;
    fixture.issuer = ring(format!("{}\n", *old));
    let of_old_key = fixture.insert(&CODE).await;
    let one_key = fixture.insert(&CODE).await;
    let one_key_right = fixture.right(&CODE, &one_key);
    let one_key_waiting = fixture.insert(&PROMPT).await;
    let another = fixture.issue(&PROMPT);
    let one_key_wrong = fixture.present(&PROMPT, &one_key_waiting, another.token.expose_secret());
    fixture.issuer = ring(format!("{}\n{}\n", *new, *old));
    let ready = fixture.insert(&CODE).await;
    let guessed = fixture.insert(&CODE).await;
    let exhausted = fixture.insert(&CODE).await;
    for _ in 0..4 {
        let told = fixture
            .store
            .redeem(&fixture.wrong(&exhausted), now())
            .await;
        assert_eq!(told.unwrap(), Redeemed::Refused(Reason::Mismatch));
    }
    let waiting = fixture.insert(&PROMPT).await;
    let absent = fixture.issue(&CODE);
    let approved = fixture.insert(&PROMPT).await;
    let approval = fixture.approval(&approved);
    let decided = fixture.store.decide(approved.record.id(), &approval, now());
    assert!(matches!(decided.await.unwrap(), Decided::Decided(_)));
    let (_, before) = links(&fixture, 1).await;
    let jobs = [
        (before[0].clone(), None),
        (fixture.right(&CODE, &unknown_key), Some(Reason::KeyMissing)),
        (fixture.right(&CODE, &of_old_key), None),
        (one_key_right, None),
        (one_key_wrong, Some(Reason::Mismatch)),
        (fixture.right(&CODE, &ready), None),
        (fixture.wrong(&guessed), Some(Reason::Mismatch)),
        (fixture.wrong(&exhausted), Some(Reason::Exhausted)),
        (fixture.right(&PROMPT, &waiting), Some(Reason::Pending)),
        (fixture.right(&CODE, &absent), Some(Reason::Unknown)),
        (fixture.right(&PROMPT, &approved), None),
    ];
    let commits_before = commits(&fixture);
    let told = end(together(&fixture.store, jobs.iter().map(|(job, _)| job)).await).await;
    assert_eq!(commits(&fixture) - commits_before, 2);
    for ((_, reason), told) in jobs.iter().zip(told) {
        match reason {
            Some(reason) => assert_eq!(told.unwrap(), Redeemed::Refused(*reason)),
            None => assert!(is_redeemed(&told), "{told:?}"),
        }
    }
    for (issued, expected) in [
        (&unknown_key, UNTOUCHED),
        (&of_old_key, SPENT),
        (&one_key, SPENT),
        (&one_key_waiting, (State::Waiting, 1, false)),
        (&ready, SPENT),
        (&guessed, (State::Ready, 1, false)),
        (&exhausted, (State::Exhausted, 5, false)),
        (&waiting, (State::Waiting, 0, false)),
        (&approved, SPENT),
    ] {
        assert_eq!(state(&fixture.store, issued.record.id()).await, expected);
    }
}

/// Five guesses and the right code for one record wait together: each is a statement of its own, in
/// order, and all are one commit.
#[tokio::test]
async fn guesses_at_one_record_are_counted_in_turn() {
    let fixture = Fixture::new().await;
    let (_, first) = links(&fixture, 1).await;
    let issued = fixture.insert(&CODE).await;
    let mut jobs = first;
    jobs.extend((0..5).map(|_| fixture.wrong(&issued)));
    jobs.push(fixture.right(&CODE, &issued));
    let before = commits(&fixture);
    let told = end(together(&fixture.store, &jobs).await).await;
    let reasons: Vec<_> = told.into_iter().skip(1).map(Result::unwrap).collect();
    let mut expected = vec![Redeemed::Refused(Reason::Mismatch); 4];
    expected.extend(vec![Redeemed::Refused(Reason::Exhausted); 2]);
    assert_eq!(reasons, expected);
    assert_eq!(commits(&fixture) - before, 2);
    let found = state(&fixture.store, issued.record.id()).await;
    assert_eq!(found, (State::Exhausted, 5, false));
}

/// Whoever is dropped, and whenever: the first, who has the turn; the second, who is the first to
/// wait; or one in the middle.
#[tokio::test]
async fn dropped_caller_harms_nobody() {
    let fixture = Fixture::new().await;
    // By who is dropped, and by what became of it.
    let mut seen = [[0; 2]; 3];
    for round in 0..450usize {
        let (issued, right) = links(&fixture, 8).await;
        let tasks = right.into_iter().map(|right| {
            let store = fixture.store.clone();
            tokio::spawn(async move { store.redeem(&right, now()).await })
        });
        let mut tasks: Vec<_> = tasks.collect();
        let who = round % 3;
        let gone = [0, 1, 3][who];
        // Longer and longer, until it is answered before it can be dropped.
        for _ in 0..(round * round / 20) {
            if tasks[gone].is_finished() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let gone = (tasks.remove(gone), *issued[gone].record.id());
        gone.0.abort();
        for task in tasks {
            let told = task.await.unwrap();
            assert!(is_redeemed(&told), "round {round}: {told:?}");
        }
        for issued in issued.iter().filter(|issued| *issued.record.id() != gone.1) {
            let found = state(&fixture.store, issued.record.id()).await;
            assert_eq!(found, SPENT, "round {round}");
        }
        let found = state(&fixture.store, &gone.1).await;
        match gone.0.await {
            Ok(told) => assert!(
                is_redeemed(&told) && found == SPENT,
                "round {round}: {told:?}"
            ),
            Err(dropped) => {
                assert!(dropped.is_cancelled());
                assert!(
                    [UNTOUCHED, SPENT].contains(&found),
                    "round {round}: {found:?}"
                );
                seen[who][usize::from(found == SPENT)] += 1;
            }
        }
    }
    // Each of them, and both outcomes; otherwise all drops were early, or all late.
    assert!(
        seen.as_flattened().iter().all(|times| *times > 0),
        "{seen:?}"
    );
}

/// A redeem that is dropped before its turn is not done, and every other one is.
#[tokio::test]
async fn caller_dropped_before_its_turn_is_not_done() {
    let fixture = Fixture::new().await;
    let (issued, right) = links(&fixture, 8).await;
    let mut begun = together(&fixture.store, &right).await;
    drop(begun.remove(3));
    assert!(end(begun).await.iter().all(is_redeemed));
    let found = state(&fixture.store, issued[3].record.id()).await;
    assert_eq!(found, UNTOUCHED);
    // All of them: the turn is free again, and there is nothing to do.
    let (issued, right) = links(&fixture, 8).await;
    let mut begun = together(&fixture.store, &right).await;
    begun.truncate(1);
    assert!(end(begun).await.iter().all(is_redeemed));
    let (_, last) = links(&fixture, 1).await;
    assert!(is_redeemed(&fixture.store.redeem(&last[0], now()).await));
    for issued in &issued[1..] {
        let found = state(&fixture.store, issued.record.id()).await;
        assert_eq!(found, UNTOUCHED);
    }
}

/// A row that cannot be read is its own caller's outage.
#[tokio::test]
async fn unreadable_row_fails_its_own_caller_alone() {
    let fixture = Fixture::new().await;
    let (issued, right) = links(&fixture, 8).await;
    let damage = "UPDATE ott_tokens SET binding = x'' WHERE id = ?1";
    let id = issued[3].record.id().as_bytes().as_slice();
    let damage = sqlx::query(damage).bind(id);
    damage.execute(fixture.store.pool()).await.unwrap();
    let told = end(together(&fixture.store, &right).await).await;
    for (number, told) in told.iter().enumerate() {
        match number {
            3 => assert!(matches!(told, Err(StoreError::Corrupt(_))), "{told:?}"),
            _ => assert!(is_redeemed(told), "{told:?}"),
        }
    }
}

/// A row that the database refuses to write is its own caller's outage; a commit that fails is everybody's.
#[tokio::test]
async fn commit_that_fails_is_an_outage_for_each() {
    for (trigger, fails) in [
        ("SELECT RAISE(ABORT, 'no')", 3..4),
        // Checked at the commit, as a disk that fails there.
        ("INSERT INTO child VALUES (1)", 1..8),
    ] {
        let fixture = Fixture::new().await;
        let (issued, right) = links(&fixture, 8).await;
        for statement in [
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)".into(),
            "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"
                .into(),
            format!(
                "CREATE TRIGGER t AFTER UPDATE ON ott_tokens WHEN old.id = x'{}' BEGIN {trigger}; END",
                issued[3].record.id(),
            ),
        ] {
            let made = sqlx::query(AssertSqlSafe(statement)).execute(fixture.store.pool());
            made.await.unwrap();
        }
        let told = end(together(&fixture.store, &right).await).await;
        for (number, (told, issued)) in told.iter().zip(&issued).enumerate() {
            let found = state(&fixture.store, issued.record.id()).await;
            if !fails.contains(&number) {
                assert!(is_redeemed(told) && found == SPENT, "{number}: {told:?}");
                continue;
            }
            assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
            assert_eq!(found, UNTOUCHED);
        }
        // The connection is fit to be used again.
        let (_, right) = links(&fixture, 8).await;
        assert!(
            end(begin(&fixture.store, &right))
                .await
                .iter()
                .all(is_redeemed)
        );
    }
}

/// A store that is closed is unavailable to each redeem that waits.
#[tokio::test]
async fn closed_store_is_unavailable_to_all_who_wait() {
    let fixture = Fixture::new().await;
    let (issued, right) = links(&fixture, 8).await;
    let began = Instant::now();
    let begun = together(&fixture.store, &right).await;
    let closed = fixture.store.pool().close();
    let told = end(begun).await;
    closed.await;
    // Long before its time-out.
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
    let patient = SqliteStore::builder().timeout(Duration::from_secs(30));
    let again = patient.open(fixture.path()).await.unwrap();
    for (told, issued) in told.iter().zip(&issued).skip(1) {
        assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
        assert_eq!(state(&again, issued.record.id()).await, UNTOUCHED);
    }
}

/// A redeem that timed out behind a transaction of the application is never done later.
#[tokio::test]
async fn redeems_that_timed_out_are_never_done_later() {
    // The pool of the application may wait for a lock for less or for far longer than the store.
    for busy in [Duration::from_millis(100), Duration::from_secs(60)] {
        let fixture = Fixture::new().await;
        let options = SqliteConnectOptions::new()
            .filename(fixture.path())
            .busy_timeout(busy);
        let pool = SqlitePoolOptions::new().connect_lazy_with(options);
        let (issued, right) = links(&fixture, 16).await;
        let store = hasty_on(pool.clone(), TIMEOUT).await;
        let own = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let began = Instant::now();
        let told = end(begin(&store, &right)).await;
        assert!(began.elapsed() < TIMEOUT + SLACK, "{:?}", began.elapsed());
        for told in &told {
            assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
        }
        own.rollback().await.unwrap();
        // Ends once nothing runs on any connection any more.
        pool.close().await;
        for issued in &issued[1..] {
            let found = state(&fixture.store, issued.record.id()).await;
            assert_eq!(found, UNTOUCHED);
        }
    }
}

/// They wait for the lock for longer than one of them may: only those who still wait are done.
#[tokio::test]
async fn group_is_chosen_when_the_lock_is_held() {
    let fixture = Fixture::new().await;
    let (issued, right) = links(&fixture, 8).await;
    let outsider = fixture.outsider().await;
    let own = outsider.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let turn = begin(&fixture.store, &right[..1]);
    let mut begun = begin(&fixture.store, &right[1..]);
    drop(turn);
    // The one that serves waits for the lock now, or will.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    drop(begun.remove(2));
    own.rollback().await.unwrap();
    assert!(end(begun).await.iter().all(is_redeemed));
    let found = state(&fixture.store, issued[3].record.id()).await;
    assert_eq!(found, UNTOUCHED);
}

/// One task serves all who wait, and it ends when nobody waits.
#[tokio::test]
async fn task_that_serves_ends_when_nobody_waits() {
    let fixture = Fixture::new().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let (_, right) = links(&fixture, 8).await;
    let held = all_connections(&fixture.store).await;
    let before = tasks();
    let begun = begin(&fixture.store, &right);
    assert_eq!(tasks(), before + 1, "one, however many wait");
    drop(held);
    assert!(end(begun).await.iter().all(is_redeemed));
    // So do the tasks that give the connections back to the pool.
    for _ in 0..1_000_000 {
        if tasks() == before {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} tasks, once {before}", tasks());
}

/// A runtime that ends leaves an outage and a store that works.
#[test]
fn runtime_that_ends_leaves_a_store_that_works() {
    let runtime = || -> Runtime { Builder::new_current_thread().enable_all().build().unwrap() };
    let (one, two) = (runtime(), runtime());
    let fixture = two.block_on(Fixture::new());
    let (issued, right) = two.block_on(links(&fixture, 4));
    let held = two.block_on(all_connections(&fixture.store));
    let mut begun = {
        let _entered = two.enter();
        begin(&fixture.store, &right[..1])
    };
    {
        let _entered = one.enter();
        drop(begin(&fixture.store, &right[1..2]));
    }
    {
        let _entered = two.enter();
        let third = &right[2..3];
        begun.extend(begin(&fixture.store, third));
    }
    drop(one);
    let _entered = two.enter();
    drop(held);
    let told = two.block_on(end(begun));
    assert!(is_redeemed(&told[0]), "{told:?}");
    assert!(
        matches!(told[1], Err(StoreError::Unavailable(_))),
        "{told:?}"
    );
    for (number, issued) in issued.iter().enumerate().skip(1) {
        let found = two.block_on(state(&fixture.store, issued.record.id()));
        assert_eq!(found, UNTOUCHED, "{number}");
    }
    let told = two.block_on(async { end(together(&fixture.store, &right[1..]).await).await });
    assert!(told.iter().all(is_redeemed), "{told:?}");
}
