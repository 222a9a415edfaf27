//! Pictures as shades of grey.

use std::io::Cursor;

use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::limits::PICTURE_PIXELS;

/// Why a picture could not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// More than 25 million pixels.
    #[error("the picture has more than 25 million pixels")]
    TooLarge,
    /// Not a PNG or JPEG, or a damaged one.
    #[error("the picture cannot be read")]
    Unreadable,
}

/// A picture in shades of grey, row by row.
pub(super) struct Grey {
    pub(super) width: usize,
    pub(super) height: usize,
    pixels: Vec<u8>,
}

impl Drop for Grey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.pixels);
    }
}

impl Grey {
    pub(super) fn decode(bytes: &[u8]) -> Result<Grey, PictureError> {
        if bytes.starts_with(b"\x89PNG") {
            decode_png(bytes)
        } else {
            decode_jpeg(bytes)
        }
    }

    pub(super) fn at(&self, x: usize, y: usize) -> u8 {
        self.pixels
            .get(y.saturating_mul(self.width).saturating_add(x))
            .copied()
            .unwrap_or(255)
    }

    fn from_places(width: usize, height: usize, shade: impl Fn(usize, usize) -> u8) -> Grey {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels = places.map(|(x, y)| shade(x, y)).collect();
        Grey {
            width,
            height,
            pixels,
        }
    }

    /// With a light edge, where a code reaches to the edge of its picture.
    pub(super) fn framed(&self) -> Grey {
        const EDGE: usize = 16;
        let wider = |side: usize| side.saturating_add(2 * EDGE);
        Grey::from_places(wider(self.width), wider(self.height), |x, y| {
            let inside = x.checked_sub(EDGE).zip(y.checked_sub(EDGE));
            inside
                .filter(|(x, y)| *x < self.width && *y < self.height)
                .map_or(255, |(x, y)| self.at(x, y))
        })
    }

    pub(super) fn inverted(&self) -> Grey {
        Grey::from_places(self.width, self.height, |x, y| !self.at(x, y))
    }

    /// Each pixel the mean of its neighbours.
    pub(super) fn blurred(&self) -> Grey {
        Grey::from_places(self.width, self.height, |x, y| {
            let near =
                |at: usize, side: usize| at.saturating_sub(1)..at.saturating_add(2).min(side);
            let places =
                near(y, self.height).flat_map(|y| near(x, self.width).map(move |x| (x, y)));
            let (sum, count) = places.fold((0_u16, 0_u16), |(sum, count), (x, y)| {
                (
                    sum.saturating_add(self.at(x, y).into()),
                    count.saturating_add(1),
                )
            });
            u8::try_from(sum.checked_div(count).unwrap_or_default()).unwrap_or(255)
        })
    }

    /// Four times as large, with what lies between two pixels between their shades; if it is small.
    pub(super) fn enlarged(&self) -> Option<Grey> {
        const SCALE: usize = 4;
        let (width, height) = (
            self.width.checked_mul(SCALE)?,
            self.height.checked_mul(SCALE)?,
        );
        let fits = (width as u64).checked_mul(height as u64)? <= PICTURE_PIXELS / 4;
        // In eighths of a pixel, from its middle: the pixel on the left, and how far it is to the right one.
        let place = |at: usize| {
            let eighths = at.saturating_mul(2).saturating_add(1).saturating_sub(SCALE);
            (eighths / 8, u32::try_from(eighths % 8).unwrap_or_default())
        };
        fits.then(|| {
            Grey::from_places(width, height, |x, y| {
                let ((left, right_part), (top, low_part)) = (place(x), place(y));
                let right = left.saturating_add(1).min(self.width.saturating_sub(1));
                let low = top.saturating_add(1).min(self.height.saturating_sub(1));
                let mix = |a: u32, b: u32, part: u32| {
                    a.saturating_mul(8_u32.saturating_sub(part))
                        .saturating_add(b.saturating_mul(part))
                };
                let row = |y| {
                    mix(
                        self.at(left, y).into(),
                        self.at(right, y).into(),
                        right_part,
                    )
                };
                u8::try_from(mix(row(top), row(low), low_part) / 64).unwrap_or(255)
            })
        })
    }

    /// Half as large, each pixel the mean of four.
    pub(super) fn halved(&self) -> Option<Grey> {
        let (width, height) = (self.width / 2, self.height / 2);
        (width > 20 && height > 20).then(|| {
            Grey::from_places(width, height, |x, y| {
                let (x, y) = (x.saturating_mul(2), y.saturating_mul(2));
                let (right, below) = (x.saturating_add(1), y.saturating_add(1));
                let four = [(x, y), (right, y), (x, below), (right, below)];
                let sum = four.iter().fold(0_u16, |sum, (x, y)| {
                    sum.saturating_add(self.at(*x, *y).into())
                });
                u8::try_from(sum / 4).unwrap_or(255)
            })
        })
    }
}

fn bounded(width: u64, height: u64) -> Result<(), PictureError> {
    if width.saturating_mul(height) > PICTURE_PIXELS {
        Err(PictureError::TooLarge)
    } else {
        Ok(())
    }
}

fn decode_png(bytes: &[u8]) -> Result<Grey, PictureError> {
    let unreadable = |_| PictureError::Unreadable;
    // Before anything is unpacked: the two sides stand at a fixed place (PNG section 11.2.1).
    let side = |at: usize| {
        bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .map(|side| u32::from_be_bytes(*side))
    };
    bounded(
        side(16).ok_or(PictureError::Unreadable)?.into(),
        side(20).ok_or(PictureError::Unreadable)?.into(),
    )?;
    let limits = png::Limits {
        bytes: usize::try_from(PICTURE_PIXELS)
            .unwrap_or(usize::MAX)
            .saturating_mul(8),
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(unreadable)?;
    let mut buffer = vec![0; reader.output_buffer_size().ok_or(PictureError::TooLarge)?];
    let frame = reader.next_frame(&mut buffer).map_err(unreadable)?;
    buffer.truncate(frame.buffer_size());
    let pixels = match frame.color_type {
        png::ColorType::Grayscale => buffer,
        png::ColorType::GrayscaleAlpha => shades(&buffer, |[grey, alpha]| over_white(grey, alpha)),
        png::ColorType::Rgb => shades(&buffer, luma),
        png::ColorType::Rgba => shades(&buffer, |[r, g, b, alpha]| {
            over_white(luma([r, g, b]), alpha)
        }),
        // Expanded above.
        png::ColorType::Indexed => return Err(PictureError::Unreadable),
    };
    Ok(Grey {
        width: frame.width as usize,
        height: frame.height as usize,
        pixels,
    })
}

fn decode_jpeg(bytes: &[u8]) -> Result<Grey, PictureError> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder
        .decode_headers()
        .map_err(|_| PictureError::Unreadable)?;
    let (width, height) = decoder.dimensions().ok_or(PictureError::Unreadable)?;
    bounded(width as u64, height as u64)?;
    let pixels = decoder.decode().map_err(|_| PictureError::Unreadable)?;
    Ok(Grey {
        width,
        height,
        pixels,
    })
}

fn shades<const N: usize>(buffer: &[u8], shade: impl Fn([u8; N]) -> u8) -> Vec<u8> {
    buffer.as_chunks().0.iter().copied().map(shade).collect()
}

/// Brightness (ITU-R BT.601), in 256ths.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    let [r, g, b] = [r, g, b].map(u32::from);
    u8::try_from(
        (r.wrapping_mul(77)
            .wrapping_add(g.wrapping_mul(150))
            .wrapping_add(b.wrapping_mul(29)))
            >> 8,
    )
    .unwrap_or(255)
}

fn over_white(grey: u8, alpha: u8) -> u8 {
    let (grey, alpha) = (u32::from(grey), u32::from(alpha));
    let sum = grey
        .wrapping_mul(alpha)
        .wrapping_add(255_u32.wrapping_mul(255_u32.saturating_sub(alpha)));
    u8::try_from(sum / 255).unwrap_or(255)
}

/// A square picture as PNG.
pub(super) fn encode(side: usize, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(pixels.len());
    let side = u32::try_from(side).unwrap_or_default();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    // Writing into memory cannot fail.
    if let Ok(mut writer) = encoder.write_header() {
        let _ = writer.write_image_data(pixels);
    }
    file
}
