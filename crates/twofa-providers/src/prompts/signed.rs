//! What a device signs. `docs/formats.md` has the bytes.

use sha2::{Digest, Sha256};
use token_store::{
    FactorId,
    ott_core::{
        Subject, Verdict,
        chrono::{DateTime, Utc},
    },
};

use super::{answer::verdict_number, view::PromptView};

/// The tag of a field: one byte, the same as in what `ott-core` hashes, and six more.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Field {
    Label = 0,
    RecordId = 4,
    Tenant = 5,
    Subject = 6,
    ParameterName = 10,
    ParameterValue = 11,
    Number = 20,
    IssuedAt = 22,
    ExpiresAt = 23,
    Factor = 35,
    Verdict = 36,
    Display = 37,
    Occasion = 38,
    Origin = 39,
    Network = 40,
}

/// Tag (1 byte), length (4, big-endian), content; what there is none of is not written.
struct Fields(Vec<u8>);

impl Fields {
    fn new(label: &str) -> Self {
        Self(Vec::new()).field(Field::Label, label.as_bytes())
    }

    fn field(mut self, tag: Field, content: &[u8]) -> Self {
        // Names and data are bounded where they enter.
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        self.0.push(tag as u8);
        self.0.extend(length.to_be_bytes());
        self.0.extend(content);
        self
    }

    fn optional(self, tag: Field, content: Option<&[u8]>) -> Self {
        match content {
            Some(content) => self.field(tag, content),
            None => self,
        }
    }
}

/// SHA-256 over what the person saw.
fn display(seen: &PromptView) -> [u8; 32] {
    let occasion: &[u8] = match (&seen.asker, seen.confirms) {
        (Some(_), _) => b"approve",
        (None, true) => b"confirm",
        (None, false) => b"verify",
    };
    let mut fields = Fields::new("ott display v1").field(Field::Occasion, occasion);
    if let (Some(asker), Some(approval)) = (&seen.asker, &seen.approval) {
        fields = fields
            .field(Field::RecordId, approval.as_bytes())
            .field(Field::Tenant, asker.tenant().as_bytes())
            .field(Field::Subject, asker.id().as_bytes());
    }
    for (name, value) in &seen.operation {
        fields = fields
            .field(Field::ParameterName, name.as_bytes())
            .field(Field::ParameterValue, value.as_bytes());
    }
    let origin = Some(seen.origin.as_bytes()).filter(|origin| !origin.is_empty());
    let network = seen.network.map(|network| network.to_string());
    let fields = fields
        .optional(Field::Origin, origin)
        .optional(Field::Network, network.as_deref().map(str::as_bytes))
        .field(Field::IssuedAt, &micros(seen.asked_at));
    Sha256::digest(fields.0).into()
}

impl PromptView {
    /// What the device of this factor signs to say this about the prompt, with the number that was typed. A device
    /// that is no Rust program makes the same bytes of what it displays: `docs/formats.md`.
    #[must_use]
    pub fn to_sign(&self, subject: &Subject, device: &FactorId, verdict: Verdict) -> Vec<u8> {
        message(subject, device, verdict, self)
    }
}

/// What the device of this factor signs to say this about a prompt.
pub(super) fn message(
    subject: &Subject,
    device: &FactorId,
    verdict: Verdict,
    seen: &PromptView,
) -> Vec<u8> {
    let (verdict, number) = verdict_number(verdict);
    let number = number.map(u32::to_be_bytes);
    let expires_at = seen.expires_at.map(micros);
    Fields::new("ott device decision v1")
        .field(Field::Tenant, subject.tenant().as_bytes())
        .field(Field::Subject, subject.id().as_bytes())
        .field(Field::Factor, device.as_bytes())
        .field(Field::RecordId, seen.id.as_bytes())
        .field(Field::Verdict, &[verdict])
        .optional(Field::Number, number.as_ref().map(<[u8; 4]>::as_slice))
        .field(Field::Display, &display(seen))
        .optional(
            Field::ExpiresAt,
            expires_at.as_ref().map(<[u8; 8]>::as_slice),
        )
        .0
}

fn micros(time: DateTime<Utc>) -> [u8; 8] {
    time.timestamp_micros().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};
    use token_store::ott_core::RecordId;

    use super::{super::PromptStatus, *};

    fn at(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).expect("a time")
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// `docs/formats.md` has these bytes: of a payment that is approved, of a device's first prompt that is denied, and of a
    /// part of what several people approve.
    #[test]
    fn device_decision_is_as_the_page_says() {
        let subject = Subject::new("acme", "4711").expect("a subject");
        let device = FactorId::from_bytes([7; 16]);
        let mut id = [0; 16];
        for (byte, number) in id.iter_mut().zip(0xa0..) {
            *byte = number;
        }
        let payment = PromptView {
            id: RecordId::from_bytes(id),
            status: PromptStatus::Waiting,
            device: Some(device),
            confirms: false,
            asker: None,
            approval: None,
            operation: vec![
                ("amount".into(), "12.50".into()),
                ("to".into(), "Zoë".into()),
            ],
            origin: "Firefox on Linux".into(),
            network: "203.0.113.7".parse().ok(),
            asked_at: at(1_767_323_045_678_901),
            expires_at: Some(at(1_767_323_645_678_901)),
            digits: 2,
        };
        let first = PromptView {
            confirms: true,
            operation: Vec::new(),
            origin: String::new(),
            network: None,
            ..payment.clone()
        };
        let mut approval = [0; 16];
        for (byte, number) in approval.iter_mut().zip(0xb0..) {
            *byte = number;
        }
        let part = PromptView {
            asker: Subject::new("acme", "boss").ok(),
            approval: Some(RecordId::from_bytes(approval)),
            origin: String::new(),
            network: None,
            ..payment.clone()
        };
        let key = SigningKey::from_bytes(&[0x42; 32]);
        let page = include_str!("../../docs/formats.md");
        let approves = Verdict::Approve { number: Some(42) };
        for (name, seen, verdict) in [
            ("approval", &payment, approves),
            ("denial", &first, Verdict::Deny),
            ("part", &part, approves),
        ] {
            let message = message(&subject, &device, verdict, seen);
            let rows = [
                ("display", hex(&display(seen))),
                ("message", hex(&message)),
                ("signature", hex(&key.sign(&message).to_bytes())),
            ];
            for (what, value) in rows {
                let row = format!("| `device {name}: {what}` | `{value}` |");
                assert!(page.contains(&row), "{row}");
            }
        }
        let row = format!("`{}`", hex(key.verifying_key().as_bytes()));
        assert!(page.contains(&row), "{row}");
    }
}
