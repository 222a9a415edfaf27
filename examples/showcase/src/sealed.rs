//! What a browser keeps for us and cannot read: sealed under the server's keys, for one use and one owner.

use core::ops::Deref;

use twofa_providers::token_store::{
    ott_core::{Subject, rand::rngs::SysRng},
    seal::{self, SealedFor},
};

use crate::{app::App, error::AppError};

/// Whoever is there, signed in or not. No account has this id: theirs are random, and longer.
pub(crate) fn anybody() -> Result<Subject, AppError> {
    Subject::new("", "anybody").map_err(AppError::unavailable)
}

/// The text of a cookie.
pub(crate) fn seal(
    app: &App,
    kind: &str,
    owner: &Subject,
    plain: &[u8],
) -> Result<String, AppError> {
    let keys = app.tokens.issuer().keys();
    let sealed = seal::seal(keys, &context(kind, owner), plain, &mut SysRng);
    let sealed = sealed.map_err(AppError::unavailable)?;
    Ok(sealed.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What was sealed for this use and owner; `None` for anything else.
pub(crate) fn open(
    app: &App,
    kind: &str,
    owner: &Subject,
    text: &str,
) -> Option<impl Deref<Target = Vec<u8>> + use<>> {
    let keys = app.tokens.issuer().keys();
    seal::open(keys, &context(kind, owner), &bytes(text)?).ok()
}

/// A cookie has no row: its kind and its owner are all that it belongs to.
fn context<'a>(kind: &'a str, owner: &'a Subject) -> SealedFor<'a> {
    let item = [0; 16];
    SealedFor { owner, item, kind }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let value = |digit: &u8| char::from(*digit).to_digit(16)?.try_into().ok();
    let byte = |pair: &[u8]| match pair {
        [high, low] => {
            let (high, low): (u8, u8) = (value(high)?, value(low)?);
            Some(high << 4 | low)
        }
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}
