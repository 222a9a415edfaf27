//! A QR code as a picture that every camera reads: whole pixels a module, black on white in every theme.

use core::fmt::Write as _;

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

use crate::error::AppError;

/// Light modules around it: ISO/IEC 18004 asks for four.
const QUIET: usize = 4;

/// Cameras at arm's length read no smaller one, in CSS pixels.
const LEAST: usize = 245;

/// So many modules a side fit a narrow phone at whole pixels; beyond them the weaker correction saves some.
const COMFORTABLE: usize = 45;

/// The picture of a text. It is a secret where the text is one.
pub(crate) fn picture(text: &str, named: &str) -> Result<Markup, AppError> {
    let with = |level| QrCode::with_error_correction_level(text, level);
    let mut code = with(EcLevel::M).map_err(AppError::unavailable)?;
    if code.width() > COMFORTABLE {
        code = with(EcLevel::L).map_err(AppError::unavailable)?;
    }
    let side = code.width().saturating_add(2 * QUIET);
    let pixels = side.saturating_mul(LEAST.div_ceil(side));
    let box_ = format!("0 0 {side} {side}");
    Ok(html! {
        div.qr {
            svg role="img" aria-label=(named) width=(pixels) height=(pixels) viewBox=(box_) shape-rendering="crispEdges" {
                rect width="100%" height="100%" fill="#fff" {}
                path fill="#000" d=(runs(&code)) {}
            }
        }
    })
}

/// One rectangle for each run of dark modules in a row.
fn runs(code: &QrCode) -> String {
    let width = code.width();
    let colors = code.to_colors();
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0_usize;
        for run in row.chunk_by(|left, right| left == right) {
            if run.first() == Some(&Color::Dark) {
                let (at, down) = (x.saturating_add(QUIET), y.saturating_add(QUIET));
                // Writing to a String never fails.
                let _ = write!(path, "M{at} {down}h{0}v1h-{0}z", run.len());
            }
            x = x.saturating_add(run.len());
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole pixels a module, at least 245, and no wider than a narrow phone for the usual names.
    #[test]
    fn modules_have_whole_pixels() {
        for (length, most) in [(60, 290), (98, 290), (122, 290), (150, 290), (400, 500)] {
            let picture = picture(&"x".repeat(length), "a code")
                .expect("a code")
                .into_string();
            let number = |before: &str| -> usize {
                let (_, rest) = picture.split_once(before).expect(before);
                let (number, _) = rest.split_once(['"', ' ']).expect("a value");
                number.parse().expect("a number")
            };
            let (pixels, side) = (number("width=\""), number("viewBox=\"0 0 "));
            assert_eq!(pixels % side, 0, "{length}");
            assert!((LEAST..=most).contains(&pixels), "{length}: {pixels}");
        }
    }
}
