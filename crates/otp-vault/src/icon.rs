//! Icons: pictures that a stranger sends and a browser shows.

use core::fmt;
use std::sync::Arc;

use data_encoding::{BASE64, BASE64_NOPAD};

use crate::limits;

mod raster;
mod svg;

/// A picture of one of six types, as it may be handed to a browser.
///
/// The type is what the content says, never a name. What stands behind the end of a picture is cut off. An SVG is
/// written anew from an allow-list: paths, shapes, gradients, clips and texts, and no script, style sheet, animation,
/// link, foreign element, document type or reference to anything outside of itself.
///
/// # Security
/// A server still answers with [`IconType::media_type`], `X-Content-Type-Options: nosniff` and a content security
/// policy without scripts: a picture is the content of a stranger.
#[derive(Clone, PartialEq, Eq)]
pub struct Icon {
    kind: IconType,
    /// Shared: a file may name one picture for each of its accounts.
    bytes: Arc<[u8]>,
}

/// The types of icons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IconType {
    /// Windows bitmap.
    Bmp,
    /// GIF, also animated.
    Gif,
    /// JPEG.
    Jpeg,
    /// PNG, also animated.
    Png,
    /// SVG, sanitised.
    Svg,
    /// WebP, also animated.
    Webp,
}

impl IconType {
    /// The ending of a file's name, without a dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            IconType::Bmp => "bmp",
            IconType::Gif => "gif",
            IconType::Jpeg => "jpg",
            IconType::Png => "png",
            IconType::Svg => "svg",
            IconType::Webp => "webp",
        }
    }

    /// What a server names it (RFC 9110 section 8.3).
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            IconType::Bmp => "image/bmp",
            IconType::Gif => "image/gif",
            IconType::Jpeg => "image/jpeg",
            IconType::Png => "image/png",
            IconType::Svg => "image/svg+xml",
            IconType::Webp => "image/webp",
        }
    }
}

/// Why a picture is no icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IconError {
    /// Of this type, and cut off, malformed, or an SVG with a document type.
    #[error("the {} picture is damaged or of a form that is not accepted", .0.extension())]
    Damaged(IconType),
    /// More than [`limits::ICON_BYTES`].
    #[error("the picture is larger than 2 MiB")]
    TooLarge,
    /// More than [`limits::PICTURE_PIXELS`], all frames together; of an SVG, elements or references beyond a cap.
    #[error("the picture has too many pixels or elements")]
    TooMuchWork,
    /// None of the six types.
    #[error("the picture is none of PNG, JPEG, GIF, BMP, WebP and SVG")]
    Unrecognised,
}

impl Icon {
    /// Takes a picture that anybody may have made.
    ///
    /// # Errors
    /// [`IconError`].
    pub fn read(bytes: &[u8]) -> Result<Icon, IconError> {
        if bytes.len() > limits::ICON_BYTES {
            return Err(IconError::TooLarge);
        }
        let Some((kind, measure)) = raster::recognise(bytes) else {
            let bytes = svg::sanitise(bytes)?.into_bytes();
            // Escapes may have made it longer; what is an icon is one again.
            if bytes.len() > limits::ICON_BYTES {
                return Err(IconError::TooLarge);
            }
            return Ok(Icon {
                kind: IconType::Svg,
                bytes: bytes.into(),
            });
        };
        let picture = measure(bytes).ok_or(IconError::Damaged(kind))?;
        if picture.pixels > limits::PICTURE_PIXELS {
            return Err(IconError::TooMuchWork);
        }
        let bytes = bytes
            .get(..picture.length)
            .ok_or(IconError::Damaged(kind))?;
        Ok(Icon {
            kind,
            bytes: bytes.into(),
        })
    }

    /// The icon that a file has in base64; one that cannot be read is none, and costs no account.
    pub(crate) fn from_base64(text: &str) -> Option<Icon> {
        // A third more than its bytes; lines beside.
        if text.len() > limits::ICON_BYTES.saturating_mul(2) {
            return None;
        }
        let mut symbols: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
        while symbols.last() == Some(&b'=') {
            symbols.pop();
        }
        Icon::read(&BASE64_NOPAD.decode(&symbols).ok()?).ok()
    }

    pub(crate) fn to_base64(&self) -> String {
        BASE64.encode(&self.bytes)
    }

    /// Specification: RFC 2397.
    pub(crate) fn from_data_url(text: &str) -> Option<Icon> {
        let (_, base64) = text.strip_prefix("data:image/")?.split_once(";base64,")?;
        Icon::from_base64(base64)
    }

    pub(crate) fn to_data_url(&self) -> String {
        format!(
            "data:{};base64,{}",
            self.kind.media_type(),
            self.to_base64()
        )
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> IconType {
        self.kind
    }

    /// The picture.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Icon({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}
