//! Another process on the same store: this very binary, run again with a variable set.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    env,
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdout, Command, Stdio},
};

use testing::redis::{Install, clean, everything, prefix, url};
use token_store_redis::RedisStore;

use crate::fixture::Fixture;

/// The prefix of a process that a test started: none in a run of the tests.
const PREFIX: &str = "TOKEN_STORE_REDIS_PREFIX";
/// The members of its cluster: none on a standalone server.
const MEMBERS: &str = "TOKEN_STORE_REDIS_MEMBERS";

/// Where several processes meet: on the server of `REDIS_URL`, or on a cluster.
pub(crate) struct Place {
    prefix: String,
    members: Vec<String>,
}

impl Place {
    pub(crate) fn new(members: Vec<String>) -> Self {
        Self {
            prefix: prefix(),
            members,
        }
    }

    /// A store on it, the first.
    pub(crate) async fn install(&self) -> RedisStore {
        let builder = everything().prefix(&self.prefix);
        if self.members.is_empty() {
            return builder.install(url()).await;
        }
        #[cfg(feature = "cluster")]
        return builder.install_cluster(self.members.clone()).await;
        #[cfg(not(feature = "cluster"))]
        panic!("a cluster without its feature");
    }

    /// Another one.
    async fn connect(&self) -> RedisStore {
        let builder = everything().prefix(&self.prefix);
        let store = if self.members.is_empty() {
            builder.connect(url()).await
        } else {
            #[cfg(feature = "cluster")]
            {
                builder.cluster(self.members.clone()).await
            }
            #[cfg(not(feature = "cluster"))]
            panic!("a cluster without its feature")
        };
        store.expect("the store that is there")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A cluster ends with its test, and so does everything in it.
        if self.members.is_empty() && env::var(PREFIX).is_err() {
            clean(&url(), &self.prefix);
        }
    }
}

/// What a process that a test started needs to begin, and what it is told.
pub(crate) async fn own_fixture() -> Option<(Fixture, impl Iterator<Item = String>)> {
    let members = env::var(MEMBERS).ok()?;
    let place = Place {
        prefix: env::var(PREFIX).ok()?,
        members: members.split_whitespace().map(String::from).collect(),
    };
    // The test runner has begun a line.
    let _ = std::io::stdout().write_all(b"\n");
    let mut heard = std::io::stdin().lines().map_while(Result::ok);
    let keys = heard.next().expect("a key ring");
    Some((Fixture::with_keys(place.connect().await, &keys), heard))
}

/// Says a line to the process that started this one.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
pub(crate) fn say(line: &str) {
    println!("@ {line}");
}

/// Another process, which dies with its owner.
pub(crate) struct Process {
    pub(crate) child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(test: &str, place: &Place, keys: &str) -> Self {
        let mut child = Command::new(env::current_exe().expect("a process of its own"))
            .args(["--exact", test, "--nocapture"])
            .env(PREFIX, &place.prefix)
            .env(MEMBERS, place.members.join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process of its own");
        let said = BufReader::new(child.stdout.take().expect("a process of its own")).lines();
        let mut process = Self { child, said };
        process.tell(keys);
        process
    }

    pub(crate) fn tell(&mut self, line: &str) {
        // It may be dead by now, which its silence tells.
        let _ = writeln!(
            self.child.stdin.as_mut().expect("a process of its own"),
            "{line}"
        );
    }

    /// The next line, until it is dead and everything that it said is read.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut lines = self.said.by_ref().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix("@ ").map(String::from))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
