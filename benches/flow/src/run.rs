//! Runs every contender in turn, round after round, and writes what it saw.

use core::{sync::atomic::AtomicUsize, time::Duration};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use token_store_sqlx::sqlx::{self, Connection, PgConnection};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::load::{Dialect, Mailbox, get, load};

/// Whoever signs people in.
struct Contender {
    name: &'static str,
    dialect: Dialect,
    /// The program and its arguments, before those that name the database and the mailbox.
    command: Vec<String>,
    processes: usize,
}

/// Where the rows are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Postgres,
    Sqlite,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

fn contenders(peers: &Path) -> Vec<Contender> {
    let own = env::current_exe().unwrap().display().to_string();
    let mut all = vec![Contender {
        name: "ours",
        dialect: Dialect::Ours,
        command: vec![own, "serve".into()],
        processes: 1,
    }];
    let named = [
        (
            ["better-auth", "better-auth x2"],
            Dialect::BetterAuth,
            "node",
            "better-auth/server.mjs",
        ),
        (
            ["allauth", "allauth x2"],
            Dialect::Allauth,
            "allauth/venv/bin/python",
            "allauth/server.py",
        ),
    ];
    for (names, dialect, interpreter, script) in named {
        let script = peers.join(script);
        if !script.exists() {
            continue;
        }
        // One that is not beside the script is the system's.
        let beside = Some(peers.join(interpreter)).filter(|path| path.exists());
        let interpreter = beside.unwrap_or_else(|| interpreter.into());
        for (name, processes) in names.into_iter().zip(1..) {
            all.push(Contender {
                name,
                dialect,
                command: vec![
                    interpreter.display().to_string(),
                    script.display().to_string(),
                ],
                processes,
            });
        }
    }
    all
}

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    Full,
    Short,
    Smoke,
}

impl Length {
    /// Rounds, the time of each, and the numbers of clients.
    const fn measures(self) -> (usize, Duration, &'static [usize]) {
        match self {
            Self::Full => (3, Duration::from_secs(6), &[1, 32, 128]),
            Self::Short => (2, Duration::from_secs(3), &[1, 32]),
            Self::Smoke => (1, Duration::from_millis(500), &[1, 8]),
        }
    }
}

pub(crate) async fn run(peers: &str, folder: &str, length: Length) {
    let (rounds, time, clients) = length.measures();
    let contenders = contenders(peers.as_ref());
    let mut lines =
        vec!["place\tcontender\tclients\tround\trate\tp50 ms\tp99 ms\tMiB\tfailed".to_owned()];
    let mut counts = vec!["place\tcontender\tstatements\tcommits".to_owned()];
    for place in [Place::Sqlite, Place::Postgres] {
        if place == Place::Postgres && env::var_os("POSTGRES_URL").is_none() {
            println!("postgres: left out, POSTGRES_URL names no server");
            continue;
        }
        for contender in &contenders {
            let (statements, commits) = count(contender, place).await;
            let line = format!(
                "{}\t{}\t{statements}\t{commits:.2}",
                place.name(),
                contender.name
            );
            println!("{line}");
            counts.push(line);
        }
        for round in 1..=rounds {
            for clients in clients.iter().copied() {
                for contender in &contenders {
                    let server = Server::start(contender, place, false).await;
                    let next = Arc::new(AtomicUsize::new(0));
                    let mailbox = Arc::clone(&server.mailbox);
                    let seen = load(mailbox, contender.dialect, server.port, clients, time, next);
                    let seen = seen.await;
                    assert!(seen.signed_in > 0, "{}: nobody signed in", contender.name);
                    let memory = server.memory();
                    server.end().await;
                    let line = format!(
                        "{}\t{}\t{clients}\t{round}\t{:.0}\t{:.2}\t{:.2}\t{memory:.0}\t{}",
                        place.name(),
                        contender.name,
                        seen.rate,
                        seen.p50,
                        seen.p99,
                        seen.failed,
                    );
                    println!("{line}");
                    lines.push(line);
                }
            }
        }
    }
    fs::create_dir_all(folder).unwrap();
    let write = |name: &str, lines: Vec<String>| {
        fs::write(Path::new(folder).join(name), lines.join("\n") + "\n").unwrap();
    };
    write("flow.tsv", lines);
    write("flow-counts.tsv", counts);
}

/// Statements and commits of a sign-in, of one client.
async fn count(contender: &Contender, place: Place) -> (String, f64) {
    const SIGN_INS: usize = 64;
    let server = Server::start(contender, place, true).await;
    let commits = server.commits().await;
    let statements = get(server.port, "/statements")
        .await
        .and_then(|text| text.trim().parse::<u64>().ok());
    let next = Arc::new(AtomicUsize::new(0));
    let mut done = 0;
    // By time, because that is what the load knows; a little at a time, so that the count is of few.
    while done < SIGN_INS {
        let before = next.load(core::sync::atomic::Ordering::Relaxed);
        let mailbox = Arc::clone(&server.mailbox);
        let time = Duration::from_millis(200);
        load(
            mailbox,
            contender.dialect,
            server.port,
            1,
            time,
            Arc::clone(&next),
        )
        .await;
        done += next.load(core::sync::atomic::Ordering::Relaxed) - before;
    }
    let after = get(server.port, "/statements")
        .await
        .and_then(|text| text.trim().parse::<u64>().ok());
    let statements = match (statements, after) {
        (Some(before), Some(after)) => format!("{:.2}", (after - before) as f64 / done as f64),
        _ => "?".to_owned(),
    };
    let commits = (server.commits().await - commits) as f64 / done as f64;
    server.end().await;
    (statements, commits)
}

/// A contender that runs over a new database.
struct Server {
    child: Child,
    place: Place,
    folder: tempfile::TempDir,
    database: String,
    mailbox: Arc<Mailbox>,
    port: u16,
}

impl Server {
    async fn start(contender: &Contender, place: Place, counts: bool) -> Self {
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
            Place::Postgres => {
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
        };
        let (program, arguments) = contender.command.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg(&database).arg(&mailbox.address);
        command.env("FLOW_PROCESSES", contender.processes.to_string());
        if counts {
            command.env("FLOW_COUNT", "1").env("FLOW_PROCESSES", "1");
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
        Self {
            child,
            place,
            folder,
            database,
            mailbox,
            port,
        }
    }

    /// What was committed until now: the commit frames of the write-ahead log (as in `sqlite_redeem.rs`), where no checkpoint
    /// starts it again; or PostgreSQL's transactions that wrote.
    async fn commits(&self) -> u64 {
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
    fn memory(&self) -> f64 {
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

    async fn end(mut self) {
        self.child.kill().await.unwrap();
        let _ = self.database;
    }
}
