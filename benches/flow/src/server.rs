//! A contender's server: its start over a new database, what it wrote, and its memory.

use std::{env, fs, path::PathBuf, process::Stdio, sync::Arc};

use token_store_sqlx::sqlx::{self, Connection, PgConnection};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    contenders::Contender,
    enrol,
    load::{Mailbox, Meets},
    world::{ACCOUNTS, Flow, Place},
};

/// A contender that runs over a new database.
pub(crate) struct Server {
    child: Child,
    place: Place,
    folder: tempfile::TempDir,
    pub(crate) meets: Meets,
}

impl Server {
    /// With accounts for so many seconds. If it counts, it is one process, and the log keeps every commit.
    pub(crate) async fn start(
        contender: &Contender,
        place: Place,
        seconds: usize,
        counts: bool,
    ) -> Self {
        // On the disk of the build, because a folder for temporary files may be in memory.
        let under = env::current_exe()
            .unwrap()
            .parent()
            .map(PathBuf::from)
            .unwrap();
        let folder = tempfile::tempdir_in(under).unwrap();
        let mailbox = Arc::new(Mailbox::open().await);
        let database = match place {
            Place::Sqlite => folder.path().join("flow.db").display().to_string(),
            Place::Postgres => new_database().await,
        };
        let (program, arguments) = contender.command.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg(&database).arg(&mailbox.address);
        command.env("FLOW_PROCESSES", contender.processes.to_string());
        if counts {
            command.env("FLOW_COUNT", "1").env("FLOW_PROCESSES", "1");
        }
        let accounts = match contender.flow {
            Flow::Code => ACCOUNTS,
            Flow::Totp => contender.most * seconds,
        };
        if contender.is_enrolled() {
            let keys = folder.path().join("keys");
            enrol::enrol(&database, &keys, accounts).await;
            command.env("FLOW_KEYS", keys);
        } else if contender.flow == Flow::Totp {
            command.env("FLOW_APPS", accounts.to_string());
        }
        let mut child = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("{} ended", contender.name));
            if let Ok(port) = line.trim().parse() {
                break port;
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let meets = Meets {
            mailbox,
            dialect: contender.dialect,
            flow: contender.flow,
            port,
            accounts,
        };
        Self {
            child,
            place,
            folder,
            meets,
        }
    }

    /// What was committed until now: the commit frames of the write-ahead log (as in `sqlite_redeem.rs`), where no checkpoint
    /// starts it again; or PostgreSQL's transactions that wrote.
    pub(crate) async fn commits(&self) -> u64 {
        match self.place {
            Place::Sqlite => {
                let log = fs::read(self.folder.path().join("flow.db-wal")).unwrap_or_default();
                let Some(size) = log.get(8..12) else {
                    return 0;
                };
                let page = u32::from_be_bytes(size.try_into().unwrap());
                let frame = 24 + usize::try_from(page).unwrap();
                let (_, frames) = log.split_at(32);
                let commits = frames
                    .chunks_exact(frame)
                    .filter(|frame| frame.get(4..8) != Some(&[0; 4]));
                commits.count() as u64
            }
            Place::Postgres => {
                let url = env::var("POSTGRES_URL").unwrap();
                let mut connection = PgConnection::connect(&url).await.unwrap();
                // Each transaction that writes takes a number, and no other does.
                let select = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
                let count: i64 = sqlx::query_scalar(select)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                u64::try_from(count).unwrap()
            }
        }
    }

    /// The most that the server and its processes had in memory together, in MiB.
    pub(crate) fn memory(&self) -> f64 {
        let id = self.child.id().unwrap();
        let mut all = vec![id];
        let mut at = 0;
        while let Some(id) = all.get(at).copied() {
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
            all.extend(
                children
                    .unwrap_or_default()
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
            at += 1;
        }
        let peak = |id: &u32| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))
                .unwrap_or("0");
            line.split_whitespace()
                .next()
                .and_then(|kib| kib.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        all.iter().map(peak).sum::<f64>() / 1024.0
    }

    pub(crate) async fn end(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// An empty database of the server that is there.
async fn new_database() -> String {
    let url = env::var("POSTGRES_URL").unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for statement in [
        "DROP DATABASE IF EXISTS flow WITH (FORCE)",
        "CREATE DATABASE flow",
    ] {
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    url.replacen("/postgres?", "/flow?", 1)
}
