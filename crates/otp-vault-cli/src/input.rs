//! Files, standard input and passwords.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use otp_vault::{Import, ImportError, Imported, Password, Skipped, limits};
use zeroize::Zeroizing;

use crate::bar::Bar;
use crate::failure::Failure;

/// Whether standard input was read: what is read again is empty.
static STDIN_IS_READ: AtomicBool = AtomicBool::new(false);

/// The content of a file, or of standard input for `-`. One byte more than is allowed is read, so that it is noticed.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error| Failure::File {
        path: path.into(),
        source: error,
    };
    if path == Path::new("-") {
        if STDIN_IS_READ.swap(true, Ordering::Relaxed) {
            return Err(Failure::Usage(
                "standard input can be one thing only: - stands twice",
            ));
        }
        return read_all(io::stdin().lock(), 0).map_err(failed);
    }
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    read_all(file, length).map_err(failed)
}

fn read_all(source: impl Read, length: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let most = limits::FILE_BYTES.saturating_add(1);
    let room = usize::try_from(length).unwrap_or(most).min(most);
    // Room for all of it, so that no shorter copy is left behind.
    let mut content = Zeroizing::new(Vec::with_capacity(room.saturating_add(64).max(1 << 16)));
    source.take(most as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// The first line of a file.
pub(crate) fn password(path: &Path) -> Result<Password, Failure> {
    let content = read(path)?;
    let text = core::str::from_utf8(&content).map_err(|_| Failure::File {
        path: path.into(),
        source: io::Error::new(io::ErrorKind::InvalidData, "the password is not UTF-8"),
    })?;
    Ok(Password::new(
        text.trim_start_matches('\u{feff}')
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    ))
}

/// Asks without echo, where there is a terminal.
pub(crate) fn ask_password(prompt: &str) -> Result<Option<Password>, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(format!("{prompt}: ")).map_err(Failure::Terminal)?;
    Ok(Some(Password::new(typed)))
}

/// Reads accounts; `format` is none for what the content says. A missing password is asked for where there is a terminal.
///
/// `is_sealed` is set where a password is used.
pub(crate) fn import(
    content: &[u8],
    format: Option<&str>,
    password: Option<&Password>,
    is_sealed: &Cell<bool>,
) -> Result<Imported, Failure> {
    let slow = |title: &str| {
        // A file may have several keys.
        if !is_sealed.replace(true) {
            eprintln!("otp-vault: deriving the key of the {title} file …");
        }
    };
    let bar = Bar::new();
    let progress = |done, all| bar.show(done, all);
    let attempt = |password: Option<&Password>| {
        let mut import = Import::new(content)
            .before_derivation(&slow)
            .progress(&progress)
            .when_empty(&|skipped| tell_skipped(skipped));
        if let Some(name) = format {
            import = import.format(name);
        }
        match password {
            Some(password) => import.password(password).read(),
            None => import.read(),
        }
    };
    match attempt(password) {
        Err(ImportError::PasswordNeeded(title)) => {
            match ask_password(&format!("Password of the {title} file"))? {
                Some(typed) => Ok(attempt(Some(&typed))?),
                None => Err(ImportError::PasswordNeeded(title).into()),
            }
        }
        other => Ok(other?),
    }
}

/// Says each entry that was skipped.
pub(crate) fn tell_skipped(skipped: &[Skipped]) {
    for skipped in skipped {
        let name = skipped
            .name
            .as_deref()
            .map(|name| format!(" ({})", visible(name)))
            .unwrap_or_default();
        eprintln!(
            "otp-vault: entry {}{name} was skipped: {}",
            skipped.index, skipped.reason
        );
    }
}

/// A name without what a terminal would obey.
pub(crate) fn visible(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Asks at the terminal; without one the answer is no.
pub(crate) fn is_agreed(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("otp-vault: {question} [y/N] ");
    io::stderr().flush().map_err(Failure::Terminal)?;
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(Failure::Terminal)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
