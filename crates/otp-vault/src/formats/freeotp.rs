//! FreeOTP: shared preferences of version 1, the serialized map of version 2, whose secrets are under a password.
//!
//! Source: freeotp/freeotp-android; Java Object Serialization Specification, chapter 6.

use std::collections::HashMap;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::cipher::{Plain, open_gcm};
use crate::file::File;
use crate::formats::freeotp_plus::{entry, signed_bytes};
use crate::formats::preferences;
use crate::json::{Fields, Json};
use crate::kdf::{Prf, pbkdf2};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{ImportError, Reason};

const STREAM: &[u8] = b"\xac\xed\0\x05";

/// A hash map of Java with its serial version and its two fields, and no other class.
const HASH_MAP: &[u8] = b"sr\0\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\0\x02F\0\x0aloadFactorI\0\x09thresholdxp";

pub(crate) fn is_xml(file: &File<'_>) -> bool {
    preferences::names(file, "issuerExt") || preferences::names(file, "tokenOrder")
}

pub(crate) fn read_xml(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let texts = preferences::read(file, unlock)?;
    let mut report = Report::default();
    for (index, (name, text)) in texts
        .iter()
        .filter(|(name, _)| name != "tokenOrder")
        .enumerate()
    {
        let json = Json::parse(text.as_bytes()).ok_or(unlock.damaged())?;
        report.note(
            index,
            name,
            entry(json.root(), signed_bytes(json.root().field("secret"))),
        );
    }
    Ok(report)
}

pub(crate) fn is_serialized(file: &File<'_>) -> bool {
    file.bytes.starts_with(STREAM)
}

pub(crate) fn read_serialized(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let map = texts(file.bytes).ok_or(unlock.damaged())?;
    let texts: HashMap<&str, &str> = map
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let json = |key: &str| Json::parse(texts.get(key)?.as_bytes());
    let master = json("masterKey").ok_or(unlock.damaged())?;
    let master = master.root();
    let prf = match master.text("mAlgorithm") {
        "PBKDF2withHmacSHA512" => Prf::Sha512,
        "PBKDF2withHmacSHA256" => Prf::Sha256,
        "PBKDF2withHmacSHA1" => Prf::Sha1,
        _ => return Err(unlock.damaged()),
    };
    let iterations = master
        .number("mIterations", Reason::Form)
        .ok()
        .flatten()
        .filter(|count| *count > 0);
    let salt = signed_bytes(master.field("mSalt")).map_err(|_| unlock.damaged())?;
    let key = pbkdf2::<32>(prf, iterations.ok_or(unlock.damaged())?, unlock, &salt)?;
    let key = open(&key, master.field("mEncryptedKey")).ok_or(unlock.wrong())?;
    let key: Zeroizing<[u8; 32]> =
        Zeroizing::new(key.as_slice().try_into().map_err(|_| unlock.damaged())?);

    // The secrets' own order: a hash map has no other.
    let mut report = Report::default();
    let (tokens, ids): (Vec<&str>, Vec<&str>) = map
        .iter()
        .map(|(id, _)| id.as_str())
        .filter(|id| *id != "masterKey")
        .partition(|id| id.ends_with("-token"));
    // Each account is a secret and its token: one without the other was lost on the way.
    if tokens.len() != ids.len() {
        return Err(unlock.damaged());
    }
    for (index, id) in ids.into_iter().enumerate() {
        let token = json(&format!("{id}-token")).ok_or(unlock.damaged())?;
        let sealed = json(id).ok_or(unlock.damaged())?;
        let sealed = Json::parse(sealed.root().text("key").as_bytes()).ok_or(unlock.damaged())?;
        let secret = open(&key, sealed.root()).ok_or(unlock.damaged())?;
        report.note(
            index,
            token.root().text("label"),
            entry(token.root(), Ok(secret)),
        );
    }
    Ok(report)
}

/// AES-GCM with the nonce in its parameters, and the name of what is sealed as associated data.
fn open(key: &[u8; 32], sealed: &Value) -> Option<Plain> {
    let text = signed_bytes(sealed.field("mCipherText")).ok()?;
    let parameters = signed_bytes(sealed.field("mParameters")).ok()?;
    // An ASN.1 sequence of the nonce and the length of the tag, or the nonce alone (RFC 5084 section 3.2).
    let at = parameters
        .windows(2)
        .position(|pair| pair == [4, 12])?
        .checked_add(2)?;
    let nonce = parameters.get(at..)?.get(..12)?;
    open_gcm(key, nonce, &text, sealed.text("mToken").as_bytes())
}

type Texts = Vec<(Zeroizing<String>, Zeroizing<String>)>;

/// The texts of a map of texts. Whatever else is in the stream makes it malformed.
fn texts(stream: &[u8]) -> Option<Texts> {
    let rest = stream.strip_prefix(STREAM)?.strip_prefix(HASH_MAP)?;
    // Load factor and threshold, then a block of eight bytes: the buckets and how many pairs there are.
    let rest = rest.get(8..)?.strip_prefix(b"w\x08")?;
    let (count, mut rest) = rest.get(4..)?.split_first_chunk::<4>()?;
    let mut map = Texts::new();
    for _ in 0..u32::from_be_bytes(*count) {
        map.push((text(&mut rest)?, text(&mut rest)?));
    }
    (rest == b"x").then_some(map)
}

fn text(rest: &mut &[u8]) -> Option<Zeroizing<String>> {
    let (tag, behind) = rest.split_first()?;
    let (length, behind) = match tag {
        b't' => behind
            .split_first_chunk::<2>()
            .map(|(length, behind)| (u64::from(u16::from_be_bytes(*length)), behind))?,
        b'|' => behind
            .split_first_chunk::<8>()
            .map(|(length, behind)| (u64::from_be_bytes(*length), behind))?,
        _ => return None,
    };
    let (bytes, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = behind;
    Some(Zeroizing::new(core::str::from_utf8(bytes).ok()?.to_owned()))
}
