//! One call of a script: its keys and arguments, and the command that they make.

use core::fmt;
use std::sync::LazyLock;

use redis::Cmd;

use crate::scripts::Source;

/// How many names go in one script: it holds up the server for well under a millisecond.
pub(crate) const BATCH: u32 = 256;

/// How often keys are asked for until those of the last answer must do.
pub(crate) const TRIES: u32 = 8;

/// Whether a script changes what would be missed: then replicas are waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Reads,
    Writes,
}

/// One call of a script.
pub(crate) struct Call {
    script: &'static LazyLock<Source>,
    kind: Kind,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Call {
    /// A call whose first key is the epoch.
    pub(crate) fn new(script: &'static LazyLock<Source>, kind: Kind, epoch: String) -> Self {
        Self {
            script,
            kind,
            keys: vec![epoch],
            args: Vec::new(),
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn key(mut self, key: String) -> Self {
        self.keys.push(key);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.args.push(arg.as_ref().to_vec());
        self
    }

    pub(crate) fn number(self, number: impl fmt::Display) -> Self {
        self.arg(number.to_string())
    }

    /// Declares a key and gives its number in the script.
    pub(crate) fn declare(&mut self, key: String) -> usize {
        self.keys.push(key);
        self.keys.len()
    }

    pub(crate) fn add(&mut self, arg: impl AsRef<[u8]>) {
        self.args.push(arg.as_ref().to_vec());
    }

    /// The command, by the script's hash or with its text; its last argument is the era that is known.
    pub(crate) fn command(&self, whole: bool, era: &str) -> Cmd {
        let script = &**self.script;
        let mut command = if whole {
            let mut command = redis::cmd("EVAL");
            command.arg(&script.text);
            command
        } else {
            let mut command = redis::cmd("EVALSHA");
            command.arg(&script.hash);
            command
        };
        command.arg(self.keys.len()).arg(&self.keys);
        for arg in &self.args {
            command.arg(arg.as_slice());
        }
        command.arg(era);
        command
    }
}
