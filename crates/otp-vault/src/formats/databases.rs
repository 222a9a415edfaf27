//! The databases of Google Authenticator and Microsoft Authenticator on Android.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::entry::Draft;
use crate::file::File;
use crate::formats::sqlite::{self, Table, Value};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Reason};

fn accounts(file: &File<'_>, column: &str) -> Option<Table> {
    file.bytes
        .starts_with(sqlite::MAGIC)
        .then(|| sqlite::table(file.bytes, "accounts"))
        .flatten()
        .filter(|table| table.has(column))
}

pub(crate) fn is_google(file: &File<'_>) -> bool {
    accounts(file, "secret").is_some_and(|table| table.has("email"))
}

pub(crate) fn read_google(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let table = accounts(file, "secret").ok_or(unlock.damaged())?;
    Ok(Report::of(&table.rows, unlock.progress, |row| {
        (table.text(row, "email").into(), google(&table, row))
    }))
}

fn google(table: &Table, row: &[Value]) -> Result<Entry, Reason> {
    let (email, issuer) = (table.text(row, "email"), table.text(row, "issuer"));
    let (issuer, account) = match email.split_once(':') {
        Some((front, account)) if issuer.is_empty() => (front, account.trim_start()),
        _ => (
            issuer,
            email
                .strip_prefix(issuer)
                .and_then(|rest| rest.strip_prefix(':'))
                .unwrap_or(email),
        ),
    };
    let counter = u64::try_from(table.number(row, "counter").unwrap_or_default())
        .map_err(|_| Reason::Counter)?;
    let draft = Draft {
        kind: match table.number(row, "type") {
            Some(0) => "totp",
            Some(1) => "hotp",
            _ => return Err(Reason::Type),
        },
        issuer,
        account,
        counter: Some(counter),
        ..Draft::default()
    };
    draft.with(EntrySecret::from_base32(table.text(row, "secret"))?)
}

pub(crate) fn is_microsoft(file: &File<'_>) -> bool {
    accounts(file, "oath_secret_key").is_some()
}

pub(crate) fn read_microsoft(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let table = accounts(file, "oath_secret_key").ok_or(unlock.damaged())?;
    Ok(Report::of(&table.rows, unlock.progress, |row| {
        (table.text(row, "name").into(), microsoft(&table, row))
    }))
}

/// Other services' accounts are of type 0; Microsoft's own, of type 1, have eight digits and base64.
fn microsoft(table: &Table, row: &[Value]) -> Result<Entry, Reason> {
    let text = table.text(row, "oath_secret_key");
    let (secret, digits) = match table.number(row, "account_type") {
        Some(0) => (EntrySecret::from_base32(text)?, 6),
        Some(1) => {
            let bytes = BASE64
                .decode(text.as_bytes())
                .map_err(|_| Reason::BadSecret)?;
            (EntrySecret::from_bytes(&Zeroizing::new(bytes))?, 8)
        }
        _ => return Err(Reason::Type),
    };
    let draft = Draft {
        kind: "totp",
        issuer: table.text(row, "name"),
        account: table.text(row, "username"),
        digits: Some(digits),
        ..Draft::default()
    };
    draft.with(secret)
}
