//! otpauth URIs and base32.

use std::hint::black_box;

use oath_otp::{Account, Label, Secret, Totp};

use super::{KEY, line};
use crate::rounds::Line;

const URI: &str = "otpauth://totp/Example:alice%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
    &issuer=Example&algorithm=SHA1&digits=6&period=30";

/// Of the peers, totp-rs alone parses them.
pub(super) fn lines() -> [Line; 3] {
    let secret = Secret::from_bytes(&KEY[..20]).expect("a key");
    let label = Label::new("Example", "alice@example.org").expect("a label");
    let totp_rs = totp_rs::Builder::new()
        .with_secret(KEY[..20].to_vec().into_boxed_slice())
        .with_issuer(Some("Example"))
        .with_account_name("alice@example.org")
        .build()
        .expect("a secret");
    let text = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    [
        line(
            "otpauth parse",
            20,
            vec![
                (
                    "oath-otp",
                    Box::new(|| u64::from(black_box(Account::from_uri(black_box(URI))).is_ok())),
                ),
                (
                    "totp-rs",
                    Box::new(|| {
                        u64::from(black_box(totp_rs::Totp::from_url(black_box(URI))).is_ok())
                    }),
                ),
            ],
        ),
        line(
            "otpauth build",
            20,
            vec![
                (
                    "oath-otp",
                    Box::new(move || {
                        let uri = Totp::default()
                            .to_uri(&secret, black_box(&label))
                            .expect("expressible");
                        uri.expose_secret().len() as u64
                    }),
                ),
                (
                    "totp-rs",
                    Box::new(move || black_box(totp_rs.to_url()).expect("a URI").len() as u64),
                ),
            ],
        ),
        line(
            "secret from base32",
            40,
            vec![
                (
                    "oath-otp",
                    Box::new(move || {
                        u64::from(black_box(Secret::from_base32(black_box(text))).is_ok())
                    }),
                ),
                (
                    "totp-rs",
                    Box::new(move || {
                        u64::from(
                            black_box(totp_rs::Secret::try_from_base32(black_box(text))).is_ok(),
                        )
                    }),
                ),
            ],
        ),
    ]
}
