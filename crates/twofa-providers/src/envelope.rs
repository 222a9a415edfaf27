//! What is sealed around a factor's secret.

use token_store::{
    ConfirmIf, FactorId,
    ott_core::{
        Channel, Destination,
        chrono::{DateTime, Utc},
    },
};
use zeroize::Zeroizing;

use crate::{attempt::Attempt, sign_in::SignInId};

/// The first byte of what is sealed.
const VERSION: u8 = 1;

/// Under which proof a factor was enrolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EnrolledUnder {
    /// There was nothing to prove, or nobody proved it.
    #[default]
    Nothing,
    /// Of what proves the subject and is no factor, at this time: a recovery code.
    Subject(DateTime<Utc>),
    /// Of this factor.
    Factor(FactorId),
}

impl EnrolledUnder {
    /// What must hold in the step that confirms the factor.
    pub(crate) const fn condition(self) -> ConfirmIf {
        match self {
            Self::Nothing => ConfirmIf::First,
            // What ends a code's word takes off every factor that waits.
            Self::Subject(_) => ConfirmIf::Always,
            Self::Factor(id) => ConfirmIf::Beside(id),
        }
    }
}

/// Where and by what a factor was enrolled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Enrolled {
    pub(crate) under: EnrolledUnder,
    /// The credential epoch of the account, where the application named it.
    pub(crate) epoch: Option<u64>,
    /// The sign-in, where the application named it.
    pub(crate) sign_in: Option<SignInId>,
}

impl Enrolled {
    /// Whether an attempt names the same epoch and sign-in, where the enrolment named them.
    pub(crate) fn covers(&self, attempt: &Attempt<'_>) -> bool {
        let epoch = self.epoch.is_none() || self.epoch == attempt.epoch;
        epoch && (self.sign_in.is_none() || self.sign_in.as_ref() == attempt.sign_in)
    }
}

/// What the engine seals: the provider's secret, and what the engine itself has to know of the factor that
/// nobody who writes to the database may change. What is listed stands outside, in the row.
#[derive(Default)]
pub(crate) struct Envelope {
    pub(crate) enrolled: Enrolled,
    /// Where its codes go.
    pub(crate) destination: Option<Destination>,
    pub(crate) secret: Zeroizing<Vec<u8>>,
}

impl Envelope {
    /// Version, kind of the proof (1 byte each), the factor that it was of or its time in microseconds (16,
    /// big-endian, zeros for none), whether an epoch was named (1), the epoch (8), the length of the sign-in's
    /// name (1, 0 for none), the name, channel (1, 0 for none), the address's length (2, big-endian), the
    /// address, and the secret to the end.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let Enrolled {
            under,
            epoch,
            sign_in,
        } = &self.enrolled;
        let (channel, address) = match &self.destination {
            None => (0, ""),
            Some(to) => (channel_number(to.channel()), to.address()),
        };
        let sign_in = sign_in.as_ref().map_or(&[][..], SignInId::as_bytes);
        let length = u16::try_from(address.len()).unwrap_or(u16::MAX);
        let whole = [sign_in.len(), address.len(), self.secret.len()];
        let whole = whole.into_iter().fold(31, usize::saturating_add);
        // No buffer that held the secret is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(whole));
        let (kind, by) = match under {
            EnrolledUnder::Nothing => (0, 0),
            EnrolledUnder::Subject(at) => (1, i128::from(at.timestamp_micros()).cast_unsigned()),
            EnrolledUnder::Factor(id) => (2, u128::from_be_bytes(*id.as_bytes())),
        };
        bytes.extend([VERSION, kind]);
        bytes.extend(by.to_be_bytes());
        bytes.push(u8::from(epoch.is_some()));
        bytes.extend(epoch.unwrap_or(0).to_be_bytes());
        bytes.push(u8::try_from(sign_in.len()).unwrap_or(u8::MAX));
        bytes.extend(sign_in);
        bytes.push(channel);
        bytes.extend(length.to_be_bytes());
        bytes.extend(address.as_bytes());
        bytes.extend(self.secret.iter());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([version, kind], rest) = bytes.split_first_chunk()?;
        let (by, rest) = rest.split_first_chunk()?;
        let ([has_epoch], rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let ([length], rest) = rest.split_first_chunk()?;
        let (sign_in, rest) = rest.split_at_checked(usize::from(*length))?;
        let ([channel, high, low], rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (address, secret) = rest.split_at_checked(length)?;
        let address = core::str::from_utf8(address).ok()?;
        if *version != VERSION {
            return None;
        }
        let under = match (kind, u128::from_be_bytes(*by)) {
            (0, 0) => EnrolledUnder::Nothing,
            (1, at) => EnrolledUnder::Subject(time(at)?),
            (2, id) => EnrolledUnder::Factor(FactorId::from_bytes(id.to_be_bytes())),
            _ => return None,
        };
        let epoch = match (has_epoch, u64::from_be_bytes(*epoch)) {
            (0, 0) => None,
            (1, epoch) => Some(epoch),
            _ => return None,
        };
        let sign_in = match sign_in {
            [] => None,
            name => Some(SignInId::new(name).ok()?),
        };
        let destination = match (channel, address) {
            (0, "") => None,
            (1, address) => Some(Destination::email(address).ok()?),
            (2, address) => Some(Destination::phone(address).ok()?),
            (3, address) => Some(Destination::device(address).ok()?),
            _ => return None,
        };
        Some(Self {
            enrolled: Enrolled {
                under,
                epoch,
                sign_in,
            },
            destination,
            secret: Zeroizing::new(secret.to_vec()),
        })
    }
}

fn time(bits: u128) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(i64::try_from(bits.cast_signed()).ok()?)
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

    fn at(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).expect("a time")
    }

    /// What is written is read again, whatever is in it.
    #[test]
    fn envelope_round_trip() {
        let email = Destination::email("alice@example.org").ok();
        let phone = Destination::phone("+15550123456").ok();
        let device = Destination::device("d").ok();
        let sign_ins = [None, SignInId::new("s").ok(), SignInId::new([0; 64]).ok()];
        for destination in [None, email, phone, device] {
            for (number, sign_in) in sign_ins.iter().enumerate() {
                for under in [
                    EnrolledUnder::Nothing,
                    EnrolledUnder::Subject(at(1_800_000_000_000_001)),
                    EnrolledUnder::Subject(at(-1)),
                    EnrolledUnder::Factor(FactorId::from_bytes([7; 16])),
                ] {
                    let enrolled = Enrolled {
                        under,
                        epoch: [None, Some(0), Some(u64::MAX)][number],
                        sign_in: sign_in.clone(),
                    };
                    let secret = [&b""[..], b"\0", b"secret"][number];
                    let envelope = Envelope {
                        enrolled: enrolled.clone(),
                        destination: destination.clone(),
                        secret: Zeroizing::new(secret.to_vec()),
                    };
                    let read = Envelope::from_bytes(&envelope.to_bytes()).expect("it is one");
                    assert_eq!(read.enrolled, enrolled);
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
            enrolled: Enrolled {
                under: EnrolledUnder::Factor(FactorId::from_bytes([7; 16])),
                epoch: Some(3),
                sign_in: SignInId::new("s1").ok(),
            },
            destination: Destination::email("a@example.org").ok(),
            secret: Zeroizing::new(secret),
        };
        let bytes = envelope.to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let page = include_str!("../docs/formats.md");
        assert!(page.contains(&format!("`{hex}`")), "{hex}");
    }

    /// What is none is refused: another version, another channel, a name or an address that is longer than all.
    #[test]
    fn envelope_refuses_what_is_none() {
        let one = |head: [u8; 2], by: u8, epoch: [u8; 2], rest: &[u8]| {
            let [has_epoch, epoch] = epoch;
            let middle = [&[has_epoch][..], &[epoch; 8]].concat();
            Envelope::from_bytes(&[&head[..], &[by; 16], &middle, rest].concat())
        };
        let none = [0, 0, 0, 0];
        assert!(one([1, 0], 0, [0, 0], &none).is_some());
        assert!(one([1, 2], 7, [1, 9], &[1, b's', 0, 0, 0]).is_some());
        for (head, by, epoch, rest) in [
            ([1, 0], 0, [0, 0], &[0, 0, 0][..]),
            ([2, 0], 0, [0, 0], &none),
            ([1, 3], 0, [0, 0], &none),
            ([1, 0], 7, [0, 0], &none),
            ([1, 1], 7, [0, 0], &none),
            ([1, 0], 0, [0, 1], &none),
            ([1, 0], 0, [2, 1], &none),
            ([1, 0], 0, [0, 0], &[5, b's', 0, 0, 0]),
            ([1, 0], 0, [0, 0], &[0, 4, 0, 0]),
            ([1, 0], 0, [0, 0], &[0, 0, 0, 1, b'a']),
            ([1, 0], 0, [0, 0], &[0, 1, 0, 9, b'a']),
            ([1, 0], 0, [0, 0], &[0, 1, 0, 1, b'a']),
            ([1, 0], 0, [0, 0], &[0, 1, 0, 1, 0xff]),
        ] {
            let read = one(head, by, epoch, rest);
            assert!(read.is_none(), "{head:?} {by} {epoch:?} {rest:?}");
        }
        assert!(Envelope::from_bytes(&[]).is_none());
    }
}
