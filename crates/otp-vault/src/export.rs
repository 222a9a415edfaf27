//! From entries to a file.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::cipher::Plain;
use crate::error::{Dropped, ExportError, NotHeld};
use crate::format::{self, Format, Write};
use crate::{Algorithm, Entry, Import, Password, Reason};

/// A file that was written.
#[derive(Debug)]
pub struct Exported {
    /// The file. Wiped on drop.
    pub file: Zeroizing<Vec<u8>>,
    /// What the format cannot hold, which is not in the file.
    pub left_out: Vec<NotHeld>,
    /// What is in the file without something that its code does not need.
    pub dropped: Vec<Dropped>,
}

/// Writes entries as a file of the format with this name, encrypted if there is a password.
///
/// What the format cannot hold is left out and told: the caller decides whether the file is wanted then. Salt and
/// nonce are fresh. What is written is read again before it is handed out, so that no code is another one.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    name: &str,
    entries: &[Entry],
    password: Option<&Password>,
) -> Result<Exported, ExportError> {
    let format = format::by_name(name).ok_or(ExportError::UnknownFormat)?;
    let write = format.write.ok_or(ExportError::UnknownFormat)?;
    if password.is_some() && !format.encrypted {
        return Err(ExportError::NeverEncrypted(format.title));
    }
    let (mut held, mut left_out) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let known = entry.algorithm != Algorithm::Md5 || KNOW_MD5.contains(&name);
        let fits = known.then_some(()).ok_or(Reason::Algorithm);
        match fits.and_then(|()| (write.check)(entry)) {
            Ok(()) => held.push((index, entry)),
            Err(reason) => left_out.push(NotHeld {
                index,
                name: entry.name(),
                reason,
            }),
        }
    }
    let (file, dropped) = match written(format, write, &held, password) {
        // Of one that is written and not read again, such as a name that is longer than a URI, it is found out which one.
        Err(ExportError::NotHeld(_)) => {
            held.retain(|(index, entry)| {
                let alone = written(format, write, &[(*index, *entry)], None);
                let fits = !matches!(alone, Err(ExportError::NotHeld(_)));
                if !fits {
                    left_out.push(NotHeld {
                        index: *index,
                        name: entry.name(),
                        reason: Reason::Form,
                    });
                }
                fits
            });
            left_out.sort_by_key(|left| left.index);
            written(format, write, &held, password)?
        }
        written => written?,
    };
    Ok(Exported {
        file,
        left_out,
        dropped,
    })
}

/// A file, and what it has not of these entries.
fn written(
    format: &Format,
    write: Write,
    held: &[(usize, &Entry)],
    password: Option<&Password>,
) -> Result<(Plain, Vec<Dropped>), ExportError> {
    let entries: Vec<&Entry> = held.iter().map(|(_, entry)| *entry).collect();
    let file = (write.write)(&entries, password)?;
    let dropped = match password {
        None => dropped(format, &file, held)?,
        // The same without its seal, which takes seconds to open. What is never plain is our own, and holds all.
        Some(_) => match (write.write)(&entries, None) {
            Ok(plain) => dropped(format, &plain, held)?,
            Err(_) => Vec::new(),
        },
    };
    Ok((file, dropped))
}

/// Formats of programs that make codes with MD5.
const KNOW_MD5: [&str; 5] = [
    "otp-vault",
    "otp-vault-sealed",
    "2fauth-json",
    "google-migration",
    "uri-list",
];

/// Reads what was written, and says what a reader does not find.
fn dropped(
    format: &Format,
    file: &[u8],
    held: &[(usize, &Entry)],
) -> Result<Vec<Dropped>, ExportError> {
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let failed = ExportError::NotHeld(format.title);
    let found = Import::new(file)
        .format(format.name)
        .read()
        .map_err(|_| failed)?;
    if found.entries.len() != held.len() {
        return Err(failed);
    }
    // Groups have no order.
    let groups = |entry: &Entry| entry.groups.iter().cloned().collect::<BTreeSet<String>>();
    let mut dropped = Vec::new();
    for (found, (index, entry)) in found.entries.iter().zip(held) {
        if !found.has_codes_of(entry) {
            return Err(failed);
        }
        let differs = [
            ("issuer", found.issuer != entry.issuer),
            ("account", found.account != entry.account),
            ("groups", groups(found) != groups(entry)),
            (
                "note",
                found.note.as_deref().unwrap_or_default()
                    != entry.note.as_deref().unwrap_or_default(),
            ),
            ("pin", found.pin != entry.pin),
            ("icon", found.icon != entry.icon),
        ];
        let fields: Vec<&str> = differs
            .into_iter()
            .filter_map(|(field, differs)| differs.then_some(field))
            .collect();
        if !fields.is_empty() {
            dropped.push(Dropped {
                index: *index,
                name: entry.name(),
                fields,
            });
        }
    }
    Ok(dropped)
}
