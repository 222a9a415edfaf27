//! The store, and how a script is sent to its server, whatever the script does.

use core::{fmt, time::Duration};
use std::sync::{Arc, LazyLock};

use redis::{Cmd, Value};
use token_store::{EventSink, StoreError};

use crate::{
    call::{Call, Kind},
    era::Watch,
    error::{Outage, is_elsewhere, is_replica, outage},
    keys::Keys,
    link::Link,
    reply::Reply,
    scripts::Source,
};

/// Tokens and paces in one slot of a Redis server or cluster. Factors, ceilings and allowances too, if their loss
/// was accepted. Cheap to clone.
///
/// Every verb is one script, so it is atomic among tasks, connections and processes. A verb over many records (a
/// resend, [`list`], [`revoke`] of a subject, [`purge`]) first reads which keys to declare, and reads again if they
/// changed; the script that answers is one atomic step.
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
    pub(crate) keeps_factors: bool,
    pub(crate) keeps_ceilings: bool,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) watch: Watch,
}

impl RedisStore {
    /// A call of a script; its first key is the epoch.
    pub(crate) fn call(&self, script: &'static LazyLock<Source>, kind: Kind) -> Call {
        Call::new(script, kind, self.inner.keys.epoch())
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

    /// Runs a script once.
    pub(crate) async fn ask(&self, call: &Call) -> Result<Reply, StoreError> {
        let (mut whole, mut is_second) = (false, false);
        loop {
            let era = self.inner.watch.era().map(|era| era.name);
            let command = call.command(whole, &era.unwrap_or_default());
            match self.send(&command, call.kind()).await {
                Err(error) if error.code() == Some("NOSCRIPT") && !whole => whole = true,
                // The link gave this server up. Where its name leads by now, there may be a primary.
                Err(error) if is_replica(&error) => {
                    if is_second {
                        return Err(Outage::NotPrimary.into());
                    }
                    is_second = true;
                }
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
        let Inner { link, replicas, .. } = &*self.inner;
        if kind == Kind::Reads || *replicas == 0 {
            let value = link.send(command).await?;
            return Ok((value, i64::from(*replicas)));
        }
        link.send_and_wait(command, *replicas).await
    }
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
