//! The way to the server: one connection, which all verbs share and the next one makes anew.

#[cfg(feature = "cluster")]
mod members;

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use redis::{
    AsyncConnectionConfig, Cmd, ConnectionInfo, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value, aio::MultiplexedConnection, io::tcp::socket2::TcpKeepalive,
};
use tokio::sync::Mutex;

#[cfg(feature = "cluster")]
pub(crate) use members::Members;

/// Where the server is.
pub(crate) enum Place {
    /// What a standalone server's name leads to, whenever it is asked.
    One(Box<ConnectionInfo>),
    /// Whichever member of a cluster has the slot.
    #[cfg(feature = "cluster")]
    Cluster(Members),
}

/// A connection that is made again when it was lost, or answered nothing for a verb's whole time. What
/// was on its way then is an error: it is never sent twice, since it may have been done.
pub(crate) struct Link {
    place: Place,
    config: AsyncConnectionConfig,
    /// How long a connection may owe an answer before it is given up.
    patience: Duration,
    /// How long the others may take to name a better member than one that says that it is of no use.
    #[cfg(feature = "cluster")]
    grace: Duration,
    line: RwLock<Option<Arc<Line>>>,
    /// Held by whoever connects.
    connecting: Mutex<()>,
}

struct Line {
    connection: MultiplexedConnection,
    answers: AtomicU64,
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
            // `WAIT` may take half of the time, and a connection answers nothing else meanwhile.
            patience: timeout.mul_f32(0.75),
            #[cfg(feature = "cluster")]
            grace: timeout.mul_f32(0.1),
            line: RwLock::new(None),
            connecting: Mutex::new(()),
        }
    }

    /// Sends a command.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let line = self.line().await?;
        let waiting = Waiting::new(self, &line);
        let mut connection = line.connection.clone();
        let told = connection.send_packed_command(command).await;
        waiting.over(told.and_then(Value::extract_error))
    }

    /// Sends a command that writes, and asks on the same connection, after it, how many replicas have it.
    pub(crate) async fn send_and_wait(
        &self,
        command: &Cmd,
        replicas: u32,
        patience: Duration,
    ) -> RedisResult<(Value, i64)> {
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(command.clone());
        // 0 would be for ever.
        let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        pipeline.cmd("WAIT").arg(replicas).arg(patience.max(1));
        let line = self.line().await?;
        let waiting = Waiting::new(self, &line);
        let mut connection = line.connection.clone();
        let told = connection.send_packed_commands(&pipeline, 0, 2).await;
        waiting.over(told.and_then(|values| {
            let mut values = values.into_iter();
            let answer = values.next().ok_or_else(strange)?.extract_error()?;
            match values.next().ok_or_else(strange)?.extract_error()? {
                Value::Int(acknowledged) => Ok((answer, acknowledged)),
                _ => Err(strange()),
            }
        }))
    }

    /// The connection, made if there is none.
    async fn line(&self) -> RedisResult<Arc<Line>> {
        if let Some(line) = self.present() {
            return Ok(line);
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(line) = self.present() {
            return Ok(line);
        }
        let connection = match &self.place {
            Place::One(server) => connect(server, &self.config).await?,
            #[cfg(feature = "cluster")]
            Place::Cluster(members) => members.connect(&self.config, self.grace).await?,
        };
        let line = Arc::new(Line {
            connection,
            answers: AtomicU64::new(0),
        });
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
            // Its name may lead elsewhere by now.
            Place::One(_) => is_kind(error, &[ServerErrorKind::ReadOnly]),
            #[cfg(feature = "cluster")]
            Place::Cluster(members) => members.heed(error),
        }
    }
}

/// A command on its way.
struct Waiting<'l> {
    link: &'l Link,
    line: &'l Arc<Line>,
    since: Instant,
    answers: u64,
    over: bool,
}

impl<'l> Waiting<'l> {
    fn new(link: &'l Link, line: &'l Arc<Line>) -> Self {
        Self {
            link,
            line,
            since: Instant::now(),
            answers: line.answers.load(Ordering::Relaxed),
            over: false,
        }
    }

    fn over<T>(mut self, told: RedisResult<T>) -> RedisResult<T> {
        match &told {
            Err(error) if error.is_timeout() => {}
            Err(error) if self.link.is_wrong(error) => {
                self.over = true;
                self.link.give_up(self.line);
            }
            _ => {
                self.over = true;
                self.line.answers.fetch_add(1, Ordering::Relaxed);
            }
        }
        told
    }
}

impl Drop for Waiting<'_> {
    /// A verb whose time is over drops this too. Where nobody was answered meanwhile, the connection hangs:
    /// the kernel alone would hold on to it for a quarter of an hour.
    fn drop(&mut self) {
        let silent = self.line.answers.load(Ordering::Relaxed) == self.answers;
        if !self.over && silent && self.since.elapsed() >= self.link.patience {
            self.link.give_up(self.line);
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

fn is_kind(error: &RedisError, kinds: &[ServerErrorKind]) -> bool {
    matches!(error.kind(), redis::ErrorKind::Server(kind) if kinds.contains(&kind))
}

fn strange() -> RedisError {
    (
        redis::ErrorKind::UnexpectedReturnType,
        "not what was asked for",
    )
        .into()
}
