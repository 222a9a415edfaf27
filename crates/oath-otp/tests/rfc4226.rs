//! RFC 4226, appendix D: every column of both tables, and the example of section 5.4.

use hmac::{Hmac, KeyInit, Mac};
use oath_otp::{Code, Digits, Hotp, Secret};

const SECRET: &[u8] = b"12345678901234567890";

/// Table 1 (count, HMAC-SHA-1) joined with table 2 (truncated hexadecimal, decimal, HOTP).
const TABLE: [(u64, &str, u32, u32, &str); 10] = [
    (
        0,
        "cc93cf18508d94934c64b65d8ba7667fb7cde4b0",
        0x4c93_cf18,
        1_284_755_224,
        "755224",
    ),
    (
        1,
        "75a48a19d4cbe100644e8ac1397eea747a2d33ab",
        0x4139_7eea,
        1_094_287_082,
        "287082",
    ),
    (
        2,
        "0bacb7fa082fef30782211938bc1c5e70416ff44",
        0x082f_ef30,
        137_359_152,
        "359152",
    ),
    (
        3,
        "66c28227d03a2d5529262ff016a1e6ef76557ece",
        0x66ef_7655,
        1_726_969_429,
        "969429",
    ),
    (
        4,
        "a904c900a64b35909874b33e61c5938a8e15ed1c",
        0x61c5_938a,
        1_640_338_314,
        "338314",
    ),
    (
        5,
        "a37e783d7b7233c083d4f62926c7a25f238d0316",
        0x33c0_83d4,
        868_254_676,
        "254676",
    ),
    (
        6,
        "bc9cd28561042c83f219324d3c607256c03272ae",
        0x7256_c032,
        1_918_287_922,
        "287922",
    ),
    (
        7,
        "a4fb960c0bc06e1eabb804e5b397cdc4b45596fa",
        0x04e5_b397,
        82_162_583,
        "162583",
    ),
    (
        8,
        "1b3c89f65e6c9e883012052823443f048b4332db",
        0x2823_443f,
        673_399_871,
        "399871",
    ),
    (
        9,
        "1637409809a679dc698207310c8c7fc07290d9e5",
        0x2679_dc69,
        645_520_489,
        "520489",
    ),
];

/// The column HOTP.
#[test]
fn appendix_d_codes() {
    let secret = Secret::from_bytes(SECRET).unwrap();
    for (counter, .., code) in TABLE {
        assert_eq!(
            Hotp::default().generate(&secret, counter).expose_secret(),
            code
        );
    }
}

/// Ten digits show the truncated value whole, so the intermediate columns are seen from outside.
#[test]
fn appendix_d_truncated_values() {
    let secret = Secret::from_bytes(SECRET).unwrap();
    let whole = Hotp {
        digits: Digits::Ten,
        ..Hotp::default()
    };
    for (counter, _, hexadecimal, decimal, code) in TABLE {
        assert_eq!(hexadecimal, decimal);
        let text = whole.generate(&secret, counter);
        assert_eq!(text.expose_secret(), format!("{decimal:010}"));
        assert!(text.expose_secret().ends_with(code));
    }
}

/// The HMAC column, with the plain `hmac` crate, so that the table itself is checked.
#[test]
fn appendix_d_intermediate_hmacs() {
    for (counter, hex, truncated, ..) in TABLE {
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(SECRET).unwrap();
        mac.update(&counter.to_be_bytes());
        let mac = mac.finalize().into_bytes();
        let text: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, hex);
        let offset = usize::from(mac[19] & 0xf);
        let word = u32::from_be_bytes(mac[offset..offset + 4].try_into().unwrap());
        assert_eq!(word & 0x7fff_ffff, truncated);
    }
}

/// An HMAC of 16 bytes is truncated by the same rule, as far as its last four bits name four bytes. The second and the first
/// HMAC-MD5 of RFC 2202, section 2; then every offset.
#[test]
fn short_mac_is_truncated_where_it_reaches() {
    let code = |mac: u128| {
        let code = Code::of_short_mac(&mac.to_be_bytes(), Digits::Ten)?;
        Some(String::from(code.expose_secret()))
    };
    let second = 0x750c_783e_6ab0_b503_eaa8_6e31_0a5d_b738;
    assert_eq!(code(second), Some(format!("{:010}", 0x6aa8_6e31)));
    assert_eq!(code(0x9294_727a_3638_bb1c_13f4_8ef8_158b_fc9d), None);
    let counting = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e00_u128;
    for offset in 0..=15_u8 {
        let told = code(counting | u128::from(offset));
        let mut bytes = [offset, offset + 1, offset + 2, offset + 3];
        if offset == 12 {
            bytes[3] = 12;
        }
        let value = u32::from_be_bytes(bytes);
        assert_eq!(told, (offset <= 12).then(|| format!("{value:010}")));
    }
}

/// Each code is accepted as its counter, after the one before.
#[test]
fn appendix_d_codes_verify_in_order() {
    let secret = Secret::from_bytes(SECRET).unwrap();
    let mut last = None;
    for (counter, .., code) in TABLE {
        let found = Hotp::default().verify(&secret, code, last).unwrap().get();
        assert_eq!(found, counter);
        last = Some(found);
    }
}
