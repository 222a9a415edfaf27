//! What is sealed around a factor's secret.

use token_store::{
    FactorId,
    ott_core::{Channel, Destination},
};
use zeroize::Zeroizing;

/// The first byte of what is sealed.
const VERSION: u8 = 1;

const NO_FACTOR: [u8; 16] = [0; 16];

/// Under which proof a factor was enrolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EnrolledUnder {
    /// There was nothing to prove, or nobody proved it.
    #[default]
    Nothing,
    /// Of what proves the subject and is no factor: a recovery code.
    Subject,
    /// Of this factor.
    Factor(FactorId),
}

/// What the engine seals: the provider's secret, and what the engine itself has to know of the factor that
/// nobody who writes to the database may change. What is listed stands outside, in the row.
#[derive(Default)]
pub(crate) struct Envelope {
    pub(crate) under: EnrolledUnder,
    /// Where its codes go.
    pub(crate) destination: Option<Destination>,
    pub(crate) secret: Zeroizing<Vec<u8>>,
}

impl Envelope {
    /// Version, kind of the proof (1 byte each), the factor that it was of (16, zeros for none), channel
    /// (1, 0 for none), the address's length (2, big-endian), the address, and the secret to the end.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let (channel, address) = match &self.destination {
            None => (0, ""),
            Some(to) => (channel_number(to.channel()), to.address()),
        };
        let length = u16::try_from(address.len()).unwrap_or(u16::MAX);
        let whole = address.len().saturating_add(self.secret.len());
        // No buffer that held the secret is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(whole.saturating_add(21)));
        let (kind, factor) = match self.under {
            EnrolledUnder::Nothing => (0, NO_FACTOR),
            EnrolledUnder::Subject => (1, NO_FACTOR),
            EnrolledUnder::Factor(id) => (2, *id.as_bytes()),
        };
        bytes.extend([VERSION, kind]);
        bytes.extend(factor);
        bytes.push(channel);
        bytes.extend(length.to_be_bytes());
        bytes.extend(address.as_bytes());
        bytes.extend(self.secret.iter());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([version, kind], rest) = bytes.split_first_chunk()?;
        let (factor, rest) = rest.split_first_chunk()?;
        let ([channel, high, low], rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (address, secret) = rest.split_at_checked(length)?;
        let address = core::str::from_utf8(address).ok()?;
        if *version != VERSION {
            return None;
        }
        let under = match (kind, *factor) {
            (0, NO_FACTOR) => EnrolledUnder::Nothing,
            (1, NO_FACTOR) => EnrolledUnder::Subject,
            (2, id) => EnrolledUnder::Factor(FactorId::from_bytes(id)),
            _ => return None,
        };
        let destination = match (channel, address) {
            (0, "") => None,
            (1, address) => Some(Destination::email(address).ok()?),
            (2, address) => Some(Destination::phone(address).ok()?),
            (3, address) => Some(Destination::device(address).ok()?),
            _ => return None,
        };
        Some(Self {
            under,
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
                for under in [
                    EnrolledUnder::Nothing,
                    EnrolledUnder::Subject,
                    EnrolledUnder::Factor(FactorId::from_bytes([7; 16])),
                ] {
                    let envelope = Envelope {
                        under,
                        destination: destination.clone(),
                        secret: Zeroizing::new(secret.to_vec()),
                    };
                    let read = Envelope::from_bytes(&envelope.to_bytes()).expect("it is one");
                    assert_eq!(read.under, under);
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
            under: EnrolledUnder::Factor(FactorId::from_bytes([7; 16])),
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
        let one = |head: [u8; 2], factor: u8, rest: &[u8]| {
            Envelope::from_bytes(&[&head[..], &[factor; 16], rest].concat())
        };
        assert!(one([1, 0], 0, &[0, 0, 0]).is_some());
        for (head, factor, rest) in [
            ([1, 0], 0, &[0, 0][..]),
            ([2, 0], 0, &[0, 0, 0]),
            ([1, 3], 0, &[0, 0, 0]),
            ([1, 0], 7, &[0, 0, 0]),
            ([1, 1], 7, &[0, 0, 0]),
            ([1, 0], 0, &[4, 0, 0]),
            ([1, 0], 0, &[0, 0, 1, b'a']),
            ([1, 0], 0, &[1, 0, 9, b'a']),
            ([1, 0], 0, &[1, 0, 1, b'a']),
            ([1, 0], 0, &[1, 0, 1, 0xff]),
        ] {
            let read = one(head, factor, rest);
            assert!(read.is_none(), "{head:?} {factor} {rest:?}");
        }
        assert!(Envelope::from_bytes(&[]).is_none());
    }
}
