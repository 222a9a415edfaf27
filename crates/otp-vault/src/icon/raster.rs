//! Pictures of pixels: how large they are, and where they end.
//!
//! Nothing is unpacked. The parts of a file are walked from one to the next, each by the length that it states, so that
//! the end of the picture is known and each frame's size was seen.
//!
//! Specification: PNG third edition section 5 and 11; JPEG ITU-T T.81 annex B; GIF89a; RFC 9649 for WebP; the headers of
//! Windows bitmaps.

use crate::icon::IconType;

/// A picture that is whole.
pub(super) struct Picture {
    /// Of all frames together.
    pub(super) pixels: u64,
    /// Bytes up to its end.
    pub(super) length: usize,
}

pub(super) type Measure = fn(&[u8]) -> Option<Picture>;

/// The type that the first bytes are of, and how it is measured.
pub(super) fn recognise(bytes: &[u8]) -> Option<(IconType, Measure)> {
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    Some(match bytes {
        [0x89, b'P', b'N', b'G', ..] => (IconType::Png, png),
        [0xff, 0xd8, 0xff, ..] => (IconType::Jpeg, jpeg),
        [b'G', b'I', b'F', b'8', ..] => (IconType::Gif, gif),
        [b'B', b'M', ..] => (IconType::Bmp, bmp),
        _ if webp => (IconType::Webp, self::webp),
        _ => return None,
    })
}

/// What is left of a file.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16_le(&mut self) -> Option<u64> {
        self.array().map(|bytes| u16::from_le_bytes(bytes).into())
    }

    fn u16_be(&mut self) -> Option<u64> {
        self.array().map(|bytes| u16::from_be_bytes(bytes).into())
    }

    fn u24_le(&mut self) -> Option<u64> {
        let [a, b, c] = self.array()?;
        Some(u32::from_le_bytes([a, b, c, 0]).into())
    }

    fn u32_le(&mut self) -> Option<u64> {
        self.array().map(|bytes| u32::from_le_bytes(bytes).into())
    }

    fn u32_be(&mut self) -> Option<u64> {
        self.array().map(|bytes| u32::from_be_bytes(bytes).into())
    }

    fn length(count: u64) -> Option<usize> {
        usize::try_from(count).ok()
    }
}

/// The pixels of a frame; none for one without any.
fn area(width: u64, height: u64) -> Option<u64> {
    width.checked_mul(height).filter(|pixels| *pixels > 0)
}

fn png(bytes: &[u8]) -> Option<Picture> {
    let mut rest = Rest(bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?);
    let (mut pixels, mut has_header, mut has_data) = (0_u64, false, false);
    loop {
        let length = Rest::length(rest.u32_be()?)?;
        let name = rest.array::<4>()?;
        let mut chunk = Rest(rest.take(length)?);
        let _checksum = rest.take(4)?;
        match &name {
            b"IHDR" if !has_header => {
                has_header = true;
                pixels = area(chunk.u32_be()?, chunk.u32_be()?)?;
            }
            // Each frame of an animated one has its size.
            b"fcTL" if has_header => {
                let _number = chunk.u32_be()?;
                pixels = pixels.saturating_add(area(chunk.u32_be()?, chunk.u32_be()?)?);
            }
            b"IDAT" if has_header => has_data = true,
            b"IEND" if has_data => break,
            _ if has_header => {}
            _ => return None,
        }
    }
    Some(Picture {
        pixels,
        length: bytes.len().checked_sub(rest.0.len())?,
    })
}

fn jpeg(bytes: &[u8]) -> Option<Picture> {
    let mut rest = Rest(bytes.strip_prefix(&[0xff, 0xd8])?);
    let mut pixels = None;
    loop {
        if rest.byte()? != 0xff {
            return None;
        }
        let mut marker = rest.byte()?;
        // Fill bytes (B.1.1.2).
        while marker == 0xff {
            marker = rest.byte()?;
        }
        match marker {
            0xd9 => break,
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | 0xd8 => return None,
            _ => {}
        }
        let length = Rest::length(rest.u16_be()?)?;
        let mut segment = Rest(rest.take(length.checked_sub(2)?)?);
        match marker {
            // Frames, but for the tables and what is reserved among them (table B.1).
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let _precision = segment.byte()?;
                let (height, width) = (segment.u16_be()?, segment.u16_be()?);
                // One frame: what is hierarchical no browser shows.
                if pixels.replace(area(width, height)?).is_some() {
                    return None;
                }
            }
            // The scan, up to a marker that is no restart.
            0xda => {
                pixels?;
                loop {
                    let at = rest.0.iter().position(|byte| *byte == 0xff)?;
                    rest.take(at)?;
                    match rest.0.get(1)? {
                        0x00 | 0xd0..=0xd7 => rest.take(2)?,
                        0xff => rest.take(1)?,
                        _ => break,
                    };
                }
            }
            _ => {}
        }
    }
    Some(Picture {
        pixels: pixels?,
        length: bytes.len().checked_sub(rest.0.len())?,
    })
}

fn gif(bytes: &[u8]) -> Option<Picture> {
    let mut rest = Rest(bytes);
    let version = rest.array::<6>()?;
    if !matches!(&version, b"GIF87a" | b"GIF89a") {
        return None;
    }
    let screen = area(rest.u16_le()?, rest.u16_le()?)?;
    let (mut pixels, mut frames) = (0_u64, 0_u64);
    let flags = rest.byte()?;
    rest.take(2)?;
    colours(&mut rest, flags)?;
    loop {
        match rest.byte()? {
            0x3b => break,
            0x21 => {
                let _label = rest.byte()?;
                blocks(&mut rest)?;
            }
            0x2c => {
                let _place = rest.take(4)?;
                let frame = area(rest.u16_le()?, rest.u16_le()?)?;
                // A browser draws each frame on the whole screen.
                pixels = pixels.saturating_add(frame.max(screen));
                frames = frames.saturating_add(1);
                let flags = rest.byte()?;
                colours(&mut rest, flags)?;
                let _code_size = rest.byte()?;
                blocks(&mut rest)?;
            }
            _ => return None,
        }
    }
    (frames > 0).then_some(Picture {
        pixels,
        length: bytes.len().checked_sub(rest.0.len())?,
    })
}

/// Skips a table of colours, if the flags say that there is one.
fn colours(rest: &mut Rest<'_>, flags: u8) -> Option<()> {
    if flags & 0x80 != 0 {
        rest.take(3_usize.checked_mul(2_usize.checked_shl((flags & 7).into())?)?)?;
    }
    Some(())
}

/// Skips sub-blocks up to the empty one.
fn blocks(rest: &mut Rest<'_>) -> Option<()> {
    loop {
        match rest.byte()? {
            0 => return Some(()),
            length => rest.take(length.into())?,
        };
    }
}

fn bmp(bytes: &[u8]) -> Option<Picture> {
    let mut rest = Rest(bytes.strip_prefix(b"BM")?);
    let length = Rest::length(rest.u32_le()?)?;
    rest.take(4)?;
    let data = Rest::length(rest.u32_le()?)?;
    let header = rest.u32_le()?;
    let (width, height) = match header {
        12 => (rest.u16_le()?, rest.u16_le()?),
        // A negative height is one from top to bottom.
        40 | 52 | 56 | 64 | 108 | 124 => {
            let [width, height] = [rest.array()?, rest.array()?].map(i32::from_le_bytes);
            (u64::try_from(width).ok()?, u64::from(height.unsigned_abs()))
        }
        _ => return None,
    };
    let headers = Rest::length(header)?.checked_add(14)?;
    // Some programs leave the length of the file at zero.
    let length = if length == 0 { bytes.len() } else { length };
    (data >= headers && data < length && length <= bytes.len()).then_some(Picture {
        pixels: area(width, height)?,
        length,
    })
}

fn webp(bytes: &[u8]) -> Option<Picture> {
    let mut file = Rest(bytes.strip_prefix(b"RIFF")?);
    let mut rest = Rest(bytes.get(8..8_usize.checked_add(Rest::length(file.u32_le()?)?)?)?);
    rest.0 = rest.0.strip_prefix(b"WEBP")?;
    let length = rest.0.len().checked_add(12)?;
    let (mut pixels, mut has_data) = (0_u64, false);
    while !rest.0.is_empty() {
        let (name, mut chunk) = riff_chunk(&mut rest)?;
        let sides = match &name {
            b"VP8X" => {
                let _flags = chunk.take(4)?;
                Some((plus_one(chunk.u24_le()?), plus_one(chunk.u24_le()?)))
            }
            b"ANMF" => {
                has_data = true;
                let _place = chunk.take(6)?;
                Some((plus_one(chunk.u24_le()?), plus_one(chunk.u24_le()?)))
            }
            b"VP8 " => {
                has_data = true;
                let _tag = chunk.take(3)?;
                if chunk.array::<3>()? != [0x9d, 0x01, 0x2a] {
                    return None;
                }
                // Two bits of each are a scale (RFC 6386 section 9.1).
                Some((chunk.u16_le()? & 0x3fff, chunk.u16_le()? & 0x3fff))
            }
            b"VP8L" => {
                has_data = true;
                if chunk.byte()? != 0x2f {
                    return None;
                }
                let bits = chunk.u32_le()?;
                Some((plus_one(bits & 0x3fff), plus_one(bits >> 14 & 0x3fff)))
            }
            _ => None,
        };
        if let Some((width, height)) = sides {
            pixels = pixels.saturating_add(area(width, height)?);
        }
    }
    has_data.then_some(Picture { pixels, length })
}

fn plus_one(side: u64) -> u64 {
    side.saturating_add(1)
}

/// A chunk, and behind it the byte that makes its length even.
fn riff_chunk<'a>(rest: &mut Rest<'a>) -> Option<([u8; 4], Rest<'a>)> {
    let name = rest.array::<4>()?;
    let length = Rest::length(rest.u32_le()?)?;
    let chunk = Rest(rest.take(length)?);
    if length % 2 == 1 {
        rest.take(1)?;
    }
    Some((name, chunk))
}
