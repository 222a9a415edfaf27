//! What was decided about a prompt, as its record keeps it beside the outcome.

use token_store::{FactorId, ott_core::Verdict};

/// What the device said.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    pub(super) device: FactorId,
    pub(super) signature: Option<[u8; SIGNATURE]>,
}

const VERSION: u8 = 1;

/// The length of a signature.
pub(super) const SIGNATURE: usize = 64;

/// The verdict's number, and the number that was typed.
pub(super) const fn verdict_number(verdict: Verdict) -> (u8, Option<u32>) {
    match verdict {
        Verdict::Approve { number } => (1, number),
        Verdict::Deny => (2, None),
        Verdict::Report => (3, None),
    }
}

impl Answer {
    /// Version (1 byte), verdict (1: approve, deny, report), whether a number was typed (1), the number (4,
    /// big-endian), the device's factor id (16), and its signature, if there is one (64).
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (verdict, number) = verdict_number(self.verdict);
        let mut bytes = vec![VERSION, verdict, u8::from(number.is_some())];
        bytes.extend(number.unwrap_or(0).to_be_bytes());
        bytes.extend(self.device.as_bytes());
        bytes.extend(self.signature.iter().flatten());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([VERSION, verdict, typed], rest) = bytes.split_first_chunk()? else {
            return None;
        };
        let (number, rest) = rest.split_first_chunk()?;
        let (device, signature) = rest.split_first_chunk()?;
        let signature = match signature {
            [] => None,
            signature => Some(signature.try_into().ok()?),
        };
        let number = match (typed, u32::from_be_bytes(*number)) {
            (0, 0) => None,
            (1, number) => Some(number),
            _ => return None,
        };
        let verdict = match (verdict, number) {
            (1, number) => Verdict::Approve { number },
            (2, None) => Verdict::Deny,
            (3, None) => Verdict::Report,
            _ => return None,
        };
        Some(Self {
            verdict,
            device: FactorId::from_bytes(*device),
            signature,
        })
    }
}
