//! What a prompt asks, as its record keeps it.

use core::net::IpAddr;

use token_store::{
    FactorId, FactorState, StoredFactor,
    ott_core::{
        RecordId, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::sign_in::SignInId;

/// What is asked, and of which device; of each, where it names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) device: Option<FactorId>,
    pub(super) confirms: bool,
    /// In which sign-in it was asked, which decides nothing about it.
    pub(super) sign_in: Option<SignInId>,
    pub(super) network: Option<IpAddr>,
    pub(super) origin: String,
    pub(super) operation: Vec<(String, String)>,
    /// Who asks, where it is somebody else, and not a sign-in of the person's own.
    pub(super) asker: Option<Asker>,
}

/// Somebody who asks others, and the record under which all of these prompts belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) subject: Subject,
    pub(super) approval: RecordId,
}

const VERSION: u8 = 1;

impl Question {
    /// Version (1 byte), whether it confirms (1), whether a device is named (1), its factor id (16, zeros for none),
    /// whether somebody else asks (1), the id of the approval (16, zeros for none); the sign-in after its length (1, 0 for
    /// none); then network address as text, origin, tenant and id of who asks where it is somebody else, and each name and
    /// value of the operation, each after its length (2, big-endian).
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (confirms, named) = (u8::from(self.confirms), u8::from(self.device.is_some()));
        let mut bytes = vec![VERSION, confirms, named];
        bytes.extend(self.device.as_ref().map_or(&[0; 16], FactorId::as_bytes));
        let approval = self.asker.as_ref().map(|asker| &asker.approval);
        bytes.push(u8::from(approval.is_some()));
        bytes.extend(approval.map_or(&[0; 16], RecordId::as_bytes));
        let sign_in = self.sign_in.as_ref().map_or(&[][..], SignInId::as_bytes);
        bytes.push(u8::try_from(sign_in.len()).unwrap_or(u8::MAX));
        bytes.extend(sign_in);
        let network = self.network.map(|network| network.to_string());
        let texts = [network.as_deref().unwrap_or_default(), &self.origin];
        let asker = self.asker.as_ref().map(|asker| &asker.subject);
        let asker = asker.into_iter().flat_map(|who| [who.tenant(), who.id()]);
        let operation = self.operation.iter();
        let operation = operation.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        for text in texts.into_iter().chain(asker).chain(operation) {
            // What is longer is more than a record carries, and refused there.
            bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([VERSION, confirms, named], rest) = bytes.split_first_chunk()? else {
            return None;
        };
        let (device, rest) = rest.split_first_chunk()?;
        let ([asks], rest) = rest.split_first_chunk()?;
        let (approval, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first()?;
        let (sign_in, mut rest) = rest.split_at_checked((*length).into())?;
        let sign_in = match sign_in {
            [] => None,
            name => Some(SignInId::new(name).ok()?),
        };
        let mut text = || {
            let (length, after) = rest.split_first_chunk()?;
            let (text, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            let text = core::str::from_utf8(text).ok()?;
            // Not before: what is no text is left over, and refused.
            rest = after;
            Some(text.to_owned())
        };
        let network = match text()?.as_str() {
            "" => None,
            network => Some(network.parse().ok()?),
        };
        let origin = text()?;
        let asker = match (asks, approval) {
            (0, id) if *id == [0; 16] => None,
            (1, id) => Some(Asker {
                subject: Subject::new(text()?, text()?).ok()?,
                approval: RecordId::from_bytes(*id),
            }),
            _ => return None,
        };
        let mut operation = Vec::new();
        while let Some(name) = text() {
            operation.push((name, text()?));
        }
        let device = match (named, device) {
            (0, id) if *id == [0; 16] => None,
            (1, id) => Some(FactorId::from_bytes(*id)),
            _ => return None,
        };
        let confirms = match confirms {
            0 => false,
            1 => true,
            _ => return None,
        };
        rest.is_empty().then_some(Self {
            device,
            confirms,
            sign_in,
            network,
            origin,
            operation,
            asker,
        })
    }

    /// Whether this was asked in the same sign-in, or from the same network address.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        (self.sign_in.is_some() && self.sign_in == other.sign_in)
            || (self.network.is_some() && self.network == other.network)
    }

    /// Whether a factor is the device that is asked, of the provider with this id, and stands: active, or waiting
    /// for this very prompt to confirm it. Where every device is asked, one that came later was not.
    pub(super) fn asks_a<'a>(
        &'a self,
        provider: &'a str,
        asked_at: DateTime<Utc>,
    ) -> impl Fn(&StoredFactor) -> bool + 'a {
        let wanted = if self.confirms {
            FactorState::Pending
        } else {
            FactorState::Active
        };
        move |factor| {
            self.device
                .map_or(factor.created_at <= asked_at, |device| device == factor.id)
                && factor.provider == provider
                && factor.state == wanted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a prompt asks comes back whole, and of a name or value that is no text nothing does.
    #[test]
    fn question_comes_back_whole_or_not_at_all() {
        let own = Question {
            device: Some(FactorId::from_bytes([7; 16])),
            confirms: false,
            sign_in: SignInId::new([0xff; 64]).ok(),
            network: "203.0.113.7".parse().ok(),
            origin: "Firefox".into(),
            operation: vec![("to".into(), "Zoe".into())],
            asker: None,
        };
        let asker = Asker {
            subject: Subject::new("acme", "4711").expect("a subject"),
            approval: RecordId::from_bytes([8; 16]),
        };
        let others = Question {
            device: None,
            asker: Some(asker),
            ..own.clone()
        };
        for question in [own, others] {
            let bytes = question.to_bytes();
            assert_eq!(Question::from_bytes(&bytes), Some(question));
            let name = bytes.len() - 3 - 2 - 2;
            for at in [name, name + 1, bytes.len() - 1] {
                let mut edited = bytes.clone();
                edited[at] = 0xff;
                assert_eq!(Question::from_bytes(&edited), None);
            }
            for length in 0..bytes.len() {
                let part = Question::from_bytes(&bytes[..length]);
                assert!(part.is_none_or(|part| part.operation.is_empty()));
            }
            assert_eq!(Question::from_bytes(&[&bytes[..], b"\0"].concat()), None);
            // A name without its value.
            let named = [&bytes[..], &[0, 1, 0xff]].concat();
            assert_eq!(Question::from_bytes(&named), None);
        }
    }
}
