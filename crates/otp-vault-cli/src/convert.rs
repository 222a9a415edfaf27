//! `import`, `export` and `formats`.

use core::cell::Cell;
use std::io::{self, IsTerminal};

use otp_vault::qr::{PictureError, decode_picture};
use otp_vault::{Entry, ImportError, Imported, Reason, Skipped, formats};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args;
use crate::failure::Failure;
use crate::input::{self, tell_skipped, visible};
use crate::output;
use crate::vault::OpenVault;

pub(crate) fn import(options: &args::Import) -> Result<(), Failure> {
    let is_sealed = Cell::new(false);
    let imported = read_all(options, &is_sealed)?;
    tell_skipped(&imported.skipped);
    match &options.into {
        None => output::print(&imported.to_json()),
        Some(path) => {
            // Where the source needs no password, the only one is the vault's.
            let only = options
                .password_file
                .as_ref()
                .filter(|_| !is_sealed.get() && options.vault_key_file.is_none());
            let access = args::Access {
                password_file: options.vault_password_file.as_ref().or(only).cloned(),
                key_file: options.vault_key_file.clone(),
            };
            let mut vault = OpenVault::open(path, &access)?;
            vault.add(imported.entries)
        }
    }
}

fn read_all(options: &args::Import, is_sealed: &Cell<bool>) -> Result<Imported, Failure> {
    let format = (options.format != "auto").then_some(options.format.as_str());
    if format.is_some_and(|name| !formats().iter().any(|format| format.name == name)) {
        return Err(Failure::Usage(
            "there is no format of this name; `otp-vault formats` lists them",
        ));
    }
    let password = options
        .password_file
        .as_deref()
        .map(input::password)
        .transpose()?;
    let mut blank = Vec::new();
    let content = match options.files.as_slice() {
        [file] => input::read(file)?,
        files => {
            // Codes of pictures and lines of URIs are one list, so that the parts of one migration meet.
            let mut lines = Zeroizing::new(Vec::new());
            for file in files {
                let content = input::read(file)?;
                if otp_vault::qr::is_picture(&content) {
                    let codes = decode_picture(&content).map_err(|error| match error {
                        PictureError::TooLarge => ImportError::TooMuchWork,
                        _ => ImportError::NoQrCode,
                    })?;
                    if codes.is_empty() {
                        blank.push(file.display().to_string());
                    }
                    for text in codes {
                        lines.extend_from_slice(text.as_bytes());
                        lines.push(b'\n');
                    }
                } else if content
                    .trim_ascii_start()
                    .to_ascii_lowercase()
                    .starts_with(b"otpauth")
                {
                    lines.extend_from_slice(&content);
                    lines.push(b'\n');
                } else {
                    return Err(Failure::Usage(
                        "several files are read at once only where each is a picture or lists URIs",
                    ));
                }
            }
            if blank.len() == files.len() {
                return Err(ImportError::NoQrCode.into());
            }
            lines
        }
    };
    let mut imported = input::import(&content, format, password.as_ref(), is_sealed)?;
    for name in blank {
        imported.skipped.push(Skipped {
            index: imported
                .entries
                .len()
                .saturating_add(imported.skipped.len()),
            reason: Reason::NoQrCode,
            name: Some(name),
        });
    }
    Ok(imported)
}

pub(crate) fn export(options: &args::Export) -> Result<(), Failure> {
    let Some(format) = formats()
        .iter()
        .find(|format| format.name == options.format && format.exports())
    else {
        return Err(Failure::Usage(
            "there is no format of this name to write; `otp-vault formats` lists them",
        ));
    };
    let password = options
        .password_file
        .as_deref()
        .map(input::password)
        .transpose()?;
    let own = options
        .input_password_file
        .as_deref()
        .map(input::password)
        .transpose()?;
    let content = input::read(&options.file)?;
    let used = Cell::new(false);
    let imported = input::import(&content, None, own.as_ref().or(password.as_ref()), &used)?;
    if password.is_some() && !format.encrypted && (own.is_some() || !used.get()) {
        return Err(otp_vault::ExportError::NeverEncrypted(format.title).into());
    }
    tell_skipped(&imported.skipped);
    if !imported.skipped.is_empty() && !options.lossy {
        return Err(Failure::NotRead);
    }
    let seal = password.as_ref().filter(|_| format.encrypted);
    write(format, &imported.entries, seal, options)
}

fn write(
    format: &otp_vault::Format,
    entries: &[Entry],
    password: Option<&otp_vault::Password>,
    options: &args::Export,
) -> Result<(), Failure> {
    let exported = otp_vault::export(format.name, entries, password)?;
    let rows = exported.left_out.iter().map(|row| {
        format!(
            "  entry {} ({}): {}",
            row.index,
            visible(&row.name),
            row.reason
        )
    });
    let rows: Vec<String> = rows.collect();
    if !options.lossy && !rows.is_empty() {
        return Err(Failure::NotHeld(format.name.into(), rows.join("\n")));
    }
    for row in rows {
        eprintln!(
            "otp-vault: left out:{}",
            row.trim_start_matches(' ')
                .strip_prefix("entry")
                .unwrap_or(&row)
        );
    }
    for row in &exported.dropped {
        eprintln!(
            "otp-vault: entry {} ({}): the format {} does not keep {} as it is",
            row.index,
            visible(&row.name),
            format.name,
            row.fields.join(", ")
        );
    }
    if let Some(path) = &options.output {
        return output::write_private(path, &exported.file);
    }
    if password.is_none()
        && io::stdout().is_terminal()
        && !input::is_agreed("print the secrets of all accounts on this terminal?")?
    {
        return Err(Failure::Declined);
    }
    output::print(&exported.file)
}

pub(crate) fn formats_json() -> Vec<u8> {
    let rows: Vec<_> = formats()
        .iter()
        .map(|format| {
            json!({
                "name": format.name, "title": format.title, "import": format.imports(), "export": format.exports(),
                "encrypted": format.encrypted,
            })
        })
        .collect();
    let mut text = serde_json::to_vec_pretty(&rows).unwrap_or_default();
    text.push(b'\n');
    text
}

pub(crate) fn list_formats() -> Result<(), Failure> {
    output::print(&formats_json())
}
