//! Base32 of secrets: RFC 4648 section 10, what people copy, and what must not become another key.

use oath_otp::{Secret, SecretError};

/// RFC 4648 section 10.
const RFC: [(&str, &str); 6] = [
    ("f", "MY======"),
    ("fo", "MZXQ===="),
    ("foo", "MZXW6==="),
    ("foob", "MZXW6YQ="),
    ("fooba", "MZXW6YTB"),
    ("foobar", "MZXW6YTBOI======"),
];

/// The table of RFC 4648 section 10, read and written.
#[test]
fn base32_of_rfc_4648_section_10() {
    for (plain, padded) in RFC {
        let bare = padded.trim_end_matches('=');
        assert_eq!(
            Secret::import_short(plain.as_bytes())
                .unwrap()
                .to_base32()
                .expose_secret(),
            bare
        );
        for text in [padded, bare] {
            let secret = Secret::import_short_base32(text).unwrap();
            assert_eq!(secret.expose_secret(), plain.as_bytes());
        }
    }
}

/// Either case, blanks, dashes and right padding are read.
#[test]
fn base32_as_people_write_it() {
    for text in [
        "mzxw6ytboi",
        "MzXw6yTbOi",
        "MZXW 6YTB OI",
        "mzxw-6ytb-oi",
        " MZXW6YTBOI\n",
        "MZXW\t6YTB\r\nOI",
        "MZXW6YTBOI======",
        "MZXW 6YTB OI== ====",
    ] {
        assert_eq!(
            Secret::import_short_base32(text).unwrap().expose_secret(),
            b"foobar",
            "{text:?}"
        );
    }
}

/// A number of symbols that no bytes have is refused.
#[test]
fn base32_of_impossible_length_is_refused() {
    for text in [
        "M",
        "MZX",
        "MZXW6Y",
        "MZXW6YTBO",
        "MZXW6YTBOI2",
        "MZXW6YTBOI2AAA",
        "M=======",
        "MZX=====",
    ] {
        assert_eq!(
            Secret::import_short_base32(text).unwrap_err(),
            SecretError::NotBase32,
            "{text}"
        );
    }
}

/// The last symbol of `MY` carries two bits of the byte and three zeros: each other ending is refused.
#[test]
fn base32_with_stray_bits_is_refused() {
    for text in [
        "MZ", "M3", "MZXR", "MZXW7", "MZXW6YR", "MZXW7===", "MZXW6YR=",
    ] {
        assert_eq!(
            Secret::import_short_base32(text).unwrap_err(),
            SecretError::NotBase32,
            "{text}"
        );
    }
}

/// Padding that is too short, too long or in the middle is refused.
#[test]
fn base32_with_wrong_padding_is_refused() {
    for text in [
        "MZXW6=",
        "MZXW6==",
        "MZXW6====",
        "MZXW6YTB========",
        "MZXW6YTBOI=",
        "MZ=XW6==",
        "MY======MZXQ====",
        "=MZXW6YTB",
        "========",
    ] {
        assert_eq!(
            Secret::import_short_base32(text).unwrap_err(),
            SecretError::NotBase32,
            "{text}"
        );
    }
}

/// Characters outside of the alphabet are refused, also those that look like one of it.
#[test]
fn base32_with_foreign_characters_is_refused() {
    // 0, 1, 8 and 9 look like O, I, B and g: a typing error, not another key.
    for text in [
        "MZXW0YTB",
        "MZXW1YTB",
        "MZXW8YTB",
        "MZXW9YTB",
        "MZXW_YTB",
        "MZXW+YTB",
        "MZXW\0YTB",
        "МZXW6YTB",
        "MZXWßYTB",
        "MZXW6YT🔑",
        "MZXW6YTBOI\0",
        "MZXW6YTB!",
        "MZXW6==é",
    ] {
        assert_eq!(
            Secret::import_short_base32(text).unwrap_err(),
            SecretError::NotBase32,
            "{text}"
        );
    }
}

/// Blanks are ignored, and yet a text has an end: twice the symbols of the longest secret.
#[test]
fn base32_text_has_an_end() {
    let text = |length: usize| format!("{:>length$}", "MZXW6YTBOI");
    let read = |length| {
        let secret = Secret::import_short_base32(&text(length))?;
        Ok(secret.expose_secret().to_vec())
    };
    assert_eq!(read(3277), Ok(b"foobar".to_vec()));
    assert_eq!(read(3278), Err(SecretError::TooLong));
    assert_eq!(read(4000), Err(SecretError::TooLong));
}

/// No symbol at all is refused.
#[test]
fn base32_of_nothing_is_refused() {
    for text in ["", " ", "--", "\n"] {
        assert_eq!(
            Secret::import_short_base32(text).unwrap_err(),
            SecretError::Empty,
            "{text:?}"
        );
        assert_eq!(
            Secret::from_base32(text).unwrap_err(),
            SecretError::Empty,
            "{text:?}"
        );
    }
}
