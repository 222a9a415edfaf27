//! Battle.net: shared preferences of Android, with a secret that a fixed mask hides.

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use crate::entry::Draft;
use crate::file::File;
use crate::formats::preferences;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{EntrySecret, ImportError, Reason};

const SECRET: &str = "com.blizzard.messenger.AUTHENTICATOR_DEVICE_SECRET";
const SERIAL: &str = "com.blizzard.messenger.AUTHENTICATOR_SERIAL";

/// Known to everybody: it hides nothing, and no cipher is meant by it.
const MASK: &[u8] = b"\x39\x8e\x27\xfc\x50\x27\x6a\x65\x60\x65\xb0\xe5\x25\xf4\xc0\x6c\x04\xc6\x10\x75\x28\x6b\x8e\x7a\xed\xa5\x9d\xa9\
\x81\x3b\x5d\xd6\xc8\x0d\x2f\xb3\x80\x68\x77\x3f\xa5\x9b\xa4\x7c\x17\xca\x6c\x64\x79\x01\x5c\x1d\x5b\x8b\x8f\x6b\x9a";

pub(crate) fn recognise(file: &File<'_>) -> bool {
    preferences::names(file, SECRET)
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let texts = preferences::read(file, unlock)?;
    let text = |key| {
        texts
            .iter()
            .find(|(name, _)| name == key)
            .and_then(|(_, text)| unmask(text))
    };
    let serial = text(SERIAL).unwrap_or_default();
    let secret = text(SECRET).ok_or(unlock.damaged())?;
    let secret = HEXLOWER_PERMISSIVE
        .decode(secret.as_bytes())
        .map_err(|_| unlock.damaged())?;
    let secret = EntrySecret::from_bytes(&Zeroizing::new(secret));
    let draft = Draft {
        kind: "totp",
        issuer: "Battle.net",
        account: &serial,
        digits: Some(8),
        ..Draft::default()
    };
    let mut report = Report::default();
    report.note(
        0,
        &serial,
        secret
            .and_then(|secret| draft.with(secret))
            .map_err(|_| Reason::BadSecret),
    );
    Ok(report)
}

fn unmask(text: &str) -> Option<Zeroizing<String>> {
    let masked = HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .ok()
        .filter(|masked| masked.len() <= MASK.len())?;
    let bytes = Zeroizing::new(
        masked
            .iter()
            .zip(MASK)
            .map(|(byte, mask)| byte ^ mask)
            .collect::<Vec<u8>>(),
    );
    core::str::from_utf8(&bytes)
        .ok()
        .map(|text| Zeroizing::new(text.to_owned()))
}
