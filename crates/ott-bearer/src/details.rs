//! What is kept of a token beside its record's own fields: `docs/formats.md` has the bytes.

use token_store::{
    StoreError,
    ott_core::{
        MAX_DATA, RecordId,
        chrono::{DateTime, Utc},
    },
};

use crate::{Proved, Scope, Scopes, scope::named};

const VERSION: u8 = 1;

/// The bytes of [`Field::Other`].
const OTHER: usize = 3 + 16;

/// The fields, each with its number, a length of two bytes, and its bytes. Those that are absent are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Field {
    Name = 1,
    Scope = 2,
    ProvedAt = 3,
    Method = 4,
    Network = 5,
    Other = 6,
}

/// What is kept of a token beside its record's own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Details<S> {
    pub(crate) name: Option<String>,
    pub(crate) scopes: Scopes<S>,
    pub(crate) proved: Option<Proved>,
    pub(crate) network: Option<String>,
    /// Another token: of a rotated one, the newer one, beside which it lives on; of a note, the one that it is about.
    pub(crate) other: Option<RecordId>,
}

impl<S: Scope> Details<S> {
    /// The bytes; `None` if they are more than a record carries, also once they name another token, as those of a token that
    /// is rotated do.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![VERSION];
        let mut put = |field: Field, value: &[u8]| {
            bytes.push(field as u8);
            bytes.extend(u16::try_from(value.len()).ok()?.to_be_bytes());
            bytes.extend(value);
            Some(())
        };
        if let Some(name) = &self.name {
            put(Field::Name, name.as_bytes())?;
        }
        for scope in self.scopes.iter() {
            put(Field::Scope, scope.name().as_bytes())?;
        }
        if let Some(proved) = &self.proved {
            put(Field::ProvedAt, &proved.at.timestamp_micros().to_be_bytes())?;
            for method in &proved.methods {
                put(Field::Method, method.as_bytes())?;
            }
        }
        if let Some(network) = &self.network {
            put(Field::Network, network.as_bytes())?;
        }
        if let Some(other) = &self.other {
            put(Field::Other, other.as_bytes())?;
        }
        let later = if self.other.is_none() { OTHER } else { 0 };
        (bytes.len().checked_add(later)? <= MAX_DATA).then_some(bytes)
    }

    /// Reads them. A token that was adopted without any has none; a scope that is not known any more is left out.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::read(bytes).ok_or(StoreError::Corrupt("what is kept of a bearer token"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut details = Self {
            name: None,
            scopes: Scopes::none(),
            proved: None,
            network: None,
            other: None,
        };
        let mut rest = match bytes {
            [] => return Some(details),
            [VERSION, rest @ ..] => rest,
            _ => return None,
        };
        let mut scopes = Vec::<S>::new();
        while let [field, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (value, others) = after.split_at_checked(length)?;
            let text = || core::str::from_utf8(value).ok().map(String::from);
            match field {
                1 => details.name = Some(text()?),
                2 => scopes.extend(named::<S>(&text()?)),
                3 => {
                    let micros = i64::from_be_bytes(value.try_into().ok()?);
                    let at: DateTime<Utc> = DateTime::from_timestamp_micros(micros)?;
                    details.proved = Some(Proved::by(&[], at));
                }
                4 => details.proved.as_mut()?.methods.push(text()?),
                5 => details.network = Some(text()?),
                6 => details.other = Some(RecordId::from_bytes(value.try_into().ok()?)),
                _ => return None,
            }
            rest = others;
        }
        details.scopes = scopes.into_iter().collect();
        rest.is_empty().then_some(details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::scopes! { enum Mail { Read = "mail:read", Send = "mail:send" } }

    const PAGE: &str = include_str!("../docs/formats.md");

    fn full() -> Details<Mail> {
        let at = DateTime::from_timestamp_micros(1_790_000_000_000_001).expect("a time");
        Details {
            name: Some("my laptop".into()),
            scopes: [Mail::Send, Mail::Read].into_iter().collect(),
            proved: Some(Proved::by(&["pwd", "otp"], at)),
            network: Some("NL".into()),
            other: Some(RecordId::from_bytes([7; 16])),
        }
    }

    /// The bytes are those of docs/formats.md, and are read back.
    #[test]
    fn details_are_as_the_page_says() {
        let bytes = full().encode().expect("short");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(PAGE.contains(&format!("| bytes | `{hex}` |")), "{hex}");
        assert_eq!(Details::decode(&bytes).expect("read"), full());
    }

    /// Cut short, of another version or with an unknown field they are no details; without any they are empty.
    #[test]
    fn broken_details_are_an_outage() {
        let bytes = full().encode().expect("short");
        let read = |bytes: &[u8]| Details::<Mail>::decode(bytes);
        let fields = [12, 24, 36, 47, 53, 59, 64];
        for length in 1..bytes.len() {
            let cut = bytes.get(..length).expect("shorter");
            let whole = length == 1 || fields.iter().any(|end| *end + 1 == length);
            assert_eq!(read(cut).is_ok(), whole, "{length}");
        }
        assert!(read(&[&[2], bytes.get(1..).expect("longer")].concat()).is_err());
        assert!(read(&[VERSION, 9, 0, 0]).is_err());
        assert!(read(&[VERSION, 4, 0, 0]).is_err());
        assert!(read(&[VERSION, 1, 0, 1, 0xff]).is_err());
        assert!(read(&[]).expect("none").scopes.is_empty());
    }

    /// What fits when a token is issued fits when the token is rotated, and names the newer one.
    #[test]
    fn details_that_fit_can_name_another() {
        let of = |length, other| {
            let name = Some("x".repeat(length));
            let details = Details {
                name,
                other,
                ..full()
            };
            details.encode()
        };
        let other = full().other;
        let longest = (0..MAX_DATA)
            .rev()
            .find(|length| of(*length, None).is_some());
        let longest = longest.expect("one that fits");
        assert_eq!(of(longest, other).map(|bytes| bytes.len()), Some(MAX_DATA));
        assert!(of(longest + 1, other).is_none() && of(longest + 1, None).is_none());
    }
}
