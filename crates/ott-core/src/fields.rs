//! The one encoding that everything hashed goes through. `docs/formats.md` has the bytes.

use hmac::digest::Update;

use crate::{Binding, Lookup};

/// The tag of a field: one byte, its meaning the same in every message.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Field {
    Label = 0,
    Purpose = 1,
    Lookup = 2,
    Key = 3,
    RecordId = 4,
    Tenant = 5,
    Subject = 6,
    Channel = 7,
    Address = 8,
    Epoch = 9,
    ParameterName = 10,
    ParameterValue = 11,
    Token = 12,
    Flow = 13,
    Nonce = 14,
    Digest = 15,
    Binding = 16,
    Policy = 17,
    Slot = 18,
    Data = 19,
    Number = 20,
    MaxAttempts = 21,
    IssuedAt = 22,
    ExpiresAt = 23,
    IdleFor = 24,
    RecordTag = 25,
    DeciderTenant = 26,
    Decider = 27,
    Outcome = 28,
    DecidedAt = 29,
    Usage = 30,
    Start = 31,
    LimitName = 32,
    LimitScope = 33,
    DeciderSystem = 34,
}

/// Feeds fields to a hash or MAC: tag (1 byte), length (4 bytes, big-endian), content.
///
/// An absent field is not written, an empty one is written with length 0, so the two differ.
pub(crate) struct Fields<D>(D);

impl<D: Update> Fields<D> {
    pub(crate) fn new(hash: D, label: &str) -> Self {
        Self(hash).text(Field::Label, label)
    }

    pub(crate) fn bytes(mut self, tag: Field, content: &[u8]) -> Self {
        // Names, tokens and data are bounded where they enter; an operation's parameters are the
        // application's own, and no request of 4 GiB gets that far.
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        self.0.update(&[tag as u8]);
        self.0.update(&length.to_be_bytes());
        self.0.update(content);
        self
    }

    pub(crate) fn text(self, tag: Field, content: &str) -> Self {
        self.bytes(tag, content.as_bytes())
    }

    pub(crate) fn optional(self, tag: Field, content: Option<&[u8]>) -> Self {
        match content {
            Some(content) => self.bytes(tag, content),
            None => self,
        }
    }

    pub(crate) fn lookup(self, lookup: Lookup) -> Self {
        self.bytes(Field::Lookup, &[lookup.code()])
    }

    pub(crate) fn tenant(self, tenant: &str) -> Self {
        self.text(Field::Tenant, tenant)
    }

    pub(crate) fn binding(self, binding: &Binding<'_>) -> Self {
        let mut fields = self
            .tenant(binding.tenant)
            .optional(Field::Subject, binding.subject.map(str::as_bytes));
        if let Some(destination) = binding.destination {
            fields = fields.text(Field::Channel, destination.channel().as_str());
            fields = fields.text(Field::Address, destination.address());
        }
        if let Some(epoch) = binding.epoch {
            fields = fields.bytes(Field::Epoch, &epoch.to_be_bytes());
        }
        for (name, value) in binding.operation {
            fields = fields
                .text(Field::ParameterName, name)
                .text(Field::ParameterValue, value);
        }
        fields
    }

    pub(crate) fn finish(self) -> D {
        self.0
    }
}
