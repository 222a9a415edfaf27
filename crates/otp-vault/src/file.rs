//! A file, looked at from each side once.

use crate::json::Json;
use crate::{ImportError, limits, qr};
use zeroize::Zeroizing;

/// A file's content.
pub(crate) struct File<'a> {
    /// The bytes, without a byte-order mark.
    pub(crate) bytes: &'a [u8],
    /// The JSON document that it is.
    pub(crate) json: Option<Json>,
    /// What the codes of a picture say, one a line.
    codes: Option<Zeroizing<String>>,
}

impl<'a> File<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<File<'a>, ImportError> {
        if bytes.len() > limits::FILE_BYTES {
            return Err(ImportError::TooLarge);
        }
        let codes = if qr::is_picture(bytes) {
            let codes = qr::decode_picture(bytes).map_err(|error| match error {
                qr::PictureError::TooLarge => ImportError::TooMuchWork,
                qr::PictureError::Unreadable => ImportError::NoQrCode,
            })?;
            if codes.is_empty() {
                return Err(ImportError::NoQrCode);
            }
            let lines: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
            Some(Zeroizing::new(lines.join("\n")))
        } else {
            None
        };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let json = if begins_like_json(bytes) {
            Json::read(bytes)?
        } else {
            None
        };
        Ok(File { bytes, json, codes })
    }

    /// The text, of a picture what its codes say.
    pub(crate) fn text(&self) -> &str {
        match &self.codes {
            Some(codes) => codes,
            None => core::str::from_utf8(self.bytes).unwrap_or_default(),
        }
    }

    /// Whether it is a picture whose codes were read.
    pub(crate) fn is_picture(&self) -> bool {
        self.codes.is_some()
    }

    /// A field of the JSON object that it is.
    pub(crate) fn field(&self, name: &str) -> Option<&serde_json::Value> {
        self.json.as_ref()?.root().get(name)
    }

    /// Whether it begins like JSON.
    pub(crate) fn looks_like_json(&self) -> bool {
        begins_like_json(self.bytes)
    }

    /// The root, of a file that was recognised as JSON.
    pub(crate) fn root(&self, title: &'static str) -> Result<&serde_json::Value, ImportError> {
        self.json
            .as_ref()
            .map(Json::root)
            .ok_or(ImportError::Damaged(title))
    }
}

fn begins_like_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
}
