//! What is sealed around a factor's secret.

use token_store::ott_core::{Channel, Destination};
use zeroize::Zeroizing;

/// The first byte of what is sealed.
const VERSION: u8 = 1;

/// What the engine seals: the provider's secret, and what the engine itself has to know of the factor that
/// nobody who writes to the database may change. What is listed stands outside, in the row.
#[derive(Default)]
pub(crate) struct Envelope {
    /// Whether it was enrolled under a proof of another factor.
    pub(crate) proved: bool,
    /// Where its codes go.
    pub(crate) destination: Option<Destination>,
    pub(crate) secret: Zeroizing<Vec<u8>>,
}

impl Envelope {
    /// Version, proved, channel (1 byte each, 0 for none), the address's length (2, big-endian), the
    /// address, and the secret to the end.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let (channel, address) = match &self.destination {
            None => (0, ""),
            Some(to) => (channel_number(to.channel()), to.address()),
        };
        let length = u16::try_from(address.len()).unwrap_or(u16::MAX);
        let whole = address.len().saturating_add(self.secret.len());
        // No buffer that held the secret is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(whole.saturating_add(5)));
        bytes.extend([VERSION, u8::from(self.proved), channel]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(address.as_bytes());
        bytes.extend(self.secret.iter());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([version, proved, channel, high, low], rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (address, secret) = rest.split_at_checked(length)?;
        let address = core::str::from_utf8(address).ok()?;
        if *version != VERSION || *proved > 1 {
            return None;
        }
        let destination = match (channel, address) {
            (0, "") => None,
            (1, address) => Some(Destination::email(address).ok()?),
            (2, address) => Some(Destination::phone(address).ok()?),
            (3, address) => Some(Destination::device(address).ok()?),
            _ => return None,
        };
        Some(Self {
            proved: *proved == 1,
            destination,
            secret: Zeroizing::new(secret.to_vec()),
        })
    }
}

/// 0 is no channel, and what no version of this crate knows does not open again.
const fn channel_number(channel: Channel) -> u8 {
    match channel {
        Channel::Email => 1,
        Channel::Phone => 2,
        Channel::Device => 3,
        _ => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read again, whatever is in it.
    #[test]
    fn envelope_round_trip() {
        let email = Destination::email("alice@example.org").ok();
        let phone = Destination::phone("+15550123456").ok();
        let device = Destination::device("d").ok();
        for destination in [None, email, phone, device] {
            for secret in [&b""[..], b"\0", b"secret"] {
                for proved in [false, true] {
                    let envelope = Envelope {
                        proved,
                        destination: destination.clone(),
                        secret: Zeroizing::new(secret.to_vec()),
                    };
                    let read = Envelope::from_bytes(&envelope.to_bytes()).expect("it is one");
                    assert_eq!(read.proved, proved);
                    assert_eq!(read.destination, destination);
                    assert_eq!(*read.secret, secret);
                }
            }
        }
    }

    /// `docs/formats.md` has these bytes.
    #[test]
    fn envelope_is_as_the_page_says() {
        let secret = [
            &[1, 1, 6, 0, 0, 0, 30][..],
            &[0; 8],
            b"12345678901234567890",
        ]
        .concat();
        let envelope = Envelope {
            proved: true,
            destination: Destination::email("a@example.org").ok(),
            secret: Zeroizing::new(secret),
        };
        let bytes = envelope.to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let page = include_str!("../../../docs/formats.md");
        assert!(page.contains(&format!("`{hex}`")), "{hex}");
    }

    /// What is none is refused: another version, another channel, an address that is longer than all.
    #[test]
    fn envelope_refuses_what_is_none() {
        for strange in [
            &[][..],
            &[1, 0, 0, 0],
            &[2, 0, 0, 0, 0],
            &[1, 2, 0, 0, 0],
            &[1, 0, 4, 0, 0],
            &[1, 0, 0, 0, 1, b'a'],
            &[1, 0, 1, 0, 9, b'a'],
            &[1, 0, 1, 0, 1, b'a'],
            &[1, 0, 1, 0, 1, 0xff],
        ] {
            assert!(Envelope::from_bytes(strange).is_none(), "{strange:?}");
        }
    }
}
