//! The key ring in a file of its own.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

use ott_core::{
    KeyId, KeyRing, KeyRingError,
    rand::{TryRng as _, rngs::SysRng},
};
use zeroize::Zeroizing;

/// No key ring is larger, in bytes.
const LARGEST: u64 = 65_536;

/// Reads a key ring from a file.
///
/// Keep the file outside of the folder that backups of the database take, readable by the server's
/// user alone.
///
/// # Errors
/// [`KeyFileError`]: also if others than the owner may read the file.
pub fn read(path: impl AsRef<Path>) -> Result<KeyRing, KeyFileError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !is_private(&metadata) {
        return Err(KeyFileError::Exposed);
    }
    if metadata.len() > LARGEST {
        // Reading only its beginning would lose keys.
        return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
    }
    // Sized for the longest file, so that no reallocation leaves a copy of a key behind.
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(LARGEST).unwrap_or(usize::MAX),
    ));
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(KeyRing::from_text(&text)?)
}

/// Reads a key ring from a file, or makes one key and a file of mode 0600 if there is none.
///
/// Of two processes that start at once, one makes the file and both read the same key.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_or_create(path: impl AsRef<Path>) -> Result<KeyRing, KeyFileError> {
    let path = path.as_ref();
    if !path.exists() {
        create(path)?;
    }
    read(path)
}

/// Writes under a name of its own and links it in place: the file appears whole, never over another.
fn create(path: &Path) -> Result<(), KeyFileError> {
    // A random id: a key that takes the place of a lost one is then missing, which counts nothing,
    // and not the same key with other digits, which makes right tokens look like wrong guesses.
    let mut id = [0; 4];
    SysRng
        .try_fill_bytes(&mut id)
        .map_err(|_| KeyRingError::Random)?;
    let id = KeyId(u32::from_be_bytes(id));
    let line = KeyRing::try_new_line_from_rng(id, &mut SysRng).map_err(|_| KeyRingError::Random)?;
    let mut name = [0; 8];
    SysRng
        .try_fill_bytes(&mut name)
        .map_err(|_| KeyRingError::Random)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:016x}.new", u64::from_be_bytes(name)));
    let draft = Path::new(&draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    let written = file
        .write_all(line.as_bytes())
        .and_then(|()| file.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(draft, path));
    std::fs::remove_file(draft)?;
    match linked {
        // Another process was faster: its key is the one.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.exists() => Ok(()),
        linked => Ok(linked.and_then(|()| sync_folder(path))?),
    }
}

/// A key that a power failure takes back takes with it everything that it sealed.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether nobody but its owner may read or write a file or folder: the rule of the key file, for whatever an application keeps
/// beside it. Where the system has no such modes, everything is private.
#[must_use]
pub fn is_private(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    let others = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077;
    #[cfg(not(unix))]
    let others = {
        let _ = metadata;
        0
    };
    others == 0
}

/// Why there is no key ring. It never repeats what the file holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Others than the owner may read the file.
    #[error("the key file may be read by others than its owner: set its mode to 0600")]
    Exposed,
    /// The file cannot be read or written.
    #[error("the key file cannot be read or written")]
    Io(#[from] io::Error),
    /// The text is no key ring.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
}
