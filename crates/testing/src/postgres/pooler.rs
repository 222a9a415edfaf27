//! A pooler of a test's own, before a server of its own.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use core::{str::FromStr, time::Duration};
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Stdio},
    time::Instant,
};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use token_store_sqlx::sqlx;

use super::{Server, as_user, is_root, user};

const INSTALL: &str = "there is no pgbouncer: install Debian's package pgbouncer";

/// A pooler with a few connections to a server, for many clients.
#[derive(Debug)]
pub struct Pooler {
    folder: TempDir,
    child: Child,
    port: u16,
    /// The server behind it.
    pub server: Server,
}

impl Pooler {
    /// With so many connections to the server.
    pub fn start(connections: u32) -> Self {
        Self::with(connections, "transaction", "")
    }

    /// With this mode and these further settings.
    pub fn with(connections: u32, mode: &str, further: &str) -> Self {
        let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // A port that is free now; should it be taken meanwhile, the pooler does not start.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        // From 1.24 on it tracks them unless it is told not to.
        let untracked = if Self::tracks_statements() {
            "max_prepared_statements = 0\n"
        } else {
            ""
        };
        let settings = format!(
            "[databases]\n* = host={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             default_pool_size = {connections}\nmax_client_conn = 500\nlogfile =\n\
             server_login_retry = 1\nignore_startup_parameters = extra_float_digits\n{untracked}{further}\n",
            server.home().display(),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        if is_root() {
            let owned = std::process::Command::new("chown")
                .arg(user())
                .arg(&file)
                .status();
            assert!(owned.unwrap().success());
        }
        let child = Self::run(&file);
        let pooler = Self {
            folder,
            child,
            port,
            server,
        };
        pooler.wait();
        pooler
    }

    /// Whether the installed one can keep track of named statements, as PgBouncer does from 1.21 on with
    /// `max_prepared_statements` above 0.
    pub fn tracks_statements() -> bool {
        let told = std::process::Command::new("pgbouncer")
            .arg("--version")
            .output();
        let told = String::from_utf8(told.expect(INSTALL).stdout).unwrap();
        let version = told.split_whitespace().nth(1).unwrap_or_default();
        let mut numbers = version.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (1, 21),
            _ => panic!("no version: {told}"),
        }
    }

    fn run(file: &Path) -> Child {
        as_user("pgbouncer")
            .arg("-q")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(INSTALL)
    }

    fn wait(&self) {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "no pgbouncer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL, and another one in its place.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::run(&self.folder.path().join("pgbouncer.ini"));
        self.wait();
    }

    /// Where it listens on the loopback interface.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How to connect.
    pub fn options(&self) -> PgConnectOptions {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        let options = PgConnectOptions::from_str(&url).unwrap();
        options.extra_float_digits(None)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
