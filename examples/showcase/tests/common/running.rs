//! The program as a process of its own.

#![allow(dead_code, reason = "each test file uses a part")]

use core::net::SocketAddr;
use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use super::support::Person;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_showcase");

/// A showcase in a process of its own, killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) origin: String,
    pub(crate) address: SocketAddr,
    pub(crate) printed: Vec<String>,
}

impl Running {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    pub(crate) fn start_with(folder: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("data"))
            .arg("--keys")
            .arg(folder.join("keys"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = child.stdout.take().expect("what it prints");
        let mut printed = Vec::new();
        for line in BufReader::new(output).lines() {
            printed.push(line.expect("a line"));
            if printed.last().is_some_and(|line| line.contains("Ctrl-C")) {
                break;
            }
        }
        let behind = |words: &str| {
            let line = printed.iter().find_map(|line| line.split_once(words));
            line.expect("it says so").1.trim().to_owned()
        };
        Self {
            origin: behind("Open "),
            address: behind("listens on ").parse().expect("an address"),
            child,
            printed,
        }
    }

    pub(crate) fn person(&self) -> Person {
        Person::at(self.address)
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Stops it, and says what it logged.
    pub(crate) fn log(mut self) -> String {
        let _ = self.child.kill();
        let mut log = String::new();
        let errors: Option<ChildStderr> = self.child.stderr.take();
        let mut errors = errors.expect("its log");
        errors.read_to_string(&mut log).expect("text");
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL: nothing is written on the way out.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
