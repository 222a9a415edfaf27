//! A folder in which the program runs.

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

pub(crate) const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A folder that goes away, and the program in it.
pub(crate) struct Place(pub(crate) tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        place.write("pw", b"correct horse\n");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).expect("room");
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_otp-vault"));
        command
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env("OTP_VAULT", self.path("vault"));
        command
    }

    /// Runs the program with this standard input.
    pub(crate) fn run(&self, line: &str, input: &str) -> Output {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        // It may end before it reads.
        let _ = child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input.as_bytes());
        child.wait_with_output().expect("an end")
    }

    /// Standard output of a run that succeeds.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str, input: &str) -> String {
        let output = self.run(line, input);
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// Standard error of a run that ends so, with nothing on standard output.
    #[track_caller]
    pub(crate) fn fails(&self, line: &str, input: &str, code: i32) -> String {
        let output = self.run(line, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(output.stdout.is_empty(), "{line} printed data");
        assert!(!said.contains(SECRET), "{line}: {said}");
        said
    }
}

pub(crate) fn uri(kind: &str, name: &str, rest: &str) -> String {
    format!("otpauth://{kind}/{name}?secret={SECRET}{rest}\n")
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .expect("a file")
        .permissions()
        .mode()
        & 0o777
}
