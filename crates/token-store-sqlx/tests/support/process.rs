//! Other processes: this very binary, run again with a variable set.

#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdout, Command, Stdio},
};

const PLACE: &str = "TOKEN_STORE_SQLX_PLACE";

/// Another process, which dies with its owner.
pub(crate) struct Process {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// One test of a binary of tests, with where its store is in its environment.
    pub(crate) fn start(mut command: Command, test: &str, place: impl AsRef<OsStr>) -> Self {
        let mut child = command
            .args(["--exact", test, "--nocapture"])
            .env(PLACE, place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, said }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        // It may be dead by now, which its silence tells.
        let _ = writeln!(self.child.stdin.as_mut().unwrap(), "{line}");
    }

    /// The next line, until it is dead and everything that it said is read.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut lines = self.said.by_ref().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix("@ ").map(String::from))
    }

    /// SIGKILL: nothing of it runs any more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn this_binary() -> Command {
    Command::new(env::current_exe().unwrap())
}

/// Where the store of a process is: none in a run of the tests.
pub(crate) fn own_place() -> Option<String> {
    env::var(PLACE).ok()
}

/// What a process is told, line by line.
pub(crate) fn heard() -> impl Iterator<Item = String> {
    std::io::stdin().lines().map_while(Result::ok)
}
