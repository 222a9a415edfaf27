//! The rows, driven by hand: two showcases over one database, as two processes have it.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use tempfile::TempDir;
use twofa_providers::token_store::{
    ManualClock,
    ott_core::chrono::{DateTime, TimeDelta, Utc},
};
use zeroize::Zeroizing;

use super::{LONGEST, MOST, Mine, Name, Turn, WITHIN, now};
use crate::{Config, Showcase, app::App, once::kept::Kept, tidy::tidy};

const VISIT: Name = [1; 32];
const REQUEST: Name = [2; 32];
const ANOTHER: Name = [3; 32];

struct World {
    clock: Arc<ManualClock>,
    one: Arc<App>,
    other: Arc<App>,
    pool: sqlx::SqlitePool,
    _folder: TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let now: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
    let clock = Arc::new(ManualClock::new(now));
    let start = async || {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data: folder.path().join("data"),
            keys: folder.path().join("keys"),
            clock: Arc::clone(&clock) as Arc<_>,
            ..Config::default()
        };
        Showcase::start(config).await.expect("the showcase starts")
    };
    let (one, other) = (start().await, start().await);
    World {
        one: one.shared(),
        other: other.shared(),
        pool: one.pool(),
        clock,
        _folder: folder,
    }
}

async fn begin(app: &App, visit: Name, request: Name) -> Turn {
    let begun = app.answers.begin(app, visit, request).await;
    begun.expect("the database answers")
}

async fn mine(app: &App, visit: Name, request: Name) -> Mine {
    match begin(app, visit, request).await {
        Turn::Mine(mine) => mine,
        Turn::Given(_) | Turn::None => panic!("it is this one's turn"),
    }
}

async fn given(app: &App, visit: Name, request: Name) -> Option<Response> {
    match begin(app, visit, request).await {
        Turn::Given(answer) => Some(answer),
        Turn::Mine(mine) => {
            app.answers.forget(mine).await.expect("the database");
            None
        }
        Turn::None => panic!("there is room"),
    }
}

fn answer(request: Name, body: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut headers = HeaderMap::new();
    for cookie in ["session=one", "visit=two"] {
        headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
    }
    Kept::written(request, StatusCode::SEE_OTHER, &headers, body)
}

async fn end(app: &App, mine: Mine, kept: &[u8]) {
    let ended = app.answers.end(app, mine, kept).await;
    ended.expect("the database");
}

async fn rows(world: &World) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM answers");
    count.fetch_one(&world.pool).await.expect("a count")
}

async fn text(answer: Response) -> (StatusCode, Vec<String>, Vec<u8>) {
    let (parts, body) = answer.into_parts();
    let cookies = parts.headers.get_all(header::SET_COOKIE).iter();
    let cookies = cookies.map(|cookie| {
        assert!(cookie.is_sensitive());
        cookie.to_str().expect("text").to_owned()
    });
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("bytes");
    (parts.status, cookies.collect(), body.to_vec())
}

/// An answer is given to its copy alone, by any process, as it was, and for five seconds.
#[tokio::test]
async fn answer_is_given_to_its_copy_for_five_seconds() {
    let world = world().await;
    let first = mine(&world.one, VISIT, REQUEST).await;
    end(&world.one, first, &answer(REQUEST, b"words")).await;
    for app in [&world.one, &world.other] {
        let copy = given(app, VISIT, REQUEST).await.expect("the answer");
        let cookies = vec!["session=one".to_owned(), "visit=two".to_owned()];
        let same = (StatusCode::SEE_OTHER, cookies, b"words".to_vec());
        assert_eq!(text(copy).await, same);
    }
    assert!(given(&world.other, ANOTHER, REQUEST).await.is_none());
    world.clock.advance(WITHIN - TimeDelta::microseconds(1));
    assert!(given(&world.other, VISIT, REQUEST).await.is_some());
    world.clock.advance(TimeDelta::microseconds(1));
    assert!(given(&world.other, VISIT, REQUEST).await.is_none());
}

/// Whoever does something else in between means the same again.
#[tokio::test]
async fn answer_goes_with_the_next_request_of_its_visit() {
    let world = world().await;
    let first = mine(&world.one, VISIT, REQUEST).await;
    end(&world.one, first, &answer(REQUEST, b"")).await;
    assert!(given(&world.other, VISIT, ANOTHER).await.is_none());
    assert!(given(&world.one, VISIT, REQUEST).await.is_none());
}

/// A copy waits for the process that answers the first, and gets the answer; what was refused is tried again.
#[tokio::test]
async fn copy_waits_for_the_other_process() {
    let world = world().await;
    for is_done in [true, false] {
        let first = mine(&world.one, VISIT, REQUEST).await;
        let copy = given(&world.other, VISIT, REQUEST);
        let done = async {
            tokio::time::sleep(core::time::Duration::from_millis(60)).await;
            match is_done {
                true => end(&world.one, first, &answer(REQUEST, b"")).await,
                false => world.one.answers.forget(first).await.expect("the database"),
            }
        };
        let (copy, ()) = tokio::join!(copy, done);
        assert_eq!(copy.is_some(), is_done);
        world.clock.advance(TimeDelta::minutes(1));
    }
}

/// What a process leaves that died is taken over; one that says that it goes on is waited for.
#[tokio::test]
async fn turn_of_a_process_that_died_is_taken_over() {
    let world = world().await;
    let dead = mine(&world.one, VISIT, REQUEST).await;
    world.clock.advance(WITHIN);
    let second = mine(&world.other, VISIT, REQUEST).await;
    end(&world.other, second, &answer(REQUEST, b"in time")).await;
    // The first one was not dead, and comes too late.
    end(&world.one, dead, &answer(REQUEST, b"late")).await;
    let copy = given(&world.one, VISIT, REQUEST).await.expect("an answer");
    assert_eq!(text(copy).await.2, b"in time");

    let alive = mine(&world.one, ANOTHER, REQUEST).await;
    world.clock.advance(WITHIN - TimeDelta::seconds(1));
    let answers = &world.one.answers;
    tokio::select! {
        never = answers.keep(&world.one, &alive) => match never {},
        () = tokio::time::sleep(core::time::Duration::from_secs(3)) => {}
    }
    world.clock.advance(TimeDelta::seconds(2));
    let at = sqlx::query_scalar("SELECT at FROM answers WHERE visit = ?").bind(&ANOTHER[..]);
    let at: i64 = at.fetch_one(&world.pool).await.expect("a row");
    assert_eq!(now(&world.one).saturating_sub(at), 2_000_000);
}

/// So many visits are looked after, whichever process they come to; the next ones are once these are over.
#[tokio::test]
async fn answers_are_bounded_and_end() {
    let world = world().await;
    for number in 0..MOST {
        let mut visit = VISIT;
        visit[..8].copy_from_slice(&number.to_be_bytes());
        mine(&world.one, visit, REQUEST).await;
    }
    let beyond = begin(&world.other, ANOTHER, REQUEST).await;
    assert!(matches!(beyond, Turn::None));
    assert_eq!(rows(&world).await, MOST);
    world.clock.advance(WITHIN);
    mine(&world.other, ANOTHER, REQUEST).await;
    assert_eq!(rows(&world).await, 1);
    // Where nobody comes any more, the task that purges does it.
    world.clock.advance(WITHIN);
    tidy(&world.one).await;
    assert_eq!(rows(&world).await, 0);
}

/// An answer that is too long is not kept.
#[tokio::test]
async fn answer_that_is_too_long_is_not_kept() {
    let world = world().await;
    for (longer, is_kept) in [(0, true), (1, false)] {
        let head = answer(REQUEST, b"").len();
        let length = LONGEST.saturating_sub(head).saturating_add(longer);
        let body = vec![b'x'; length];
        let first = mine(&world.one, VISIT, REQUEST).await;
        end(&world.one, first, &answer(REQUEST, &body)).await;
        let copy = given(&world.one, VISIT, REQUEST).await;
        assert_eq!(copy.is_some(), is_kept);
        world.clock.advance(TimeDelta::minutes(1));
    }
}

/// Nothing of an answer can be read where it rests, and in another visit's row it is none.
#[tokio::test]
async fn answer_rests_sealed_to_its_visit() {
    let world = world().await;
    let first = mine(&world.one, VISIT, REQUEST).await;
    end(&world.one, first, &answer(REQUEST, b"the ten codes")).await;
    let find = sqlx::query_scalar("SELECT sealed FROM answers");
    let sealed: Vec<u8> = find.fetch_one(&world.pool).await.expect("a row");
    for plain in [&b"the ten codes"[..], b"session=one", &REQUEST] {
        assert!(!sealed.windows(plain.len()).any(|part| part == plain));
    }
    let moved = sqlx::query("UPDATE answers SET visit = ?").bind(&ANOTHER[..]);
    moved.execute(&world.pool).await.expect("a change");
    assert!(given(&world.one, ANOTHER, REQUEST).await.is_none());
}

/// What is wiped is all that was written: the buffer never grew, and left nothing behind.
#[test]
fn kept_answer_is_written_without_growing() {
    let whole = answer(REQUEST, b"the ten codes");
    assert_eq!(whole.capacity(), whole.len());
}

/// What was cut is no answer, and no other request's.
#[test]
fn kept_bytes_that_are_cut_are_no_answer() {
    let whole = answer(REQUEST, b"");
    assert!(matches!(Kept::read(&whole, &REQUEST), Some(Kept::Done(_))));
    assert!(Kept::read(&whole, &ANOTHER).is_none());
    for length in 0..whole.len() {
        let cut = whole.get(..length).expect("a part");
        assert!(Kept::read(cut, &REQUEST).is_none(), "{length}");
    }
    let open = Kept::open(REQUEST);
    assert!(matches!(Kept::read(&open, &REQUEST), Some(Kept::Open)));
}
