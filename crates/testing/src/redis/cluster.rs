//! A Redis Cluster of three that a test starts itself.

#![expect(clippy::indexing_slicing, reason = "there are three")]

use core::time::Duration;
use std::{
    process::{Child, Command, Stdio},
    time::Instant,
};

use token_store_redis::redis;
use tokio::sync::OnceCell;

use super::Server;

const MEMBER: &[&str] = &["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
const PATIENT: &str = "CONFIG SET cluster-node-timeout 60000";
const PATIENCE: Duration = Duration::from_secs(60);

/// Three members, of which each has a third of the slots.
#[derive(Debug)]
pub struct Cluster {
    /// In the order of their slots.
    pub members: Vec<Server>,
    is_patient: bool,
}

impl Cluster {
    /// The first slot of each member.
    pub const FIRST_SLOTS: [u16; 3] = [0, 5_461, 10_923];

    /// Three servers that know each other and where every slot is.
    pub async fn start() -> Self {
        let mut members = Vec::new();
        for _ in 0..3 {
            members.push(Server::start(MEMBER).await);
        }
        let cluster = Self {
            members,
            is_patient: false,
        };
        let thirds = ["0 5460", "5461 10922", "10923 16383"];
        for (member, third) in cluster.members.iter().zip(thirds) {
            member.ask(&format!("CLUSTER ADDSLOTSRANGE {third}")).await;
            for other in &cluster.members {
                let meet = format!("CLUSTER MEET 127.0.0.1 {}", other.port());
                member.ask(&meet).await;
            }
        }
        Self::ready(cluster.members.iter(), 3).await;
        cluster
    }

    /// The same, and no member is taken for dead within a minute: a busy machine fails no test that is not about that.
    pub async fn patient() -> Self {
        let cluster = Self::start().await;
        for member in &cluster.members {
            member.ask(PATIENT).await;
        }
        Self {
            is_patient: true,
            ..cluster
        }
    }

    /// A server that may become one of them.
    async fn another(&self) -> Server {
        let another = Server::start(MEMBER).await;
        if self.is_patient {
            another.ask(PATIENT).await;
        }
        another
    }

    /// Who has the slot of this prefix.
    pub async fn owner(&self, prefix: &str) -> usize {
        let slot = self.slot(prefix).await;
        usize::from(slot > 5_460).saturating_add(usize::from(slot > 10_922))
    }

    /// The slot of this prefix.
    pub async fn slot(&self, prefix: &str) -> u16 {
        let slot = self.members[0]
            .ask(&format!("CLUSTER KEYSLOT {{{prefix}}}"))
            .await;
        redis::from_redis_value(slot).expect("a number")
    }

    /// The name by which members know one of them.
    pub async fn id(&self, member: usize) -> String {
        let id = self.members[member].ask("CLUSTER MYID").await;
        redis::from_redis_value(id).expect("a text")
    }

    /// A replica of a member, which has everything.
    pub async fn replica(&self, member: usize) -> Server {
        let replica = self.another().await;
        let meet = format!("CLUSTER MEET 127.0.0.1 {}", self.members[member].port());
        replica.ask(&meet).await;
        let replicate = format!("CLUSTER REPLICATE {}", self.id(member).await);
        let begun = Instant::now();
        // Until it has heard of the other.
        while replica.try_ask(&replicate).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "no replica in time");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        replica.caught_up(&self.members[member]).await;
        // A member that has not heard of it does not believe that it was promoted.
        // Nor does one promote itself that has not heard of all the others.
        Self::ready(self.members.iter().chain([&replica]), 4).await;
        replica
    }

    /// Another member, without slots, that `redis-cli` adds. All of them know it.
    pub async fn add_node(&self) -> Server {
        let new = self.another().await;
        let [at, known] = [&new, &self.members[0]].map(address);
        self.redis_cli(&["add-node", &at, &known]).await;
        Self::ready(self.members.iter().chain([&new]), 4).await;
        new
    }

    /// What an operator does with `redis-cli --cluster`. While members have not heard of a change, it refuses and changes
    /// nothing, so it is tried until all of them have.
    pub async fn redis_cli(&self, words: &[&str]) {
        let begun = Instant::now();
        loop {
            let mut command = Command::new("redis-cli");
            command.arg("--cluster").args(words);
            let done = tokio::task::spawn_blocking(move || command.output()).await;
            let done = done.expect("it does not panic");
            let done = done.expect("this test runs redis-cli: install `redis-tools`");
            if done.status.success() {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "redis-cli --cluster {words:?}: {}",
                String::from_utf8_lossy(&done.stdout)
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until every member knows all of them and where every slot is.
    async fn ready(members: impl Iterator<Item = &Server>, nodes: usize) {
        let begun = Instant::now();
        let all = format!("cluster_known_nodes:{nodes}");
        for member in members {
            loop {
                let info = member.ask("CLUSTER INFO").await;
                let info: String = redis::from_redis_value(info).expect("a text");
                if info.contains("cluster_state:ok") && info.contains(&all) {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "no cluster in time");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The one that all tests of this binary share, and that ends with the binary.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<(Cluster, Child)> = OnceCell::const_new();
        let start = async || {
            let cluster = Self::patient().await;
            let heir = cluster.heir();
            (cluster, heir)
        };
        &SHARED.get_or_init(start).await.0
    }

    /// Ends the members once this process has ended, in whatever way: nothing drops what is shared.
    fn heir(&self) -> Child {
        let pids = self.members.iter().map(|member| member.pid().to_string());
        let folders = self.members.iter().map(|member| member.folder().to_owned());
        // `read` ends when this process, which writes nothing, is gone.
        let script = "trap '' INT TERM; read -r _; kill -9 $1 $2 $3; rm -rf \"$4\" \"$5\" \"$6\"";
        Command::new("sh")
            .args(["-c", script, "heir"])
            .args(pids)
            .args(folders)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell")
    }

    /// The addresses of its members.
    pub fn urls(&self) -> Vec<String> {
        self.members.iter().map(Server::url).collect()
    }
}

/// As `redis-cli` takes it.
fn address(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port())
}
