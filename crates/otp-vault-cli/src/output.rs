//! Standard output and files.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Prints data.
pub(crate) fn print(data: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(data)
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// One line, with no copy of it left behind.
pub(crate) fn line(text: &str) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(text.len().saturating_add(1)));
    line.extend_from_slice(text.as_bytes());
    line.push(b'\n');
    line
}

/// One line of JSON, with a secret in one more field of the object. Room is there for all of it, so that no copy of the
/// secret is left behind.
pub(crate) fn json_with(row: &serde_json::Value, name: &str, secret: &str) -> Zeroizing<Vec<u8>> {
    // Texts and numbers can always be written, and an escape takes six bytes at most.
    let mut line = Zeroizing::new(Vec::with_capacity(1 << 16));
    let row = row.to_string();
    let fields = row.strip_suffix('}').unwrap_or_default();
    line.extend_from_slice(fields.as_bytes());
    if fields.len() > 1 {
        line.push(b',');
    }
    let _ = serde_json::to_writer(&mut *line, name);
    line.push(b':');
    let _ = serde_json::to_writer(&mut *line, secret);
    line.extend_from_slice(b"}\n");
    line
}

/// Writes a file whole or not at all, for its owner alone: beside its place first, then put there in one step.
///
/// A device, pipe or folder that is there already is refused, not replaced.
pub(crate) fn write_private(path: &Path, data: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::File {
        path: path.into(),
        source: error,
    };
    // What a link names is replaced, not the link.
    let named;
    let path = match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            named = path.canonicalize().map_err(failed)?;
            &named
        }
        _ => path,
    };
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Failure::NotRegular(path.into()));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(data).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // So that the new name is there after a power cut too.
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}
