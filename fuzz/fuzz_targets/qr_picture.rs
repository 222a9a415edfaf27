//! Whatever a picture shows, its codes are read or not. The first byte is the width, and the pixels follow.
#![cfg_attr(feature = "libfuzzer", no_main)]

use otp_vault::qr::{decode_picture, is_picture};

fuzz::fuzz_target!(|bytes: &[u8]| {
    if is_picture(bytes) {
        let _ = decode_picture(bytes);
        return;
    }
    let Some((width, pixels)) = bytes.split_first() else {
        return;
    };
    let width = usize::from(*width).max(1);
    let height = pixels.len() / width;
    if height == 0 {
        return;
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("memory");
    writer
        .write_image_data(&pixels[..width * height])
        .expect("memory");
    drop(writer);
    let _ = decode_picture(&file).expect("a picture");
});
