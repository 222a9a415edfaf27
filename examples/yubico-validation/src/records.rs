//! Keys and clients: as a file has them, and as they are kept.

use core::fmt;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;
use twofa_providers::{
    oath_otp::yubico::{Key, Otp, Press, PublicId},
    token_store::ott_core::chrono::{DateTime, Utc},
    yubico::{ApiKey, Status},
};
use zeroize::Zeroizing;

/// A Yubikey, as a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Yubikey {
    /// 2 to 16 letters of modhex.
    pub public_id: String,
    /// 6 bytes in hexadecimal digits.
    pub private_id: Zeroizing<String>,
    /// 16 bytes in hexadecimal digits.
    pub aes_key: Zeroizing<String>,
    /// Whether its OTPs count. They do where a file says nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Yubikey {
    /// A key whose OTPs count.
    #[must_use]
    pub fn new(public_id: &str, private_id: &str, aes_key: &str) -> Self {
        Self {
            public_id: public_id.to_owned(),
            private_id: Zeroizing::new(private_id.to_owned()),
            aes_key: Zeroizing::new(aes_key.to_owned()),
            enabled: true,
        }
    }

    pub(crate) fn read(&self, now: DateTime<Utc>) -> Option<(PublicId, KeyRecord)> {
        let public_id: PublicId = self.public_id.parse().ok()?;
        let key = Key::from_bytes(&*hex(&self.private_id)?, &*hex(&self.aes_key)?);
        let record = KeyRecord {
            enabled: self.enabled,
            key,
            since: now.timestamp_micros(),
            last: None,
        };
        let length = public_id.as_bytes().len();
        (1..=8).contains(&length).then_some((public_id, record))
    }
}

/// A client of the server, as a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// From 1.
    pub id: u64,
    /// 1 to 64 bytes in base64.
    pub key: Zeroizing<String>,
    /// Whether it may ask. It may where a file says nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Client {
    /// A client that may ask.
    #[must_use]
    pub fn new(id: u64, key: &str) -> Self {
        Self {
            id,
            key: Zeroizing::new(key.to_owned()),
            enabled: true,
        }
    }

    pub(crate) fn read(&self) -> Option<ClientRecord> {
        let key = ApiKey::from_base64(&self.key).ok()?;
        let enabled = self.enabled;
        (self.id > 0).then_some(ClientRecord { enabled, key })
    }
}

const fn yes() -> bool {
    true
}

fn hex<const LENGTH: usize>(text: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?);
    let bytes = <[u8; LENGTH]>::try_from(bytes.as_slice()).ok()?;
    Some(Zeroizing::new(bytes))
}

impl fmt::Debug for Yubikey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yubikey")
            .field("public_id", &self.public_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What is kept of something, sealed.
pub(crate) trait Record: Sized {
    /// What it is, in the seal and in its row.
    const KIND: &'static str;

    fn to_bytes(&self) -> Zeroizing<Vec<u8>>;

    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// The first byte of either.
const VERSION: u8 = 1;

/// What is kept of a Yubikey.
pub(crate) struct KeyRecord {
    enabled: bool,
    key: Key,
    /// When its counters last became known, in microseconds.
    since: i64,
    /// The counter that was spent last, and the nonce of the request.
    last: Option<(u64, String)>,
}

impl KeyRecord {
    /// Spends an OTP for the request with this nonce, if it is right and none that was spent before.
    pub(crate) fn spend(
        &mut self,
        otp: &Otp,
        nonce: &str,
        now: DateTime<Utc>,
    ) -> Result<Press, Status> {
        if !self.enabled {
            return Err(Status::BadOtp);
        }
        let pressed = self.key.verify(otp, None);
        let press = pressed.map_err(|_| Status::BadOtp)?;
        match &self.last {
            // Without a nonce there was no request that could be the same one.
            Some((last, spent))
                if *last == press.counter() && spent == nonce && !nonce.is_empty() =>
            {
                return Err(Status::ReplayedRequest);
            }
            Some((last, _)) if press.counter() <= *last => return Err(Status::ReplayedOtp),
            _ => {}
        }
        self.last = Some((press.counter(), nonce.to_owned()));
        self.since = now.timestamp_micros();
        Ok(press)
    }

    /// Whether its counters were known before this time, and may have gone back since.
    pub(crate) const fn is_older_than(&self, time: DateTime<Utc>) -> bool {
        self.since < time.timestamp_micros()
    }
}

impl Record for KeyRecord {
    const KIND: &'static str = "yubico validation key";

    /// Version, enabled, spent (1 byte each), private id (6), AES key (16), time (8), counter (8), all big-endian, and
    /// the nonce to the end.
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let (counter, nonce) = match &self.last {
            Some((counter, nonce)) => (*counter, nonce.as_str()),
            None => (0, ""),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(nonce.len().saturating_add(41)));
        bytes.extend([
            VERSION,
            u8::from(self.enabled),
            u8::from(self.last.is_some()),
        ]);
        bytes.extend(self.key.expose_private_id());
        bytes.extend(self.key.expose_aes_key());
        bytes.extend(self.since.to_be_bytes());
        bytes.extend(counter.to_be_bytes());
        bytes.extend(nonce.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([VERSION, enabled @ (0 | 1), spent @ (0 | 1)], rest) = bytes.split_first_chunk()?
        else {
            return None;
        };
        let (private_id, rest) = rest.split_first_chunk()?;
        let (aes, rest) = rest.split_first_chunk()?;
        let (since, rest) = rest.split_first_chunk()?;
        let (counter, nonce) = rest.split_first_chunk()?;
        let nonce = core::str::from_utf8(nonce).ok()?;
        Some(Self {
            enabled: *enabled == 1,
            key: Key::from_bytes(private_id, aes),
            since: i64::from_be_bytes(*since),
            last: (*spent == 1).then(|| (u64::from_be_bytes(*counter), nonce.to_owned())),
        })
    }
}

/// What is kept of a client.
pub(crate) struct ClientRecord {
    pub(crate) enabled: bool,
    pub(crate) key: ApiKey,
}

impl Record for ClientRecord {
    const KIND: &'static str = "yubico validation client";

    /// Version, enabled (1 byte each), and the key.
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let head = [VERSION, u8::from(self.enabled)];
        Zeroizing::new([&head, self.key.expose_secret()].concat())
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([VERSION, enabled @ (0 | 1)], key) = bytes.split_first_chunk()? else {
            return None;
        };
        Some(Self {
            enabled: *enabled == 1,
            key: ApiKey::from_bytes(key).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/formats.md");

    /// What is kept of a key is what the page says, and is read back; nothing shorter and no other version is.
    #[test]
    fn kept_key_is_as_the_page_says() {
        let aes = core::array::from_fn(|place| u8::try_from(place).expect("16"));
        let record = KeyRecord {
            enabled: true,
            key: Key::from_bytes(&[1, 2, 3, 4, 5, 6], &aes),
            since: 1_767_323_045_678_901,
            last: Some((0x102, "0123456789abcdef".to_owned())),
        };
        let bytes = record.to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(PAGE.contains(&format!("| `{hex}` |")), "{hex}");
        let read = KeyRecord::from_bytes(&bytes).expect("a key");
        assert_eq!(
            (read.enabled, read.since, &read.last),
            (true, record.since, &record.last)
        );
        for length in 0..41 {
            assert!(KeyRecord::from_bytes(bytes.get(..length).expect("shorter")).is_none());
        }
        for place in 0..3 {
            let mut other = bytes.to_vec();
            *other.get_mut(place).expect("a byte") = 2;
            assert!(KeyRecord::from_bytes(&other).is_none());
        }
    }
}
