//! The store: how a verb is asked, whatever it is.

use core::{fmt, time::Duration};
use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};

use redis::{Cmd, Value};
use token_store::{EventSink, StoreError};

use crate::{
    error::{Outage, is_elsewhere, outage},
    keys::Keys,
    link::Link,
    primary::Watch,
    reply::Reply,
    scripts::Source,
};

/// Tokens and paces in one slot of a Redis server or cluster; factors, ceilings and allowances where
/// their loss was accepted. Cheap to clone.
///
/// Every verb is one script, so it is atomic among tasks, connections and processes. The ones that
/// range over records (a resend, [`list`], [`revoke`] of a subject, [`purge`]) ask first which keys to
/// declare, and again if those have changed; the script that answers is one step all the same.
///
/// [`list`]: token_store::TokenStore::list
/// [`purge`]: token_store::TokenStore::purge
/// [`revoke`]: token_store::TokenStore::revoke
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) link: Link,
    pub(crate) keys: Keys,
    pub(crate) timeout: Duration,
    pub(crate) replicas: u32,
    pub(crate) recheck_every: Duration,
    pub(crate) keeps_across_restarts: bool,
    pub(crate) keeps_factors: bool,
    pub(crate) keeps_ceilings: bool,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) started: Instant,
    pub(crate) watch: Watch,
}

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
    fn command(&self, whole: bool, era: &str) -> Cmd {
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

impl RedisStore {
    /// A call of a script; its first key is the epoch.
    pub(crate) fn call(&self, script: &'static LazyLock<Source>, kind: Kind) -> Call {
        Call {
            script,
            kind,
            keys: vec![self.inner.keys.epoch()],
            args: Vec::new(),
        }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// The answer, or [`StoreError::Timeout`] once the store's time is over.
    pub(crate) async fn within<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(self.inner.timeout, step)
            .await
            .unwrap_or(Err(StoreError::Timeout))
    }

    /// Runs a verb's script. A primary that is new is taken note of first.
    pub(crate) async fn run(&self, call: &Call) -> Result<Reply, StoreError> {
        self.recheck().await?;
        loop {
            let mut reply = self.ask(call).await?;
            match reply.status() {
                "primary" | "era" | "replica" | "layout" | "lost" | "corrupt" => {
                    self.heed(&mut reply).await?;
                }
                _ => return Ok(reply),
            }
        }
    }

    /// Runs a script once.
    pub(crate) async fn ask(&self, call: &Call) -> Result<Reply, StoreError> {
        let mut whole = false;
        loop {
            match self
                .send(&call.command(whole, &self.era()), call.kind)
                .await
            {
                Err(error) if error.code() == Some("NOSCRIPT") && !whole => whole = true,
                // Refused before anything was done; the link looks meanwhile where the slot is.
                Err(error) if is_elsewhere(&error) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(outage(error)),
                Ok((value, acknowledged)) => {
                    let wanted = self.inner.replicas;
                    if acknowledged < i64::from(wanted) {
                        return Err(Outage::FewReplicas {
                            acknowledged,
                            wanted,
                        }
                        .into());
                    }
                    return Reply::new(value);
                }
            }
        }
    }

    async fn send(&self, command: &Cmd, kind: Kind) -> redis::RedisResult<(Value, i64)> {
        let inner = &self.inner;
        if kind == Kind::Reads || inner.replicas == 0 {
            let value = inner.link.send(command).await?;
            return Ok((value, i64::from(inner.replicas)));
        }
        // The rest of the time is for the way there and back.
        let patience = inner.timeout.mul_f32(0.5);
        let link = &inner.link;
        link.send_and_wait(command, inner.replicas, patience).await
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("keys", &self.inner.keys)
            .field("timeout", &self.inner.timeout)
            .field("replicas", &self.inner.replicas)
            .finish_non_exhaustive()
    }
}
