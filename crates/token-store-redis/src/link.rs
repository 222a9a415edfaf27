//! The way to the server: one connection, which all verbs share and the next one makes anew.

mod address;
mod line;
#[cfg(feature = "cluster")]
mod members;
mod sentinels;

use core::time::Duration;
use std::sync::{Arc, PoisonError, RwLock};

use redis::{
    AsyncConnectionConfig, Cmd, ConnectionInfo, RedisError, RedisResult, Value,
    aio::MultiplexedConnection, io::tcp::socket2::TcpKeepalive,
};
use tokio::sync::Mutex;

use crate::error::is_replica;
use line::{Line, Waiting};
#[cfg(feature = "cluster")]
pub(crate) use members::Members;
pub(crate) use sentinels::Sentinels;

/// Where the server is.
pub(crate) enum Place {
    /// What a standalone server's name leads to, whenever it is asked.
    One(Box<ConnectionInfo>),
    /// Whichever member of a cluster has the slot.
    #[cfg(feature = "cluster")]
    Cluster(Members),
    /// Whichever server Sentinels name.
    Sentinels(Box<Sentinels>),
}

/// A connection that is made again when it was lost, or answered nothing for a verb's whole time. What
/// was on its way then is an error: it is never sent twice, since it may have been done.
///
/// A connection may die while nobody uses it: the server closes idle ones, restarts, or a firewall forgets them.
/// So one that nobody waits on and that was quiet for a moment has to answer a question before a verb is sent on it.
pub(crate) struct Link {
    place: Place,
    config: AsyncConnectionConfig,
    /// How long a connection may owe an answer before it is given up.
    patience: Duration,
    /// How long the question before a verb may take.
    quarter: Duration,
    /// How long one `WAIT` may take. A verb of two scripts meets up to five: one before the first script, and before the
    /// second the one that runs, the one that began while it was on its way, and its own.
    eighth: Duration,
    /// How long the others may take to name a better server than one that was named.
    grace: Duration,
    line: RwLock<Option<Arc<Line>>>,
    /// Held by whoever connects, or looks whether the connection is still one.
    connecting: Mutex<()>,
}

impl Link {
    /// A way to this place, whose verbs take at most `timeout`. Nothing is connected yet.
    pub(crate) fn new(place: Place, timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            // Half, so that whoever waits for somebody else's attempt has time for its own.
            .set_connection_timeout(Some(timeout.mul_f32(0.5)))
            .set_response_timeout(Some(timeout));
        Self {
            place,
            config,
            // A connection answers nothing else during a `WAIT`, and several may come one after the other.
            patience: timeout.mul_f32(0.75),
            quarter: timeout.mul_f32(0.25),
            eighth: timeout.mul_f32(0.125),
            grace: timeout.mul_f32(0.1),
            line: RwLock::new(None),
            connecting: Mutex::new(()),
        }
    }

    /// Sends a command.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.send_on(&self.line().await?, command).await
    }

    /// Sends a command that writes, and asks on the same connection, after it, how many replicas have it.
    pub(crate) async fn send_and_wait(
        &self,
        command: &Cmd,
        replicas: u32,
    ) -> RedisResult<(Value, i64)> {
        let line = self.line().await?;
        let value = self.send_on(&line, command).await?;
        let wait = async {
            // 0 would be for ever.
            let most = u64::try_from(self.eighth.as_millis()).unwrap_or(u64::MAX);
            let mut wait = redis::cmd("WAIT");
            wait.arg(replicas).arg(most.max(1));
            match self.send_on(&line, &wait).await? {
                Value::Int(acknowledged) => Ok(acknowledged),
                _ => Err(strange()),
            }
        };
        Ok((value, line.acknowledged(wait).await?))
    }

    async fn send_on(&self, line: &Arc<Line>, command: &Cmd) -> RedisResult<Value> {
        let waiting = Waiting::new(self, line);
        let told = line.connection().send_packed_command(command).await;
        waiting.over(told.and_then(Value::extract_error))
    }

    /// The connection; made if there is none, or if it is none any more.
    async fn line(&self) -> RedisResult<Arc<Line>> {
        if let Some(line) = self.present().filter(|line| line.is_in_use()) {
            return Ok(line);
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(line) = self.present() {
            if line.is_in_use() || line.answers_within(self.quarter).await {
                return Ok(line);
            }
            self.give_up(&line);
        }
        let connection = match &self.place {
            Place::One(server) => connect(server, &self.config).await?,
            #[cfg(feature = "cluster")]
            Place::Cluster(members) => members.connect(&self.config, self.grace).await?,
            Place::Sentinels(all) => all.connect(&self.config, self.grace).await?,
        };
        let line = Arc::new(Line::new(connection));
        *self.line.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&line));
        Ok(line)
    }

    fn present(&self) -> Option<Arc<Line>> {
        let line = self.line.read().unwrap_or_else(PoisonError::into_inner);
        line.clone()
    }

    /// The next verb makes another connection. Those that still wait on this one wait on.
    fn give_up(&self, line: &Arc<Line>) {
        let mut present = self.line.write().unwrap_or_else(PoisonError::into_inner);
        present.take_if(|present| Arc::ptr_eq(present, line));
    }

    /// Whether this server's error says that another one must be asked.
    fn is_wrong(&self, error: &RedisError) -> bool {
        if error.is_unrecoverable_error() {
            return true;
        }
        match &self.place {
            // Its name may lead elsewhere by now, and Sentinels may name another.
            Place::One(_) | Place::Sentinels(_) => is_replica(error),
            #[cfg(feature = "cluster")]
            Place::Cluster(members) => members.heed(error),
        }
    }
}

/// What every connection of the store has: no waiting for more to send, which would hold up the verb
/// behind one that is unanswered, and an end to a connection whose other side is gone.
pub(crate) fn with_settings(server: ConnectionInfo, timeout: Duration) -> ConnectionInfo {
    let own = server.tcp_settings();
    let mut settings = own.clone().set_nodelay(true);
    if own.keepalive().is_none() {
        // The system counts in whole seconds.
        let idle = timeout.clamp(Duration::from_secs(1), Duration::from_secs(3_600));
        settings = settings.set_keepalive(TcpKeepalive::new().with_time(idle));
    }
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    if own.user_timeout().is_none() {
        settings = settings.set_user_timeout(timeout);
    }
    server.set_tcp_settings(settings)
}

async fn connect(
    server: &ConnectionInfo,
    config: &AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    let client = redis::Client::open(server.clone())?;
    client
        .get_multiplexed_async_connection_with_config(config)
        .await
}

fn strange() -> RedisError {
    (
        redis::ErrorKind::UnexpectedReturnType,
        "not what was asked for",
    )
        .into()
}
