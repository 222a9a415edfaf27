//! QR codes: what is drawn is read, also from what cameras make of it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "places in a picture; a mistake fails the test"
)]

use otp_vault::qr::{Code, decode_picture, is_picture};

const URI: &str = "otpauth://totp/Example:alice@example.org?secret=JBSWY3DPEHPK3PXP&issuer=Example";

/// A grey picture: width, height, shades.
#[derive(Clone)]
struct Grey(usize, usize, Vec<u8>);

impl Grey {
    fn of(text: &str) -> Grey {
        let png = Code::new(text).expect("it fits").to_png();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png[..]))
            .read_info()
            .expect("ours");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        let frame = reader.next_frame(&mut pixels).expect("ours");
        Grey(frame.width as usize, frame.height as usize, pixels)
    }

    fn map(&self, width: usize, height: usize, shade: impl Fn(usize, usize) -> u8) -> Grey {
        Grey(
            width,
            height,
            (0..width * height)
                .map(|at| shade(at % width, at / width))
                .collect(),
        )
    }

    fn at(&self, x: usize, y: usize) -> u8 {
        if x < self.0 && y < self.1 {
            self.2[y * self.0 + x]
        } else {
            255
        }
    }

    fn png(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.0 as u32, self.1 as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder
            .write_header()
            .expect("memory")
            .write_image_data(&self.2)
            .expect("memory");
        file
    }

    fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = decode_picture(&self.png())
            .expect("a picture")
            .iter()
            .map(|text| text.to_string())
            .collect();
        texts.sort_unstable();
        texts
    }
}

/// A code is read as it is drawn, in every script.
#[test]
fn code_is_read_as_it_is_drawn() {
    for text in [
        URI,
        "otpauth://totp/例え:ユーザー?secret=JBSWY3DPEHPK3PXP",
        &"x".repeat(2000),
    ] {
        assert_eq!(Grey::of(text).texts(), [text]);
    }
    assert!(is_picture(&Grey::of(URI).png()));
    assert!(Code::new(&"x".repeat(3000)).is_err());
}

/// Turned, inverted, cut to its edge, shrunk and noisy codes are read.
#[test]
fn code_is_read_from_bad_pictures() {
    let grey = Grey::of(URI);
    let (width, height) = (grey.0, grey.1);
    let mut noise = 1_u32;
    let noisy: Vec<u8> = grey
        .2
        .iter()
        .map(|shade| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let off = (noise >> 24) as i32 % 100 - 50;
            (i32::from(*shade) + off).clamp(0, 255) as u8
        })
        .collect();
    let pictures = [
        (
            "turned",
            grey.map(height, width, |x, y| grey.at(y, height - 1 - x)),
        ),
        (
            "upside down",
            grey.map(width, height, |x, y| grey.at(width - 1 - x, height - 1 - y)),
        ),
        (
            "inverted",
            grey.map(width, height, |x, y| 255 - grey.at(x, y)),
        ),
        (
            "without quiet zone",
            grey.map(width - 64, height - 64, |x, y| grey.at(x + 32, y + 32)),
        ),
        (
            "a quarter",
            grey.map(width / 4, height / 4, |x, y| grey.at(x * 4, y * 4)),
        ),
        ("noisy", Grey(width, height, noisy)),
    ];
    for (name, picture) in pictures {
        assert_eq!(picture.texts(), [URI], "{name}");
    }
}

/// Two codes side by side are both read, once each.
#[test]
fn two_codes_are_both_read() {
    let (one, two) = (Grey::of("first"), Grey::of("other"));
    let both = one.map(one.0 + two.0, one.1.max(two.1), |x, y| {
        if x < one.0 {
            one.at(x, y)
        } else {
            two.at(x - one.0, y)
        }
    });
    assert_eq!(both.texts(), ["first", "other"]);
}

/// A picture without a code has none, and what is no picture is an error.
#[test]
fn pictures_without_codes_have_none() {
    assert!(Grey(100, 100, vec![255; 10_000]).texts().is_empty());
    let png = Grey::of(URI).png();
    for length in [8, 20, png.len() / 2] {
        assert!(decode_picture(&png[..length]).is_err(), "to {length}");
    }
    assert!(decode_picture(b"\xff\xd8\xff\xe0nonsense").is_err());
}

/// SVG and terminal show the quiet zone of four modules, and the same code.
#[test]
fn drawings_have_a_quiet_zone() {
    let code = Code::new(URI).expect("it fits");
    let svg = code.to_svg();
    let side: usize = svg
        .split("viewBox=\"0 0 ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|side| side.parse().ok())
        .expect("a side");
    let places: Vec<(usize, usize)> = svg
        .split('M')
        .skip(1)
        .map(|part| {
            part.split('h')
                .next()
                .expect("a place")
                .split_once(' ')
                .expect("two")
        })
        .map(|(x, y)| (x.parse().expect("x"), y.parse().expect("y")))
        .collect();
    assert!(
        places
            .iter()
            .all(|(x, y)| (4..side - 4).contains(x) && (4..side - 4).contains(y))
    );
    assert!(places.contains(&(4, 4)));
    let text = code.to_text();
    let rows: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
    assert_eq!((rows.len(), rows[0].len()), (side.div_ceil(2), side));
    for (x, y) in places {
        let drawn = rows[y / 2][x];
        assert!(
            drawn == ' ' || drawn == if y % 2 == 0 { '▄' } else { '▀' },
            "{x} {y}"
        );
    }
}
