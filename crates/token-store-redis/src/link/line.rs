//! One connection: whether it still is one, what is on its way on it, and which writes replicas have.

use core::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};
use std::{sync::Arc, time::Instant};

use redis::{RedisResult, aio::MultiplexedConnection};
use tokio::{sync::Mutex, time::timeout};

use super::Link;

/// A connection that was quiet for longer may be none any more. Shorter than a server needs to restart, and
/// longer than the pauses between the verbs of a busy application, which pay for no question.
const QUIET: Duration = Duration::from_millis(10);

pub(super) struct Line {
    connection: MultiplexedConnection,
    made: Instant,
    /// Microseconds after `made` at which it last answered.
    heard: AtomicU64,
    answers: AtomicU64,
    /// How many wait for an answer.
    waiting: AtomicUsize,
    /// How many `WAIT`s were begun.
    waits: AtomicU64,
    acknowledged: Mutex<Acknowledged>,
}

/// The last `WAIT` that was answered.
#[derive(Default)]
struct Acknowledged {
    /// Which one it was, from 1.
    wait: u64,
    replicas: i64,
}

impl Line {
    pub(super) fn new(connection: MultiplexedConnection) -> Self {
        Self {
            connection,
            made: Instant::now(),
            heard: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            waits: AtomicU64::new(0),
            acknowledged: Mutex::default(),
        }
    }

    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// Whether somebody waits on it, or was answered a moment ago.
    pub(super) fn is_in_use(&self) -> bool {
        let heard = Duration::from_micros(self.heard.load(Ordering::Relaxed));
        self.waiting.load(Ordering::Relaxed) > 0
            || self.made.elapsed().saturating_sub(heard) < QUIET
    }

    /// Whether the server answers a question that changes nothing. Any answer will do.
    pub(super) async fn answers_within(&self, patience: Duration) -> bool {
        let ask = redis::cmd("TIME");
        let mut connection = self.connection();
        let told = timeout(patience, connection.send_packed_command(&ask)).await;
        let answers = matches!(told, Ok(Ok(_)));
        if answers {
            self.hear();
        }
        answers
    }

    fn hear(&self) {
        let passed = u64::try_from(self.made.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.heard.fetch_max(passed, Ordering::Relaxed);
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// How many replicas have a write that this connection has answered: by a `WAIT` that `wait` sends
    /// afterwards.
    ///
    /// The connection answers nothing else during a `WAIT`. So all who come meanwhile share the next one: a
    /// write waits at most for the one that runs, for one that began while it was on its way, and for its own.
    pub(super) async fn acknowledged(
        &self,
        wait: impl Future<Output = RedisResult<i64>>,
    ) -> RedisResult<i64> {
        let begun = self.waits.load(Ordering::SeqCst);
        let mut last = self.acknowledged.lock().await;
        if last.wait <= begun {
            let number = self.waits.fetch_add(1, Ordering::SeqCst).saturating_add(1);
            *last = Acknowledged {
                replicas: wait.await?,
                wait: number,
            };
        }
        Ok(last.replicas)
    }
}

/// A command on its way.
pub(super) struct Waiting<'l> {
    link: &'l Link,
    line: &'l Arc<Line>,
    since: Instant,
    answers: u64,
    over: bool,
}

impl<'l> Waiting<'l> {
    pub(super) fn new(link: &'l Link, line: &'l Arc<Line>) -> Self {
        line.waiting.fetch_add(1, Ordering::Relaxed);
        Self {
            link,
            line,
            since: Instant::now(),
            answers: line.answers.load(Ordering::Relaxed),
            over: false,
        }
    }

    pub(super) fn over<T>(mut self, told: RedisResult<T>) -> RedisResult<T> {
        match &told {
            Err(error) if error.is_timeout() => {}
            Err(error) if self.link.is_wrong(error) => {
                self.over = true;
                self.link.give_up(self.line);
            }
            _ => {
                self.over = true;
                self.line.hear();
            }
        }
        told
    }
}

impl Drop for Waiting<'_> {
    /// A verb whose time is over drops this too. Where nobody was answered meanwhile, the connection hangs:
    /// the kernel alone would hold on to it for a quarter of an hour.
    fn drop(&mut self) {
        self.line.waiting.fetch_sub(1, Ordering::Relaxed);
        let silent = self.line.answers.load(Ordering::Relaxed) == self.answers;
        if !self.over && silent && self.since.elapsed() >= self.link.patience {
            self.link.give_up(self.line);
        }
    }
}
