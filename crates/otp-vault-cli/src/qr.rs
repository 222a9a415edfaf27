//! `qr read`, `qr write` and `qr show`.

use std::io;
use std::path::Path;

use otp_vault::ImportError;
use otp_vault::qr::{Code, PictureError, decode_picture};
use zeroize::Zeroizing;

use crate::args::Qr;
use crate::failure::Failure;
use crate::source::Source;
use crate::{input, output};

pub(crate) fn run(command: &Qr) -> Result<(), Failure> {
    match command {
        Qr::Read { json, files } => {
            let mut texts = Vec::new();
            for file in files {
                let content = input::read(file)?;
                let found = decode_picture(&content).map_err(|error| match error {
                    PictureError::TooLarge => Failure::Import(ImportError::TooMuchWork),
                    _ => Failure::File {
                        path: file.clone(),
                        source: io::Error::new(io::ErrorKind::InvalidData, error),
                    },
                })?;
                if found.is_empty() && files.len() > 1 {
                    eprintln!("otp-vault: {}: no QR code was found", file.display());
                }
                texts.extend(found);
            }
            if texts.is_empty() {
                return Err(Failure::NoQrCode);
            }
            // Room for all of it, escapes included, so that no shorter copy is left behind.
            let length: usize = texts.iter().map(|text| text.len().saturating_add(4)).sum();
            let mut out = Zeroizing::new(Vec::with_capacity(length.saturating_mul(6)));
            if *json {
                let rows: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
                // Texts can always be written.
                let _ = serde_json::to_writer(&mut *out, &rows);
                out.push(b'\n');
            } else {
                for text in &texts {
                    out.extend_from_slice(text.as_bytes());
                    out.push(b'\n');
                }
            }
            output::print(&out)
        }
        Qr::Write { input, file } => {
            if input != Path::new("-") {
                return Err(Failure::Usage(
                    "a URI is never an argument: use - and standard input",
                ));
            }
            let extension = file
                .extension()
                .and_then(|extension| extension.to_str())
                .map(str::to_ascii_lowercase);
            let content = input::read(input)?;
            let text = core::str::from_utf8(&content)
                .unwrap_or_default()
                .trim_start_matches('\u{feff}')
                .trim();
            if text.is_empty() {
                return Err(Failure::Usage("standard input is empty"));
            }
            let code = Code::new(text).map_err(|_| Failure::TooLong)?;
            match extension.as_deref() {
                Some("svg") => output::write_private(file, code.to_svg().as_bytes()),
                Some("png") => output::write_private(file, &code.to_png()),
                _ => Err(Failure::Usage("the file must end in .svg or .png")),
            }
        }
        Qr::Show {
            file,
            access,
            query,
        } => {
            let source = Source::open(file.as_deref(), access, query)?;
            let uri =
                otp_vault::write_uri(source.entry(source.find(query)?)?).map_err(Failure::Uri)?;
            output::print(
                Code::new(&uri)
                    .map_err(|_| Failure::TooLong)?
                    .to_text()
                    .as_bytes(),
            )
        }
    }
}
