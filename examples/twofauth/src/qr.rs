//! QR codes.

use axum::extract::Path;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use otp_vault::qr;
use serde_json::json;

use crate::{
    answer::{Answer, ApiError, ok},
    call::{Call, id},
    twofaccounts::own,
    uri,
};

pub(crate) async fn of_account(call: Call, Path(of): Path<String>) -> Answer {
    let account = own(&call, id(&of)?).await?;
    let uri = uri::write(&account.kept.entry);
    let code = qr::Code::new(&uri);
    let code = code.map_err(|_| ApiError::bad("The account does not fit a QR code"))?;
    let svg = STANDARD.encode(code.to_svg().as_bytes());
    ok(&json!({"qrcode": format!("data:image/svg+xml;base64,{svg}")}))
}

/// Whether the bytes are those of a picture, whose code we look for.
fn is_picture(bytes: &[u8]) -> bool {
    qr::is_picture(bytes)
        || bytes.starts_with(b"GIF8")
        || bytes.starts_with(b"BM")
        || (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"))
}

pub(crate) async fn decode(call: Call) -> Answer {
    let picture = call.visit.file("qrcode").await?;
    if !is_picture(&picture) {
        return Err(ApiError::invalid(
            "qrcode",
            "The qrcode field must be an image.",
        ));
    }
    let read = tokio::task::spawn_blocking(move || qr::decode_picture(&picture));
    let read = read.await.map_err(|error| ApiError::outage(&error))?;
    let texts = read.map_err(|_| ApiError::bad("No readable QR code"))?;
    let undetected = "Cannot detect a QR code in the image, try to crop the image";
    let text = texts.first().ok_or_else(|| ApiError::bad(undetected))?;
    // A migration's base64 has escapes of its own.
    if text.starts_with("otpauth-migration://") {
        return ok(&json!({"data": text.as_str()}));
    }
    ok(&json!({"data": decoded(text)}))
}

/// Resolves percent escapes; a broken one stays as it is written.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| {
            behind
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (*first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high << 4 | low).unwrap_or(b'?'));
                rest = behind.get(2..).unwrap_or_default();
            }
            (byte, ..) => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
