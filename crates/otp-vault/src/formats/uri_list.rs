//! One otpauth URI a line: Aegis, Proton, KeePassXC and others.

use crate::cipher::Plain;
use crate::error::ExportError;
use crate::file::File;
use crate::report::{Progress, Report};
use crate::unlock::Unlock;
use crate::uri::{self, Plus, after};
use crate::{Entry, ImportError, Password, Reason, limits};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    lines(file.text())
        .any(|line| after(line, "otpauth://").is_some() || after(line, "steam://").is_some())
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    Ok(entries(file.text(), Plus::Literal, unlock.progress))
}

/// Lines with text on them; `#` begins a remark.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The entries of a text, one a line. What is no URI is reported, not passed over.
pub(crate) fn entries(text: &str, plus: Plus, progress: Progress<'_>) -> Report {
    // One more than is allowed, so that it is noticed.
    let most = limits::ENTRIES.saturating_add(1);
    let lines: Vec<&str> = lines(text).take(most).collect();
    Report::of(lines, progress, |line| {
        (String::new(), uri::read_with(line, plus))
    })
}

pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    uri::write(entry).map(drop)
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    let mut file = Plain::default();
    for entry in entries {
        let uri = uri::write(entry).map_err(|_| ExportError::NotEncrypted)?;
        append(&mut file, uri.as_bytes());
        append(&mut file, b"\n");
    }
    Ok(file)
}

/// Appends without leaving a copy behind where the text has to move.
pub(crate) fn append(file: &mut Plain, bytes: &[u8]) {
    if file.capacity().saturating_sub(file.len()) < bytes.len() {
        let room = file
            .len()
            .saturating_add(bytes.len())
            .saturating_mul(2)
            .max(4096);
        let mut larger = Plain::new(Vec::with_capacity(room));
        larger.extend_from_slice(file);
        *file = larger;
    }
    file.extend_from_slice(bytes);
}
