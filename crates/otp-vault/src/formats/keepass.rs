//! KeePass: the accounts in a database's XML document.
//!
//! One entry may hold several: `otp` of KeePassXC (a URI) and of KeeOtp, `TimeOtp-…` and `HmacOtp-…` of KeePass 2,
//! `TOTP Seed` of older programs. Older versions of an entry are none of them. What lies in the recycle bin is read, in a
//! group of that name.
//!
//! Source: keepass.info, "One-time passwords" among the placeholders; the documentations of KeePassXC and KeeOtp.

use std::collections::HashMap;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use roxmltree::{Node, NodeId};
use zeroize::Zeroizing;

use crate::entry::Draft;
use crate::formats::kdbx_stream::Stream;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::uri::{self, after};
use crate::xml::{self, XmlError};
use crate::{Entry, EntrySecret, Icon, ImportError, Reason};

/// Elements and texts of a document.
const NODES: u32 = 1 << 21;

type Hidden = HashMap<NodeId, Zeroizing<Vec<u8>>>;

/// Fields of an entry, by name.
struct Fields<'a>(HashMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    /// A field that is there and says something.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0
            .get(name)
            .copied()
            .filter(|value| !value.trim().is_empty())
    }

    fn number(&self, name: &str, wrong: Reason) -> Result<Option<u64>, Reason> {
        self.get(name)
            .map(|text| number(text).ok_or(wrong))
            .transpose()
    }

    /// A secret in whichever encoding it is spelled: as it is, `-Hex`, `-Base32`, `-Base64`.
    fn secret(&self, name: &str) -> Option<Result<EntrySecret, Reason>> {
        let spelled = |encoding: &str| self.get(&format!("{name}{encoding}"));
        if let Some(text) = spelled("-Base32") {
            return Some(EntrySecret::from_base32(text));
        }
        let decoded = |bytes: Result<Vec<u8>, _>| {
            let bytes = bytes.map_err(|_: data_encoding::DecodeError| Reason::BadSecret)?;
            EntrySecret::from_bytes(&Zeroizing::new(bytes))
        };
        if let Some(text) = spelled("-Hex") {
            return Some(decoded(HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes())));
        }
        if let Some(text) = spelled("-Base64") {
            return Some(decoded(BASE64.decode(text.trim().as_bytes())));
        }
        spelled("").map(|text| EntrySecret::from_bytes(text.as_bytes()))
    }

    fn draft(&self, kind: &'a str) -> Draft<'a> {
        Draft {
            kind,
            issuer: self.get("Title").unwrap_or_default(),
            account: self.get("UserName").unwrap_or_default(),
            ..Draft::default()
        }
    }

    /// Every account of the entry.
    fn accounts(&self) -> Vec<Result<Entry, Reason>> {
        let all = [self.otp(), self.time_otp(), self.hmac_otp(), self.seed()];
        let mut found: Vec<Result<Entry, Reason>> = Vec::new();
        for account in all.into_iter().flatten() {
            // Programs that know each other's fields fill in several.
            let is_known = account.as_ref().is_ok_and(|account| {
                found
                    .iter()
                    .flatten()
                    .any(|known| known.has_codes_of(account))
            });
            if !is_known {
                found.push(account);
            }
        }
        found
    }

    fn otp(&self) -> Option<Result<Entry, Reason>> {
        let text = self.get("otp")?.trim();
        if after(text, "key=").is_some() || text.contains("&key=") {
            return Some(self.keeotp(text));
        }
        Some(uri::read(text).map(|mut entry| {
            if entry.issuer.is_empty() && entry.account.is_empty() {
                let named = self.draft("");
                entry.issuer = named.issuer.into();
                entry.account = named.account.into();
            }
            entry
        }))
    }

    /// KeeOtp's own spelling: `key=…&step=30&size=6`.
    fn keeotp(&self, text: &str) -> Result<Entry, Reason> {
        let mut draft = self.draft("totp");
        let mut secret = None;
        for parameter in text.split('&') {
            let (name, value) = parameter.split_once('=').ok_or(Reason::Form)?;
            match name.to_ascii_lowercase().as_str() {
                "key" => secret = Some(uri::decode(value, uri::Plus::Literal)?),
                "step" => draft.period = Some(number(value).ok_or(Reason::Period)?),
                "size" => draft.digits = Some(number(value).ok_or(Reason::Digits)?),
                "counter" => draft.counter = Some(number(value).ok_or(Reason::Counter)?),
                "type" => draft.kind = value,
                "otphashmode" => draft.algorithm = value,
                // How the secret is spelled, of which base32 is the usual one.
                "encoding" if value.eq_ignore_ascii_case("base32") => {}
                _ => return Err(Reason::Form),
            }
        }
        draft.with(EntrySecret::from_base32(&secret.ok_or(Reason::NoSecret)?)?)
    }

    fn time_otp(&self) -> Option<Result<Entry, Reason>> {
        let secret = self.secret("TimeOtp-Secret")?;
        let entry = || {
            let mut draft = self.draft("totp");
            draft.digits = self.number("TimeOtp-Length", Reason::Digits)?;
            draft.period = self.number("TimeOtp-Period", Reason::Period)?;
            draft.algorithm = match self.get("TimeOtp-Algorithm").map(str::trim) {
                None | Some("HMAC-SHA-1") => "SHA1",
                Some("HMAC-SHA-256") => "SHA256",
                Some("HMAC-SHA-512") => "SHA512",
                Some(_) => return Err(Reason::Algorithm),
            };
            draft.with(secret?)
        };
        Some(entry())
    }

    /// Six digits and SHA-1, always.
    fn hmac_otp(&self) -> Option<Result<Entry, Reason>> {
        let secret = self.secret("HmacOtp-Secret")?;
        let entry = || {
            let mut draft = self.draft("hotp");
            draft.counter = self.number("HmacOtp-Counter", Reason::Counter)?;
            draft.with(secret?)
        };
        Some(entry())
    }

    /// `TOTP Seed`, and in `TOTP Settings` the period and the number of digits, or `S` for Steam.
    fn seed(&self) -> Option<Result<Entry, Reason>> {
        let seed = self.get("TOTP Seed")?;
        let entry = || {
            let settings = self.get("TOTP Settings").unwrap_or("30;6");
            let (period, digits) = settings.split_once(';').ok_or(Reason::Form)?;
            // Where the program takes its time from may stand behind.
            let digits = digits.split(';').next().unwrap_or_default().trim();
            let mut draft = self.draft(if digits == "S" { "steam" } else { "totp" });
            draft.period = Some(number(period).ok_or(Reason::Period)?);
            if digits != "S" {
                draft.digits = Some(number(digits).ok_or(Reason::Digits)?);
            }
            draft.with(EntrySecret::from_base32(seed)?)
        };
        Some(entry())
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes()
        .all(|c| c.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

pub(crate) fn entries(
    text: &str,
    stream: Stream,
    unlock: &Unlock<'_>,
) -> Result<Report, ImportError> {
    let document =
        xml::parse(text.trim_start_matches('\u{feff}'), NODES).map_err(|error| match error {
            XmlError::Malformed => unlock.damaged(),
            XmlError::TooMuchWork => ImportError::TooMuchWork,
        })?;
    let root = document.root_element();
    if !root.has_tag_name("KeePassFile") {
        return Err(unlock.damaged());
    }
    let hidden = uncover(root, stream).ok_or(unlock.damaged())?;
    let icons = icons(root);
    let mut report = Report::default();
    let mut index: usize = 0;
    let entries = root.descendants().filter(|node| node.has_tag_name("Entry"));
    for node in entries {
        // An older version stands in a `History`.
        let Some(group) = node.parent().filter(|parent| parent.has_tag_name("Group")) else {
            continue;
        };
        let fields = fields(node, &hidden);
        for mut found in fields.accounts() {
            if let Ok(entry) = &mut found {
                entry.groups.extend(group_name(group));
                entry.note = fields.get("Notes").map(Into::into);
                let icon = child(node, "CustomIconUUID").and_then(|id| id.text());
                entry.icon = icon.and_then(|id| icons.get(id.trim()).cloned());
            }
            report.note(index, fields.get("Title").unwrap_or_default(), found);
            index = index.saturating_add(1);
        }
    }
    Ok(report)
}

fn child<'a, 'i>(of: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    of.children().find(|child| child.has_tag_name(name))
}

/// The database's own pictures by their id, each read once however many entries have it.
fn icons<'a>(root: Node<'a, '_>) -> HashMap<&'a str, Icon> {
    let meta = child(root, "Meta").and_then(|meta| child(meta, "CustomIcons"));
    let icons = meta.into_iter().flat_map(|icons| icons.children());
    let icon = |node: Node<'a, '_>| {
        let (id, data) = (child(node, "UUID")?.text()?, child(node, "Data")?.text()?);
        Some((id.trim(), Icon::from_base64(data)?))
    };
    icons.filter_map(icon).collect()
}

/// What the stream hides, of the whole document in its order, since each text begins where the one before ends.
fn uncover(root: Node<'_, '_>, mut stream: Stream) -> Option<Hidden> {
    let mut hidden = Hidden::new();
    let protected = root.descendants().filter(|node| {
        node.attribute("Protected")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    });
    for node in protected {
        let text = node.text().unwrap_or_default().trim();
        let mut bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).ok()?);
        stream.apply(&mut bytes)?;
        hidden.insert(node.id(), bytes);
    }
    Some(hidden)
}

fn fields<'a>(entry: Node<'a, '_>, hidden: &'a Hidden) -> Fields<'a> {
    let strings = entry.children().filter(|node| node.has_tag_name("String"));
    let field = |node: Node<'a, '_>| {
        let child = |name: &str| node.children().find(|child| child.has_tag_name(name));
        let value = child("Value")?;
        let text = match hidden.get(&value.id()) {
            Some(bytes) => core::str::from_utf8(bytes).ok()?,
            None => value.text().unwrap_or_default(),
        };
        Some((child("Key")?.text()?, text))
    };
    Fields(strings.filter_map(field).collect())
}

/// The name of a group, unless it is the one that all stand in.
fn group_name(group: Node<'_, '_>) -> Option<String> {
    group.parent().filter(|node| node.has_tag_name("Group"))?;
    let name = group.children().find(|node| node.has_tag_name("Name"))?;
    name.text().map(Into::into)
}
