//! Redis servers that a test starts itself: a private folder, a port of their own on the loopback
//! interface, ended with the test.

use core::time::Duration;
use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use redis::{AsyncConnectionConfig, Value, aio::MultiplexedConnection};
use tempfile::TempDir;
use token_store_redis::redis;

/// What keeps every answered write.
pub const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];

/// A server, which dies with its owner.
#[derive(Debug)]
pub struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
}

impl Server {
    /// One on a free port, with these options of its command line.
    pub async fn start(options: &[&str]) -> Self {
        Self::on(free_port(), options).await
    }

    /// One on this port.
    pub async fn on(port: u16, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options: Vec<_> = options.iter().map(ToString::to_string).collect();
        let child = spawn(&folder, port, &options);
        let server = Self {
            child,
            folder,
            port,
            options,
        };
        server.ready().await;
        server
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until it answers and has read its data.
    async fn ready(&self) {
        let begun = Instant::now();
        loop {
            if let Ok(mut connection) = self.try_connect().await {
                let ping: redis::RedisResult<String> =
                    redis::cmd("PING").query_async(&mut connection).await;
                if ping.is_ok() {
                    return;
                }
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the Redis server on port {} does not answer",
                self.port
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where it listens on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    async fn try_connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let client = redis::Client::open(self.url())?;
        // The client's own time-outs are shorter than a busy machine takes to fork.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(10)))
            .set_response_timeout(Some(Duration::from_secs(10)));
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// What it answers to a command.
    pub async fn ask(&self, words: &str) -> Value {
        self.try_ask(words).await.expect("the server answers")
    }

    /// What it answers to a command, or why it does not.
    ///
    /// # Errors
    /// The client's, as it is.
    pub async fn try_ask(&self, words: &str) -> redis::RedisResult<Value> {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().expect("a command"));
        words.for_each(|word| {
            command.arg(word);
        });
        command.query_async(&mut self.try_connect().await?).await
    }

    /// Sends it a signal by its process id.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success());
    }

    /// SIGKILL: nothing of it runs any more.
    pub fn kill(&mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ran");
    }

    /// Starts it again with its own files, after a kill.
    pub async fn restart(&mut self) {
        self.child = spawn(&self.folder, self.port, &self.options);
        self.ready().await;
    }

    /// Starts a replica of it, and waits until that has everything.
    pub async fn replica(&self, options: &[&str]) -> Self {
        let replica = Self::start(options).await;
        replica
            .ask(&format!("REPLICAOF 127.0.0.1 {}", self.port))
            .await;
        replica.caught_up(self).await;
        replica
    }

    /// Waits until it has everything that its primary has.
    pub async fn caught_up(&self, primary: &Self) {
        let begun = Instant::now();
        loop {
            let (here, there) = (
                self.info("replication").await,
                primary.info("replication").await,
            );
            let offset = |info: &str| {
                let mut lines = info.lines();
                let found = lines.find_map(|line| line.strip_prefix("master_repl_offset:"));
                found.map(String::from)
            };
            let linked = here.contains("master_link_status:up");
            let end = offset(&there).unwrap_or_default();
            // The primary says what the replica has acknowledged. Before its first word, up to a second after it came
            // online, it is sent nothing, and no `WAIT` is answered. A word about nothing cannot be told from none.
            if linked && end == "0" {
                primary.ask("PUBLISH heard heard").await;
            }
            let known = end != "0" && there.contains(&format!(",state=online,offset={end},lag="));
            if linked && known && offset(&here) == offset(&there) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no replica in time"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it tells of itself.
    pub async fn info(&self, section: &str) -> String {
        let answer = self.ask(&format!("INFO {section}")).await;
        redis::from_redis_value(answer).expect("a text")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &TempDir, port: u16, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--repl-diskless-sync-delay", "0", "--dir"])
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test starts Redis servers: install `redis-server` (Debian: apt-get install redis-server)")
}

/// A port that nobody listens on, and below the ones that the system hands out by itself.
pub fn free_port() -> u16 {
    use core::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = std::process::id();
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let spread = u16::try_from(process % 300).unwrap_or(0).saturating_mul(30);
        let port = 11_000_u16.saturating_add(spread.wrapping_add(step) % 9_000);
        // A cluster member listens 10,000 higher too.
        let free = [port, port.saturating_add(10_000)]
            .into_iter()
            .all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        if free {
            return port;
        }
    }
}
