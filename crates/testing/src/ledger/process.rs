//! An application in a process of its own, which is asked through a pipe, and which may be killed at any moment.
//!
//! It is this very program, run again. Whatever it answered was written out before anybody is told of it, so that a kill
//! leaves the answer or takes it away, and nothing between: what was not answered may be done or not.

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{
    collections::HashMap,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::oneshot;

use super::{
    entry::{Asked, Outage, Told},
    stock::Stock,
};

/// Names the place of a process's store: not set where nobody started one.
const PLACE: &str = "TESTING_LEDGER_PLACE";

type Answer = (Duration, Told);
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>;

/// The process, while it lives.
#[derive(Debug)]
struct Life {
    child: Child,
    asks: ChildStdin,
    /// How much of the stock it knows, once it has its keys.
    knows: Option<usize>,
    waiting: Waiting,
    hears: Option<thread::JoinHandle<()>>,
}

/// An application that is killed and starts again.
#[derive(Debug)]
pub struct Process {
    place: String,
    life: Mutex<Option<Life>>,
    next: AtomicU64,
}

impl Process {
    /// A new one whose store is at this place.
    #[must_use]
    pub fn start(place: impl Into<String>) -> Self {
        let process = Self {
            place: place.into(),
            life: Mutex::default(),
            next: AtomicU64::new(0),
        };
        process.restart();
        process
    }

    /// The same, which can write no file beyond so many blocks until it starts again: for it the disk is full. A block is
    /// 512 bytes, in some shells 1024.
    #[must_use]
    pub fn start_limited(place: impl Into<String>, blocks: u32) -> Self {
        let process = Self {
            place: place.into(),
            life: Mutex::default(),
            next: AtomicU64::new(0),
        };
        let mut shell = Command::new("sh");
        let limited = format!("trap '' XFSZ; ulimit -f {blocks} || exit 1; exec \"$0\"");
        shell.arg("-c").arg(limited).arg(own_program());
        process.begin(shell);
        process
    }

    fn life(&self) -> MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SIGKILL: nothing of it runs any more. What it had answered is heard.
    pub fn kill(&self) {
        let life = self.life().take();
        drop(life);
    }

    /// Starts it again.
    pub fn restart(&self) {
        self.begin(Command::new(own_program()));
    }

    fn begin(&self, mut command: Command) {
        let mut child = command
            .env(PLACE, &self.place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this very program");
        let asks = child.stdin.take().expect("a pipe");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        let waiting = Waiting::default();
        let answers = Arc::clone(&waiting);
        let hears = thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if let Some((number, told)) = line.split_once(' ')
                    && let Ok(number) = number.parse()
                    && let Some(told) = Told::from_line(told)
                    && let Some(asked) = lock(&answers).remove(&number)
                {
                    let _ = asked.send(told);
                }
            }
            // It is dead: nobody hears of the rest.
            lock(&answers).clear();
        });
        *self.life() = Some(Life {
            child,
            asks,
            knows: None,
            waiting,
            hears: Some(hears),
        });
    }

    /// Asks it for something of this stock.
    pub(super) async fn ask(&self, stock: &Stock, asked: Asked) -> (Option<Duration>, Told) {
        if let Some(answer) = self.send(stock, asked)
            && let Ok((took, told)) = answer.await
        {
            return (Some(took), told);
        }
        let dead = Told::Outage(Outage::Unanswered, "the process is dead".into());
        (None, dead)
    }

    fn send(&self, stock: &Stock, asked: Asked) -> Option<oneshot::Receiver<Answer>> {
        let mut life = self.life();
        let life = life.as_mut()?;
        let mut lines = String::new();
        if life.knows.is_none() {
            lines.push_str(stock.keys());
        }
        let knows = life.knows.unwrap_or(0);
        let made = stock.made_since(knows);
        life.knows = Some(knows + made.len());
        for line in made {
            lines.push_str(&line);
            lines.push('\n');
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lines.push_str(&format!("{number} {}\n", asked.to_line()));
        let (tells, told) = oneshot::channel();
        lock(&life.waiting).insert(number, tells);
        if life.asks.write_all(lines.as_bytes()).is_err() {
            lock(&life.waiting).remove(&number);
        }
        Some(told)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(hears) = self.hears.take() {
            let _ = hears.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn own_program() -> PathBuf {
    env::current_exe().expect("a program")
}

/// Where the store of this process is, if another one started it for that.
#[must_use]
pub fn own_place() -> Option<String> {
    env::var(PLACE).ok()
}
