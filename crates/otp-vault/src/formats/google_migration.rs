//! Google Authenticator: `otpauth-migration://` URIs, of which an export has one or more, each a QR code.
//!
//! Source: the message as Aegis and dim13/otpauth describe it; Google publishes none.

use std::collections::{HashMap, HashSet};

use data_encoding::{BASE64, BASE64_NOPAD};
use zeroize::Zeroizing;

use crate::cipher::Plain;
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::formats::protobuf::{Fields, Value, put_bytes, put_varint};
use crate::formats::uri_list::append;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::uri::{self, Plus, after};
use crate::{Algorithm, Entry, EntrySecret, ImportError, Kind, Password, Reason, limits};

const SCHEME: &str = "otpauth-migration://";

/// What one code carries: Google's own application takes ten.
const ENTRIES_A_URI: usize = 10;

pub(crate) fn recognise(file: &File<'_>) -> bool {
    lines(file.text()).any(|line| after(line, SCHEME).is_some())
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// One code of an export.
#[derive(Default)]
struct Part {
    payload: Plain,
    entries: Vec<(String, Result<Entry, Reason>)>,
    size: u64,
    index: u64,
    id: u64,
}

/// Parts may come in any order and more than once. One that is missing is reported.
pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let mut parts: Vec<Part> = Vec::new();
    let mut accounts: usize = 0;
    for line in lines(file.text()) {
        let part = part(line).ok_or(unlock.damaged())?;
        accounts = accounts.saturating_add(part.entries.len());
        if parts.len() >= limits::MIGRATION_PARTS || accounts > limits::ENTRIES {
            return Err(ImportError::TooMuchWork);
        }
        parts.push(part);
    }
    let mut known = HashSet::new();
    let is_new: Vec<bool> = parts
        .iter()
        .map(|part| known.insert(part.payload.as_slice()))
        .collect();
    drop(known);
    let mut is_new = is_new.into_iter();
    parts.retain(|_| is_new.next().unwrap_or_default());
    // Exports in the order in which they came, each in the order of its parts.
    let mut places: HashMap<u64, usize> = HashMap::new();
    for (place, part) in parts.iter().enumerate() {
        places.entry(part.id).or_insert(place);
    }
    parts.sort_by_key(|part| (places.get(&part.id).copied(), part.index));
    let mut report = Report::default();
    let mut index: usize = 0;
    let mut missing = Vec::new();
    for batch in parts.chunk_by_mut(|a, b| a.id == b.id) {
        let size = batch.iter().map(|part| part.size).max().unwrap_or_default();
        let indices: HashSet<u64> = batch.iter().map(|part| part.index).collect();
        // No export has more parts than this; a number out of range is a mistake of its maker.
        let absent = (0..size.min(100)).filter(|at| !indices.contains(at));
        missing.extend(absent.map(|at| (at.saturating_add(1), size)));
        for (name, entry) in batch.iter_mut().flat_map(|part| part.entries.drain(..)) {
            report.note(index, &name, entry);
            index = index.saturating_add(1);
        }
    }
    for (at, size) in missing {
        report.note(
            index,
            &format!("part {at} of {size}"),
            Err(Reason::MissingPart),
        );
    }
    Ok(report)
}

fn part(line: &str) -> Option<Part> {
    let (host, query) = after(line, SCHEME)?.split_once('?')?;
    if !host.trim_end_matches('/').eq_ignore_ascii_case("offline") {
        return None;
    }
    let data = query
        .split('&')
        .find_map(|parameter| parameter.strip_prefix("data="))?;
    let mut data = base64(&uri::decode(data, Plus::Literal).ok()?);
    while data.last() == Some(&b'=') {
        data.pop();
    }
    let payload = BASE64_NOPAD.decode(&data).ok()?;
    let mut part = Part {
        payload: Zeroizing::new(payload),
        ..Part::default()
    };
    let (mut entries, mut empty) = (Vec::new(), true);
    for field in Fields(&part.payload) {
        empty = false;
        match field? {
            // One too many is enough to refuse them all.
            (1, Value::Bytes(_)) if entries.len() > limits::ENTRIES => {}
            (1, Value::Bytes(message)) => entries.push(parameters(message)?),
            (3, Value::Varint(size)) => part.size = size,
            (4, Value::Varint(index)) => part.index = index,
            (5, Value::Varint(id)) => part.id = id,
            (2..=5, Value::Bytes(_) | Value::Fixed) => return None,
            (1, _) => return None,
            _ => {}
        }
    }
    part.entries = entries;
    (!empty).then_some(part)
}

/// The usual alphabet for the one of URLs. A plus is one, also where a form decoder made a blank of it.
fn base64(text: &str) -> Plain {
    // Room for all of it, so that no shorter copy is left behind.
    let mut data = Zeroizing::new(Vec::with_capacity(text.len()));
    data.extend(text.bytes().map(|byte| match byte {
        b' ' | b'-' => b'+',
        b'_' => b'/',
        byte => byte,
    }));
    data
}

/// One account. `None` where the message is malformed, so that all of it is damaged.
fn parameters(message: &[u8]) -> Option<(String, Result<Entry, Reason>)> {
    let (mut secret, mut name, mut issuer) = (&[][..], "", "");
    let (mut algorithm, mut digits, mut kind, mut counter) = (0, 0, 0, 0);
    for field in Fields(message) {
        match field? {
            (1, Value::Bytes(bytes)) => secret = bytes,
            (2, Value::Bytes(bytes)) => name = core::str::from_utf8(bytes).ok()?,
            (3, Value::Bytes(bytes)) => issuer = core::str::from_utf8(bytes).ok()?,
            (4, Value::Varint(value)) => algorithm = value,
            (5, Value::Varint(value)) => digits = value,
            (6, Value::Varint(value)) => kind = value,
            (7, Value::Varint(value)) => counter = value,
            (1..=7, _) => return None,
            _ => {}
        }
    }
    Some((
        name.to_owned(),
        entry(secret, name, issuer, algorithm, digits, kind, counter),
    ))
}

fn entry(
    secret: &[u8],
    name: &str,
    issuer: &str,
    algorithm: u64,
    digits: u64,
    kind: u64,
    counter: u64,
) -> Result<Entry, Reason> {
    let (issuer, account) = match name.split_once(':') {
        Some((front, account)) if issuer.is_empty() || front == issuer => {
            (front, account.trim_start())
        }
        _ => (
            issuer,
            name.strip_prefix(issuer)
                .and_then(|rest| rest.strip_prefix(':'))
                .unwrap_or(name),
        ),
    };
    let draft = Draft {
        // Old clients leave out what has its usual value.
        kind: match kind {
            1 => "hotp",
            0 | 2 => "totp",
            _ => return Err(Reason::Type),
        },
        issuer,
        account,
        algorithm: match algorithm {
            0 | 1 => "SHA1",
            2 => "SHA256",
            3 => "SHA512",
            4 => "MD5",
            _ => return Err(Reason::Algorithm),
        },
        digits: match digits {
            0 | 1 => Some(6),
            2 => Some(8),
            _ => return Err(Reason::Digits),
        },
        period: Some(30),
        counter: Some(
            i64::try_from(counter)
                .map_err(|_| Reason::Counter)
                .map(|_| counter)?,
        ),
        pin: None,
    };
    draft.with(EntrySecret::from_bytes(secret)?)
}

/// Six or eight digits, 30 seconds, and counters below 2⁶³.
pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    match entry.kind {
        Kind::Totp(30) => {}
        Kind::Hotp(counter) if i64::try_from(counter).is_ok() => {}
        Kind::Totp(_) => return Err(Reason::Period),
        Kind::Hotp(_) => return Err(Reason::Counter),
        _ => return Err(Reason::Type),
    }
    if !matches!(entry.digits, 6 | 8) {
        return Err(Reason::Digits);
    }
    Ok(())
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    let id = u64::from(u32::from_be_bytes(crate::cipher::random::<4>()?) & 0x7fff_ffff);
    let size = entries.len().div_ceil(ENTRIES_A_URI) as u64;
    let mut file = Plain::default();
    for (index, part) in (0..).zip(entries.chunks(ENTRIES_A_URI)) {
        let mut payload = Zeroizing::new(Vec::with_capacity(1 << 16));
        for entry in part {
            put_bytes(&mut payload, 1, &message(entry));
        }
        put_varint(&mut payload, 2, 1);
        put_varint(&mut payload, 3, size);
        put_varint(&mut payload, 4, index);
        put_varint(&mut payload, 5, id);
        let base64 = Zeroizing::new(BASE64.encode(&payload));
        let mut escaped = Zeroizing::new(String::with_capacity(base64.len().saturating_mul(2)));
        uri::escape(&mut escaped, &base64, "%20");
        append(&mut file, b"otpauth-migration://offline?data=");
        append(&mut file, escaped.as_bytes());
        append(&mut file, b"\n");
    }
    Ok(file)
}

fn message(entry: &Entry) -> Plain {
    let mut message = Zeroizing::new(Vec::with_capacity(4096));
    put_bytes(&mut message, 1, &entry.secret.bytes());
    // Google's application shows the name alone, so that the issuer stands in both.
    let name = match entry.issuer.as_str() {
        "" if entry.account.contains(':') => format!(":{}", entry.account),
        "" => entry.account.clone(),
        issuer => format!("{issuer}:{}", entry.account),
    };
    put_bytes(&mut message, 2, name.as_bytes());
    put_bytes(&mut message, 3, entry.issuer.as_bytes());
    let algorithm = match entry.algorithm {
        Algorithm::Sha1 => 1,
        Algorithm::Sha256 => 2,
        Algorithm::Sha512 => 3,
        Algorithm::Md5 => 4,
    };
    put_varint(&mut message, 4, algorithm);
    put_varint(&mut message, 5, if entry.digits == 8 { 2 } else { 1 });
    put_varint(
        &mut message,
        6,
        if entry.counter().is_some() { 1 } else { 2 },
    );
    if let Some(counter) = entry.counter() {
        put_varint(&mut message, 7, counter);
    }
    message
}
