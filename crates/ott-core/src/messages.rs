//! The messages that are hashed: ids, slots, digests and tags. `docs/formats.md` has the bytes.

use chrono::{DateTime, Utc};
use hmac::Mac;
use sha2::{Digest, Sha256};

use crate::{
    Binding, Decider, Handle, KeyId, Lookup, Policy, RecordId, SlotRule, Stored, StoredDecision,
    TokenDigest,
    fields::{Field, Fields},
    keys::Key,
    record_id::first_half,
};

/// Purpose and account enter the id: under another purpose or for another person, a handle finds
/// nothing, so nothing is counted there.
pub(crate) fn id_of_handle(policy: &Policy, binding: &Binding<'_>, handle: &Handle) -> RecordId {
    let hash = Fields::new(Sha256::new(), "ott id v1")
        .text(Field::Purpose, policy.purpose().as_str())
        .lookup(policy.token_lookup())
        .tenant(binding.tenant)
        .optional(Field::Subject, binding.subject.map(str::as_bytes))
        .bytes(Field::Flow, handle.flow())
        .bytes(Field::Nonce, handle.nonce())
        .finish();
    RecordId::from_bytes(first_half(hash.finalize().into()))
}

pub(crate) fn id_of_token(policy: &Policy, binding: &Binding<'_>, symbols: &str) -> RecordId {
    found_by_token("ott id v1", policy, binding, symbols)
}

/// Another label than that of ids: what is presented never leads there.
pub(crate) fn id_of_tombstone(policy: &Policy, binding: &Binding<'_>, symbols: &str) -> RecordId {
    found_by_token("ott tombstone v1", policy, binding, symbols)
}

fn found_by_token(label: &str, policy: &Policy, binding: &Binding<'_>, symbols: &str) -> RecordId {
    let lookup = policy.token_lookup();
    let mut fields = Fields::new(Sha256::new(), label)
        .text(Field::Purpose, policy.purpose().as_str())
        .lookup(lookup)
        .tenant(binding.tenant);
    if lookup == Lookup::BySubject {
        fields = fields.optional(Field::Subject, binding.subject.map(str::as_bytes));
    }
    let hash = fields.text(Field::Token, symbols).finish();
    RecordId::from_bytes(first_half(hash.finalize().into()))
}

/// What a newer batch with the same value retires.
pub(crate) fn slot(policy: &Policy, binding: &Binding<'_>, handle: &Handle) -> Option<[u8; 16]> {
    let fields = match policy.slot_rule() {
        SlotRule::Nothing => return None,
        SlotRule::Flow => slot_fields(policy).bytes(Field::Flow, handle.flow()),
        SlotRule::Subject => slot_fields(policy)
            .tenant(binding.tenant)
            .optional(Field::Subject, binding.subject.map(str::as_bytes)),
    };
    Some(first_half(fields.finish().finalize().into()))
}

fn slot_fields(policy: &Policy) -> Fields<Sha256> {
    Fields::new(Sha256::new(), "ott slot v1").text(Field::Purpose, policy.purpose().as_str())
}

pub(crate) fn token_digest(
    key: &Key,
    policy: &Policy,
    id: &RecordId,
    binding: &Binding<'_>,
    symbols: &str,
) -> TokenDigest {
    let lookup = policy.token_lookup();
    let fields = Fields::new(key.digest(), "ott digest v1")
        .text(Field::Purpose, policy.purpose().as_str())
        .lookup(lookup)
        .bytes(Field::Key, &key_bytes(key.id))
        .bytes(Field::RecordId, id.as_bytes());
    let fields = match lookup {
        // Found by itself: the rest of the binding is not known yet, and is checked afterwards.
        Lookup::ByItself => fields.tenant(binding.tenant),
        Lookup::ByHandle { .. } | Lookup::BySubject | Lookup::Parked => fields.binding(binding),
    };
    let mac = fields.text(Field::Token, symbols).finish();
    TokenDigest::from_bytes(mac.finalize().into_bytes().into())
}

pub(crate) fn binding_digest(key: &Key, id: &RecordId, binding: &Binding<'_>) -> [u8; 32] {
    let mac = Fields::new(key.digest(), "ott binding v1")
        .bytes(Field::Key, &key_bytes(key.id))
        .bytes(Field::RecordId, id.as_bytes())
        .binding(binding)
        .finish();
    mac.finalize().into_bytes().into()
}

pub(crate) fn record_tag(key: &Key, stored: &Stored) -> [u8; 32] {
    let micros = |time: DateTime<Utc>| time.timestamp_micros().to_be_bytes();
    let mac = Fields::new(key.tag(), "ott record v1")
        .text(Field::Purpose, &stored.purpose)
        .bytes(Field::Key, &key_bytes(stored.key))
        .bytes(Field::RecordId, stored.id.as_bytes())
        .tenant(&stored.tenant)
        .optional(Field::Subject, stored.subject.as_deref().map(str::as_bytes))
        .bytes(Field::Digest, stored.digest.as_bytes())
        .bytes(Field::Binding, &stored.binding)
        .bytes(Field::Policy, &stored.policy)
        .optional(Field::Slot, stored.slot.as_ref().map(<[u8; 16]>::as_slice))
        .bytes(Field::Data, &stored.data)
        .optional(
            Field::Number,
            stored
                .number
                .map(u32::to_be_bytes)
                .as_ref()
                .map(<[u8; 4]>::as_slice),
        )
        .optional(
            Field::MaxAttempts,
            stored
                .max_attempts
                .map(u16::to_be_bytes)
                .as_ref()
                .map(<[u8; 2]>::as_slice),
        )
        .bytes(Field::IssuedAt, &micros(stored.issued_at))
        .optional(
            Field::ExpiresAt,
            stored
                .expires_at
                .map(micros)
                .as_ref()
                .map(<[u8; 8]>::as_slice),
        )
        .optional(
            Field::IdleFor,
            stored
                .idle_micros
                .map(i64::to_be_bytes)
                .as_ref()
                .map(<[u8; 8]>::as_slice),
        )
        .finish();
    mac.finalize().into_bytes().into()
}

pub(crate) fn decision_tag(
    key: &Key,
    record_tag: &[u8; 32],
    decision: &StoredDecision,
) -> [u8; 32] {
    let fields = Fields::new(key.tag(), "ott decision v1").bytes(Field::RecordTag, record_tag);
    let fields = match &decision.decider {
        Decider::Subject(subject) => fields
            .text(Field::DeciderTenant, subject.tenant())
            .text(Field::Decider, subject.id()),
        Decider::System(name) => fields.text(Field::DeciderSystem, name),
    };
    let mac = fields
        .bytes(Field::Outcome, &[decision.outcome.number()])
        .bytes(Field::Data, &decision.data)
        .bytes(
            Field::DecidedAt,
            &decision.at.timestamp_micros().to_be_bytes(),
        )
        .finish();
    mac.finalize().into_bytes().into()
}

const fn key_bytes(id: KeyId) -> [u8; 4] {
    id.0.to_be_bytes()
}
