//! Redis Sentinels that a test starts itself.

use core::time::Duration;
use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Instant,
};

use tempfile::TempDir;
use token_store_redis::redis;

use super::{Server, free_port};

const PATIENCE: Duration = Duration::from_secs(60);

/// Three Sentinels that watch a primary and its replicas.
#[derive(Debug)]
pub struct Sentinels {
    children: Vec<Child>,
    ports: Vec<u16>,
    _folder: TempDir,
}

impl Sentinels {
    /// What the primary is called there.
    pub const SERVICE: &str = "tokens";

    /// Three that know this primary, each other, and one replica.
    pub async fn start(primary: &Server) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mut children, mut ports) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let (port, name) = (free_port(), Self::SERVICE);
            let file = folder.path().join(format!("{number}.conf"));
            let settings = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {name} 127.0.0.1 {} 2\n\
                 sentinel down-after-milliseconds {name} 5000\nsentinel failover-timeout {name} 4000\n",
                folder.path().display(),
                primary.port(),
            );
            fs::write(&file, settings).expect("a file in a temporary folder");
            let child = Command::new("redis-server")
                .arg(&file)
                .arg("--sentinel")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            children.push(child.expect("this test starts Redis Sentinels: install `redis-server`"));
            ports.push(port);
        }
        let sentinels = Self {
            children,
            ports,
            _folder: folder,
        };
        let begun = Instant::now();
        while !sentinels.know_each_other().await {
            assert!(begun.elapsed() < PATIENCE, "no Sentinels in time");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sentinels
    }

    async fn know_each_other(&self) -> bool {
        for at in 0..3 {
            let told = self.ask(at, "SENTINEL MASTER tokens").await;
            let told: Vec<String> = told
                .and_then(|told| Ok(redis::from_redis_value(told)?))
                .unwrap_or_default();
            let field = |name: &str| told.iter().skip_while(|word| *word != name).nth(1).cloned();
            let others = field("num-other-sentinels").as_deref() == Some("2");
            if !others || field("num-slaves").as_deref() != Some("1") {
                return false;
            }
        }
        true
    }

    /// Asks one of them.
    ///
    /// # Errors
    /// Its own.
    pub async fn ask(&self, at: usize, command: &str) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(self.urls()[at].clone())?;
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().expect("a command"));
        words.for_each(|word| {
            asked.arg(word);
        });
        asked
            .query_async(&mut client.get_multiplexed_async_connection().await?)
            .await
    }

    /// The port of the primary that most of them name.
    pub async fn primary(&self) -> Option<u16> {
        let mut named = Vec::new();
        for at in 0..3 {
            let told = self
                .ask(at, "SENTINEL GET-MASTER-ADDR-BY-NAME tokens")
                .await
                .ok()?;
            let (_, port): (String, u16) = redis::from_redis_value(told).ok()?;
            named.push(port);
        }
        named
            .iter()
            .copied()
            .find(|port| named.iter().filter(|other| *other == port).count() > 1)
    }

    /// Waits until most of them name this one.
    pub async fn until(&self, port: u16) {
        let begun = Instant::now();
        while self.primary().await != Some(port) {
            assert!(begun.elapsed() < PATIENCE, "no fail-over in time");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Their addresses.
    pub fn urls(&self) -> Vec<String> {
        self.ports
            .iter()
            .map(|port| format!("redis://127.0.0.1:{port}/"))
            .collect()
    }

    /// Sends one of them a signal.
    pub fn signal(&self, at: usize, signal: &str) {
        let pid = self.children[at].id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("kill is there").success());
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
