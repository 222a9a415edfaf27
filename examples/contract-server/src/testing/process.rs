//! The process of a server.

use core::time::Duration;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Instant,
};

use serde_json::Value;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::Client;

/// A server that runs, with a folder of its own for everything. It ends with this value.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
    url: String,
    folder: Arc<TempDir>,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Running {
    /// Starts this program with these accounts and settings, an outbox and a clock.
    ///
    /// # Panics
    /// If it does not say that it listens.
    #[must_use]
    pub fn start(program: &str, accounts: &Value, settings: &Value, more: &[&str]) -> Self {
        Self::start_within(program, accounts, settings, more, &[])
    }

    /// The same with these variables in its environment.
    ///
    /// # Panics
    /// If it does not say that it listens.
    #[must_use]
    pub fn start_within(
        program: &str,
        accounts: &Value,
        settings: &Value,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("accounts.json"), accounts.to_string()).expect("a file");
        fs::write(path("settings.json"), settings.to_string()).expect("a file");
        fs::write(path("clock"), "0").expect("a file");
        let text = |name: &str| path(name).display().to_string();
        let mut arguments: Vec<String> = Vec::new();
        for (option, name) in [
            ("--data", "data"),
            ("--accounts", "accounts.json"),
            ("--settings", "settings.json"),
            ("--clock", "clock"),
            ("--outbox", "outbox"),
        ] {
            arguments.extend([option.into(), text(name)]);
        }
        arguments.extend(more.iter().map(|one| String::from(*one)));
        let program = PathBuf::from(program);
        let variables = environment.iter();
        let environment: Vec<(String, String)> = variables
            .map(|(name, value)| (String::from(*name), String::from(*value)))
            .collect();
        let (child, output, url) = launch(&program, &arguments, &environment);
        Self {
            child,
            output,
            url,
            folder: Arc::new(folder),
            program,
            arguments,
            environment,
        }
    }

    /// Another process over the same folder: its database, keys, clock and outbox.
    ///
    /// # Panics
    /// If it does not say that it listens.
    #[must_use]
    pub fn beside(&self) -> Self {
        let (child, output, url) = launch(&self.program, &self.arguments, &self.environment);
        Self {
            child,
            output,
            url,
            folder: Arc::clone(&self.folder),
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
        }
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The rest of the next line on standard output, which begins so.
    ///
    /// # Panics
    /// If it begins otherwise.
    #[must_use]
    pub fn told(&mut self, begins: &str) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        let rest = line.trim_end().strip_prefix(begins);
        rest.expect("the line that is waited for").into()
    }

    /// The process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder of everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate that verifies it.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder().join("data/tls/ca.pem")
    }

    /// A client that trusts that certificate alone.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.url, &self.authority())
    }

    /// Sets the clock so many seconds ahead of the machine's.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn ahead(&self, seconds: u64) {
        // Renamed into place, so that nobody reads half of it.
        let draft = self.folder().join("clock.new");
        fs::write(&draft, seconds.to_string()).expect("a file");
        fs::rename(draft, self.folder().join("clock")).expect("a file");
    }

    /// What was sent, oldest first.
    ///
    /// # Panics
    /// If a line is no JSON.
    #[must_use]
    pub fn outbox(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder().join("outbox")).unwrap_or_default();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// Runs a statement beside it, on its own SQLite file: with a trigger that refuses a write, that write is an outage.
    ///
    /// # Panics
    /// If the statement fails.
    pub fn execute(&self, statement: &'static str) {
        self.on_file(async |file| sqlx::raw_sql(statement).execute(file).await.map(drop));
    }

    /// What a statement counts there.
    ///
    /// # Panics
    /// If the statement fails.
    #[must_use]
    pub fn count(&self, statement: &'static str) -> i64 {
        self.on_file(async |file| sqlx::query_scalar(statement).fetch_one(file).await)
    }

    fn on_file<T>(
        &self,
        ask: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> T {
        let options = SqliteConnectOptions::new().filename(self.folder().join("data/data.db"));
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let answered = runtime.block_on(async {
            let mut file = options.connect().await?;
            let answered = ask(&mut file).await?;
            file.close().await?;
            Ok::<_, sqlx::Error>(answered)
        });
        answered.expect("it answers")
    }

    /// Ends it as SIGKILL does, and starts it again on the same folder.
    ///
    /// # Panics
    /// If it does not start.
    pub fn kill_and_restart(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        self.child.wait().expect("an end");
        (self.child, self.output, self.url) =
            launch(&self.program, &self.arguments, &self.environment);
    }

    /// The same without this option and its value, from now on.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_without(&mut self, option: &str) {
        if let Some(at) = self.arguments.iter().position(|one| one == option) {
            self.arguments.remove(at);
            self.arguments.remove(at);
        }
        self.kill_and_restart();
    }

    /// Ends it as SIGTERM does: how, and how long that took.
    ///
    /// # Panics
    /// If no signal can be sent.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill").success());
        (self.child.wait().expect("an end"), began.elapsed())
    }
}

fn launch(
    program: &Path,
    arguments: &[String],
    environment: &[(String, String)],
) -> (Child, BufReader<ChildStdout>, String) {
    let variables = environment.iter();
    let mut child = Command::new(program)
        .args(arguments)
        .envs(variables.map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output");
    let mut output = BufReader::new(output);
    output.read_line(&mut line).expect("a line");
    let url = line.trim_end().strip_prefix("listening on ");
    let url = url.expect("it listens").into();
    (child, output, url)
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
