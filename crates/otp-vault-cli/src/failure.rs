//! Why a command ends without success. No text of a file or account's secret is in any of these.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use otp_vault::{CodeError, ExportError, ImportError, Reason};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0} accounts match:\n{1}")]
    Ambiguous(usize, String),
    #[error("{0} is there already")]
    Exists(String),
    #[error(
        "there is no vault at {0}: `otp-vault init` makes one, and --file names another program's file"
    )]
    NoVault(String),
    #[error("a passphrase is needed: --password-file, or a terminal to ask at")]
    NoPassphrase,
    #[error("the two are not the same")]
    NotRepeated,
    #[error("an empty passphrase protects nothing")]
    EmptyPassphrase,
    /// Somebody at the terminal said no.
    #[error("nothing was done")]
    Declined,
    #[error("{0}")]
    Code(#[from] CodeError),
    #[error("{0}")]
    Export(#[from] ExportError),
    #[error("{0}")]
    Import(#[from] ImportError),
    #[error(
        "the format {0} cannot hold these accounts, and nothing was written; --lossy leaves them out:\n{1}"
    )]
    NotHeld(String, String),
    #[error(
        "these accounts of what is read cannot be read, and nothing was written; --lossy leaves them out"
    )]
    NotRead,
    #[error("standard input must be one URI on one line")]
    SeveralLines,
    #[error("{} is no regular file, and was not replaced", shown(.0))]
    NotRegular(PathBuf),
    #[error("the key ring: {0}")]
    KeyFile(#[from] otp_vault::key_file::KeyFileError),
    #[error("no account matches")]
    NoMatch,
    #[error("no QR code was found")]
    NoQrCode,
    #[error("standard output: {0}")]
    Output(io::Error),
    #[error("the terminal: {0}")]
    Terminal(io::Error),
    #[error("the code is good for {0} seconds at most")]
    TooPatient(u32),
    #[error("the text does not fit a QR code")]
    TooLong,
    /// A file, or - for standard input.
    #[error("{path}: {source}", path = shown(.path))]
    File { path: PathBuf, source: io::Error },
    #[error("this is no URI that makes codes: {0}")]
    Uri(Reason),
    /// What the options ask for makes no sense.
    #[error("{0}")]
    Usage(&'static str),
}

/// A path, unless it looks like a secret that was taken for one.
pub(crate) fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let is_base32 = |c: char| matches!(c, 'A'..='Z' | '2'..='7' | '=');
    if text.len() >= 16 && text.chars().map(|c| c.to_ascii_uppercase()).all(is_base32) {
        return "this file".into();
    }
    text
}

impl Failure {
    fn is_closed_pipe(&self) -> bool {
        matches!(self, Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// What is said. Nobody is there to hear of a closed pipe.
    pub(crate) fn text(&self) -> Option<String> {
        (!self.is_closed_pipe()).then(|| self.to_string())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            _ if self.is_closed_pipe() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}
