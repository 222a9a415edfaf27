//! A PostgreSQL server of a test's own, which it may kill or stop.

use core::{str::FromStr, time::Duration};
use std::{
    env, fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Instant,
};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use token_store_sqlx::sqlx;

const WAIT: Duration = Duration::from_millis(20);

/// It ends with this value, and its files go away.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    child: Child,
}

impl Server {
    /// A new one.
    pub fn start() -> Self {
        Self::start_in(&env::temp_dir())
    }

    /// A new one whose files are in this folder.
    pub fn start_in(place: &Path) -> Self {
        let folder = tempfile::tempdir_in(place).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root.
            let owned = Command::new("chown").arg(user()).arg(&home).status();
            assert!(owned.unwrap().success());
        }
        let made = own("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8"])
            .args(["--no-locale", "--no-sync", "--no-instructions", "-D"])
            .arg(home.join("data"))
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let child = Self::run(folder.path());
        let server = Self { folder, child };
        server.wait();
        server
    }

    fn run(folder: &Path) -> Child {
        let home = folder.join("home");
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        own("postgres")
            .arg("-D")
            .arg(home.join("data"))
            .arg("-k")
            .arg(&home)
            .args(["-c", "listen_addresses=", "-c", "max_connections=300"])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Where its socket is.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Its address.
    pub fn url(&self) -> String {
        let home = self.home();
        format!(
            "postgres://postgres@localhost/postgres?host={}",
            home.display()
        )
    }

    /// How to connect.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::from_str(&self.url()).unwrap()
    }

    /// Until it answers.
    pub fn wait(&self) {
        let began = Instant::now();
        loop {
            let asked = Command::new(binary("pg_isready"))
                .arg("-q")
                .arg("-h")
                .arg(self.home())
                .status();
            if asked.unwrap().success() {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "PostgreSQL does not start: {}",
                fs::read_to_string(self.folder.path().join("log")).unwrap()
            );
            sleep(WAIT);
        }
    }

    /// The postmaster, and a process for each connection and task.
    fn processes(&self) -> Vec<u32> {
        let own = self.child.id();
        let mut processes = vec![own];
        for entry in fs::read_dir("/proc").unwrap().map_while(Result::ok) {
            let Some(id) = entry.file_name().to_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            let status = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // After the name, which may hold anything: state, parent.
            let after = status.rsplit(") ").next().unwrap_or_default();
            let parent = after.split(' ').nth(1).and_then(|id| id.parse().ok());
            if parent == Some(own) {
                processes.push(id);
            }
        }
        processes
    }

    fn signal(&self, signal: &str) {
        for process in self.processes() {
            // It may have ended by itself.
            let _ = Command::new("kill")
                .args([signal, &process.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    }

    /// SIGKILL: no process of it runs any more, and nothing was written at the end.
    pub fn kill(&mut self) {
        // Stopped first, so that none is born meanwhile.
        self.signal("-STOP");
        self.signal("-KILL");
        self.child.wait().unwrap();
        // As after a power cut: who asks for it is told at once that it is not there.
        let _ = fs::remove_file(self.home().join(".s.PGSQL.5432"));
    }

    /// A process of a connection is killed: the server ends all of them, and begins anew.
    pub fn crash(&self) {
        let processes = self.processes();
        let killed = processes.last().map(|process| {
            let mut kill = Command::new("kill");
            kill.args(["-KILL", &process.to_string()])
                .stderr(Stdio::null())
                .status()
        });
        let _ = killed;
    }

    /// Starts it again if it has ended.
    pub fn revive(&mut self) {
        if self.child.try_wait().unwrap().is_some() {
            self.restart();
        }
        self.wait();
    }

    /// An orderly stop: it says good-bye to its clients.
    pub fn shut_down(&mut self) {
        let asked = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
        self.child.wait().unwrap();
    }

    /// A standby that has what this server has now, and follows it no further. This one restarts for it.
    pub fn standby(&mut self) -> Self {
        self.shut_down();
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.home())
            .arg(folder.path().join("home"))
            .status();
        assert!(copied.unwrap().success());
        fs::write(folder.path().join("home/data/standby.signal"), "").unwrap();
        self.restart();
        let child = Self::run(folder.path());
        let standby = Self { folder, child };
        standby.wait();
        standby
    }

    /// A replica that follows it, and has everything that it had when this was asked for.
    pub fn replica(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        if is_root() {
            let owned = Command::new("chown").arg(user()).arg(&home).status();
            assert!(owned.unwrap().success());
        }
        let copied = own("pg_basebackup")
            .args([
                "-U",
                "postgres",
                "--no-sync",
                "--checkpoint=fast",
                "-R",
                "-h",
            ])
            .arg(self.home())
            .arg("-D")
            .arg(home.join("data"))
            .status();
        assert!(copied.unwrap().success(), "pg_basebackup failed");
        let child = Self::run(folder.path());
        let replica = Self { folder, child };
        replica.wait();
        replica
    }

    /// Follows another server from its next start on.
    pub fn follow(&self, primary: &Self) {
        let data = self.home().join("data");
        fs::write(data.join("standby.signal"), "").unwrap();
        let line = format!(
            "primary_conninfo = 'user=postgres host={}'\n",
            primary.home().display()
        );
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.auto.conf"))
            .unwrap();
        std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    }

    /// Asks it for something, as its owner, whom no time-out of the server stops.
    pub async fn ask(&self, statement: &'static str) {
        let patient = [("statement_timeout", "0"), ("lock_timeout", "0")];
        let options = self.options().options(patient);
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect_with(&options)
            .await
            .unwrap();
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }

    /// Makes a replica a primary. While it catches up, it may refuse to be asked.
    pub async fn promote(&self) {
        let began = Instant::now();
        loop {
            let asked =
                <sqlx::PgConnection as sqlx::Connection>::connect_with(&self.options()).await;
            if let Ok(mut connection) = asked
                && sqlx::raw_sql("SELECT pg_promote()")
                    .execute(&mut connection)
                    .await
                    .is_ok()
            {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "no promotion in time"
            );
            tokio::time::sleep(WAIT).await;
        }
    }

    /// The number that it answers.
    pub async fn number(&self, statement: &'static str) -> i64 {
        let mut connection =
            <sqlx::PgConnection as sqlx::Connection>::connect_with(&self.options())
                .await
                .unwrap();
        sqlx::query_scalar(statement)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    /// Where its socket is, for a proxy.
    pub fn socket(&self) -> PathBuf {
        self.home().join(".s.PGSQL.5432")
    }

    /// Starts it again after [`Self::kill`] or [`Self::shut_down`]: it recovers from its log.
    pub fn restart(&mut self) {
        // While a killed process is still there, the server refuses to start.
        let began = Instant::now();
        loop {
            self.child = Self::run(self.folder.path());
            sleep(WAIT * 5);
            if self.child.try_wait().unwrap().is_none() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60));
        }
        self.wait();
    }

    /// SIGSTOP: it hangs, and its connections stay open.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal("-CONT");
        // Immediate shutdown.
        let _ = Command::new("kill")
            .args(["-QUIT", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
    }
}

/// Whether root runs the tests.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Who runs servers where root runs the tests.
pub fn user() -> &'static str {
    let passwords = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let exists = passwords.lines().any(|line| line.starts_with("postgres:"));
    if exists { "postgres" } else { "nobody" }
}

/// A command as [`user`], where root runs the tests.
pub fn as_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        let group = Command::new("id").args(["-g", user()]).output().unwrap();
        let group = String::from_utf8(group.stdout).unwrap();
        command
            .arg(format!("--reuid={}", user()))
            .arg(format!("--regid={}", group.trim()))
            .arg("--clear-groups")
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn own(program: &str) -> Command {
    as_user(binary(program))
}

/// Debian keeps them out of `PATH`; of several versions the newest.
fn binary(program: &str) -> PathBuf {
    let version = |folder: &Path| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.parse::<u32>().ok()).unwrap_or(0)
    };
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<_> = installed
        .map_while(Result::ok)
        .map(|entry| entry.path())
        .collect();
    folders.sort_by_key(|folder| version(folder));
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = folders
        .into_iter()
        .rev()
        .map(|folder| folder.join("bin"))
        .chain(env::split_paths(&path));
    let found = places.find_map(|place| Some(place.join(program)).filter(|file| file.exists()));
    found.unwrap_or_else(|| {
        panic!(
            "there is no {program}: install Debian's package postgresql, these tests start servers"
        )
    })
}
