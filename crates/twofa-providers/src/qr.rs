//! A QR code as SVG: whole pixels a module, black on white.

use core::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// Light modules around it: ISO/IEC 18004 asks for four.
const QUIET: usize = 4;

/// Cameras at arm's length read no smaller one, in CSS pixels.
const LEAST: usize = 245;

/// So many modules a side fit a narrow phone at whole pixels; beyond them the weaker correction saves some.
const COMFORTABLE: usize = 45;

pub(crate) fn svg(text: &str) -> Option<Zeroizing<String>> {
    let with = |level| QrCode::with_error_correction_level(text, level).ok();
    let code = with(EcLevel::M)
        .filter(|code| code.width() <= COMFORTABLE)
        .or_else(|| with(EcLevel::L))?;
    let width = code.width();
    let side = width.checked_add(2 * QUIET)?;
    let pixels = side.checked_mul(LEAST.div_ceil(side))?;
    let colors = code.to_colors();
    // Room for all of it: a text that grows leaves copies of the secret behind.
    let room = colors.len().checked_mul(16)?.checked_add(512)?;
    let mut picture = Zeroizing::new(String::with_capacity(room));
    write!(
        picture,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"QR code\" width=\"{pixels}\" \
         height=\"{pixels}\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><path fill=\"#000\" d=\""
    )
    .ok()?;
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = QUIET;
        for run in row.chunk_by(|left, right| left == right) {
            if run.first() == Some(&Color::Dark) {
                let down = y.checked_add(QUIET)?;
                write!(picture, "M{x} {down}h{0}v1h-{0}z", run.len()).ok()?;
            }
            x = x.checked_add(run.len())?;
        }
    }
    picture.push_str("\"/></svg>");
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole pixels a module, at least 245, and no wider than a narrow phone for the usual names.
    #[test]
    fn modules_have_whole_pixels() {
        for (length, most) in [(60, 290), (98, 290), (122, 290), (150, 290), (400, 500)] {
            let picture = svg(&"x".repeat(length)).expect("a code");
            let number = |before: &str| -> usize {
                let (_, rest) = picture.split_once(before).expect(before);
                let (number, _) = rest.split_once(['"', ' ']).expect("a value");
                number.parse().expect("a number")
            };
            let (pixels, side) = (number("width=\""), number("viewBox=\"0 0 "));
            assert_eq!(pixels % side, 0, "{length}");
            assert!((LEAST..=most).contains(&pixels), "{length}: {pixels}");
        }
        assert!(svg(&"x".repeat(3_000)).is_none());
    }

    /// The text never outgrew the room that it was given, so that no copy of the secret was left behind.
    #[test]
    fn picture_is_written_in_one_place() {
        for length in [20, 150, 1_000, 2_900] {
            let picture = svg(&"x".repeat(length)).expect("a code");
            let code = QrCode::with_error_correction_level("x".repeat(length), EcLevel::L);
            let smallest = code.expect("a code").width().pow(2) * 16 + 512;
            // A text that grows doubles its room.
            assert!(picture.len() < picture.capacity(), "{length}");
            assert!(picture.capacity() < 2 * smallest, "{length}");
        }
    }
}
