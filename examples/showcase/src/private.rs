//! The data folder: of the server's user alone, like the key file.

use std::{fs, io, path::Path};

use twofa_providers::token_store::key_file::is_private;

/// Makes the folder and the database's file, if they are not there, so that nobody else may read them. SQLite
/// gives the files beside it (`-wal`, `-shm`) the same mode.
///
/// # Errors
/// What the operating system says; `PermissionDenied` if others than the owner may read or write what was there.
pub(crate) fn make(folder: &Path, database: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    let mut file = fs::OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    }
    builder.create(folder)?;
    check(folder)?;
    match file.open(database) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for beside in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(beside);
        match check(Path::new(&path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            checked => checked?,
        }
    }
    Ok(())
}

/// That nobody but its owner may read or write a file or folder, by the rule of the key file.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    if is_private(&fs::metadata(path)?) {
        return Ok(());
    }
    let words = format!(
        "{0} may be read by others than its owner: chmod go= {0}",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, words))
}
