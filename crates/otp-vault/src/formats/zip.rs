//! ZIP archives with lists of URIs: Authenticator Plus, WinAuth.
//!
//! Source: the exports of both programs, `Accounts.txt` and one text a list; the AES of WinZip.

use std::io::{Cursor, Read};

use zeroize::Zeroizing;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::cipher::Plain;
use crate::file::File;
use crate::formats::uri_list;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::uri::Plus;
use crate::{ImportError, limits};

/// What each file has in the list at the end.
const LISTED: &[u8] = b"PK\x01\x02";

pub(crate) fn recognise(file: &File<'_>) -> bool {
    [&b"PK\x03\x04"[..], b"PK\x05\x06"]
        .iter()
        .any(|magic| file.bytes.starts_with(magic))
}

/// The name of its one file stands in front, also where its content is encrypted.
pub(crate) fn is_authenticator_plus(file: &File<'_>) -> bool {
    recognise(file) && file.bytes.get(30..42) == Some(b"Accounts.txt")
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    // Before the list is read, which takes more memory than the archive.
    let listed = file
        .bytes
        .windows(LISTED.len())
        .filter(|bytes| *bytes == LISTED);
    if listed.take(limits::ZIP_FILES.saturating_add(1)).count() > limits::ZIP_FILES {
        return Err(ImportError::TooMuchWork);
    }
    let damaged = |_| unlock.damaged();
    let mut archive = ZipArchive::new(Cursor::new(file.bytes)).map_err(damaged)?;
    let mut lines = Plain::default();
    let mut room = limits::UNPACKED_BYTES;
    let mut is_empty = true;
    for index in 0..archive.len() {
        let found = archive.by_index_raw(index).map_err(damaged)?;
        let (is_text, is_sealed) = (
            found
                .name()
                .map_err(damaged)?
                .to_ascii_lowercase()
                .ends_with(".txt"),
            found.encrypted(),
        );
        drop(found);
        if !is_text {
            continue;
        }
        is_empty = false;
        let opened = if is_sealed {
            archive.by_index_decrypt(index, unlock.password()?.bytes())
        } else {
            archive.by_index(index)
        };
        let content = opened.map_err(|error| match error {
            ZipError::InvalidPassword => unlock.wrong(),
            _ => unlock.damaged(),
        })?;
        // What it is when it was read to its end, so that its checksum and its tag were looked at.
        let text = read_all(content, room).map_err(|_| {
            if is_sealed {
                unlock.wrong()
            } else {
                unlock.damaged()
            }
        })?;
        room = room
            .checked_sub(text.len())
            .ok_or(ImportError::TooMuchWork)?;
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        uri_list::append(&mut lines, text);
        uri_list::append(&mut lines, b"\n");
    }
    if is_empty {
        return Err(unlock.damaged());
    }
    let text = core::str::from_utf8(&lines).map_err(|_| unlock.damaged())?;
    // Both write a blank as forms do.
    Ok(uri_list::entries(text, Plus::Blank, unlock.progress))
}

/// Reads one byte more than there is room for, so that it is noticed.
fn read_all(content: impl Read, room: usize) -> std::io::Result<Plain> {
    let most = room.saturating_add(1);
    let mut content = content.take(most as u64);
    let mut text = Plain::default();
    let mut piece = Zeroizing::new(vec![0; 1 << 16]);
    loop {
        let count = content.read(&mut piece)?;
        if count == 0 {
            return Ok(text);
        }
        uri_list::append(&mut text, piece.get(..count).unwrap_or_default());
    }
}
