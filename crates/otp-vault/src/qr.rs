//! QR codes: read from pictures, written as SVG, PNG and text.
//!
//! Specification: ISO/IEC 18004.

use core::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

mod picture;

use picture::Grey;
pub use picture::PictureError;

/// Modules around a code (ISO/IEC 18004 section 9.1).
const QUIET_ZONE: usize = 4;

/// Pixels of a module in a PNG.
const SCALE: usize = 8;

/// Whether the bytes begin as a PNG or JPEG does.
#[must_use]
pub fn is_picture(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n") || bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// The texts of the QR codes in a PNG or JPEG: also of rotated, inverted, small and noisy ones.
///
/// # Errors
/// [`PictureError`] if it is no picture, or one of more than 25 million pixels.
pub fn decode_picture(bytes: &[u8]) -> Result<Vec<Zeroizing<String>>, PictureError> {
    let grey = Grey::decode(bytes)?;
    let mut found = Vec::new();
    // What a camera or a dark page does to a code is undone, one thing after the other, until something is found.
    let tries: [fn(&Grey) -> Option<Grey>; 6] = [
        |grey| Some(grey.framed()),
        |grey| Some(grey.inverted().framed()),
        |grey| Some(grey.blurred().framed()),
        |grey| grey.enlarged().map(|grey| grey.framed()),
        |grey| grey.halved().map(|grey| grey.framed()),
        |grey| Some(grey.inverted().blurred().framed()),
    ];
    for (at, attempt) in tries.iter().enumerate() {
        if let Some(grey) = attempt(&grey) {
            scan(&grey, &mut found);
        }
        // Light and dark codes may stand side by side.
        if at > 0 && !found.is_empty() {
            break;
        }
    }
    Ok(found)
}

fn scan(grey: &Grey, found: &mut Vec<Zeroizing<String>>) {
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(grey.width, grey.height, |x, y| grey.at(x, y));
    for grid in prepared.detect_grids() {
        let Ok((_, text)) = grid.decode() else {
            continue;
        };
        let text = Zeroizing::new(text);
        if !found.contains(&text) {
            found.push(text);
        }
    }
}

/// A QR code of level M.
pub struct Code(QrCode);

impl Code {
    /// The code of a text.
    ///
    /// # Errors
    /// [`TooLong`] for what no code holds.
    pub fn new(text: &str) -> Result<Code, TooLong> {
        QrCode::with_error_correction_level(text, EcLevel::M)
            .map(Code)
            .map_err(|_| TooLong(()))
    }

    /// Modules from one edge to the other, the quiet zone included.
    fn side(&self) -> usize {
        self.0.width().saturating_add(2 * QUIET_ZONE)
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(QUIET_ZONE), y.checked_sub(QUIET_ZONE)) else {
            return false;
        };
        x < self.0.width() && y < self.0.width() && self.0[(x, y)] == Color::Dark
    }

    /// As SVG, one unit a module.
    #[must_use]
    pub fn to_svg(&self) -> Zeroizing<String> {
        let side = self.side();
        let mut svg = Zeroizing::new(String::with_capacity(
            side.saturating_mul(side).saturating_mul(12),
        ));
        // Writing into a String cannot fail.
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"{0}\" height=\"{0}\" \
             shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"",
            side.saturating_mul(SCALE)
        );
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            if self.is_dark(x, y) {
                let _ = write!(svg, "M{x} {y}h1v1h-1z");
            }
        }
        svg.push_str("\" fill=\"#000\"/></svg>\n");
        svg
    }

    /// As PNG, eight pixels a module.
    #[must_use]
    pub fn to_png(&self) -> Zeroizing<Vec<u8>> {
        let side = self.side().saturating_mul(SCALE);
        let places = (0..side).flat_map(|y| (0..side).map(move |x| (x / SCALE, y / SCALE)));
        let pixels: Vec<u8> = places
            .map(|(x, y)| if self.is_dark(x, y) { 0 } else { 255 })
            .collect();
        Zeroizing::new(picture::encode(side, &Zeroizing::new(pixels)))
    }

    /// As text for a terminal with light letters on a dark ground: two modules a character, and light ones drawn.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let side = self.side();
        let mut text = Zeroizing::new(String::with_capacity(
            side.saturating_mul(side).saturating_mul(2),
        ));
        for y in (0..side).step_by(2) {
            for x in 0..side {
                let below = y.saturating_add(1);
                text.push(
                    match (self.is_dark(x, y), below >= side || self.is_dark(x, below)) {
                        (false, false) => '█',
                        (false, true) => '▀',
                        (true, false) => '▄',
                        (true, true) => ' ',
                    },
                );
            }
            text.push('\n');
        }
        text
    }
}

impl core::fmt::Debug for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Code(..)")
    }
}

/// The text does not fit a QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text does not fit a QR code")]
pub struct TooLong(());
