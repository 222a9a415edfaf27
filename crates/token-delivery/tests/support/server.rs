//! A real SMTP server, in a process of its own that ends with the test.

use core::sync::atomic::{AtomicU32, Ordering};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

/// A running `smtp_server.py`. Dropping it ends the process and removes what it kept.
pub(crate) struct Server {
    pub(crate) port: u16,
    process: Child,
    directory: PathBuf,
}

/// A message as the server got it, and as Python's `email` reads it.
pub(crate) struct Received {
    /// Envelope and message, byte for byte.
    pub(crate) raw: String,
    /// The recipients of the envelope.
    pub(crate) recipients: Vec<String>,
    /// The body, decoded, lines ended by LF: on the way they end with CR LF (RFC 2045 section 6.8).
    pub(crate) text: String,
    /// The page beside it, where the message is `multipart/alternative`.
    pub(crate) html: Option<String>,
    headers: Vec<(String, String)>,
}

impl Received {
    /// The one header of this name, decoded.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut found = self
            .headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let (_, value) = found.next().unwrap_or_else(|| panic!("no header {name}"));
        assert!(found.next().is_none(), "more than one header {name}");
        value
    }

    pub(crate) fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(key, _)| key.as_str()).collect()
    }
}

impl Server {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_in(new_directory(), flags)
    }

    /// With TLS; the certificate for 127.0.0.1 is in PEM.
    pub(crate) fn start_tls(certificate: &str, key: &str, flags: &[&str]) -> Self {
        let directory = new_directory();
        let (certificate_file, key_file) =
            (directory.join("server.pem"), directory.join("key.pem"));
        fs::write(&certificate_file, certificate).expect("a file");
        fs::write(&key_file, key).expect("a file");
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let (certificate_file, key_file) = (text(&certificate_file), text(&key_file));
        let flags = [&["--tls", &certificate_file, &key_file], flags].concat();
        Self::start_in(directory, &flags)
    }

    fn start_in(directory: PathBuf, flags: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp_server.py");
        let mut process = python()
            .arg(script)
            .arg("--dir")
            .arg(&directory)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let stdout = process.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let port = line.trim().parse().expect("the server prints its port");
        Self {
            port,
            process,
            directory,
        }
    }

    pub(crate) fn stop(&mut self) {
        // Killing a process that has ended already is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// What the server took, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.files().iter().map(|file| read(file)).collect()
    }

    /// What the server took last, and the number of messages that it took.
    pub(crate) fn last(&self) -> (Received, usize) {
        let files = self.files();
        (read(files.last().expect("a message")), files.len())
    }

    /// The address of each RCPT command that the server heard, the refused ones too.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.directory.join("asked")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }

    /// One file for each message that the server took.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.directory).expect("the directory is there");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        files
    }

    pub(crate) fn only_one(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "messages received");
        received.remove(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn new_directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("smtp-{process}-{next}"));
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

/// The Python that has aiosmtpd: the first of the path, or the system's.
fn python() -> Command {
    static PYTHON: LazyLock<&str> = LazyLock::new(|| {
        let has_aiosmtpd = |python: &&str| {
            let mut probe = Command::new(python);
            probe.args(["-c", "import aiosmtpd"]).stderr(Stdio::null());
            probe.status().is_ok_and(|status| status.success())
        };
        ["python3", "/usr/bin/python3"]
            .into_iter()
            .find(has_aiosmtpd)
            .expect(
                "these tests need a real SMTP server: \
             install the Debian packages python3 and python3-aiosmtpd",
            )
    });
    Command::new(*PYTHON)
}

/// Prints the headers as `name NUL value NUL`, then NUL and the body, or both bodies with a NUL between them.
const READER: &str = "
import email, email.policy, sys
policy = email.policy.default.clone(utf8=True)
message = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=policy)
assert not message.defects, message.defects
parts = list(message.iter_parts()) if message.is_multipart() else [message]
assert [part.get_content_type() for part in parts][1:] in ([], ['text/html']), parts
assert not any(part.defects for part in parts)
assert parts[0].get_content_type() == 'text/plain'
assert message.get_content_type() in ('text/plain', 'multipart/alternative')
out = ''.join(f'{name}\\0{value}\\0' for name, value in message.items())
sys.stdout.buffer.write((out + '\\0' + '\\0'.join(part.get_content() for part in parts)).encode())
";

fn read(file: &Path) -> Received {
    let raw = fs::read(file).expect("a file");
    let raw = String::from_utf8(raw).expect("UTF-8");
    let output = python()
        .args(["-c", READER])
        .arg(file)
        .output()
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let (headers, text) = printed.split_once("\0\0").expect("headers and a body");
    let (text, html) = match text.split_once('\0') {
        Some((text, html)) => (text, Some(html.replace("\r\n", "\n"))),
        None => (text, None),
    };
    let mut fields = headers.split('\0').map(str::to_owned);
    let headers = core::iter::from_fn(|| Some((fields.next()?, fields.next()?))).collect();
    let recipients = raw
        .lines()
        .filter_map(|line| line.strip_prefix("X-RcptTo: "));
    Received {
        recipients: recipients.map(str::to_owned).collect(),
        text: text.replace("\r\n", "\n"),
        html,
        headers,
        raw,
    }
}
