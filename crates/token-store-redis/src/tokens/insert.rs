//! Inserting a batch: the fields of its records, what it retires.

use std::collections::BTreeMap;

use token_store::{
    Charge, Charged, Inserted, StoreError,
    ott_core::{
        Decider, Record, Stored,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    call::{Call, Kind},
    error::Outage,
    keys::Keys,
    limits::refused,
    reply::Reply,
    scripts,
    store::RedisStore,
    time::{end, idle, micros},
};

/// How much longer than it lives a record is kept: the server's clock and the callers' may differ.
const KEPT_LONGER: i64 = 86_400_000;
const MINUTE: i64 = 60_000_000;

/// What an insert costs, and when.
pub(super) type Costs<'c> = Option<(&'c [Charge], DateTime<Utc>)>;

/// The older ids that each slot of a batch should hold.
pub(super) struct Slots(BTreeMap<[u8; 16], Vec<String>>);

impl Slots {
    /// Most slots are new, so none is read before.
    pub(super) fn of(batch: &[Record]) -> Self {
        let slots = batch.iter().filter_map(|record| record.stored().slot);
        Self(slots.map(|slot| (slot, Vec::new())).collect())
    }

    /// What they hold, where a script says that it is something else.
    pub(super) fn moved(&mut self, reply: &mut Reply) -> Result<(), StoreError> {
        for older in self.0.values_mut() {
            *older = reply.rest().names()?;
        }
        Ok(())
    }
}

impl RedisStore {
    pub(super) async fn insert_batch(
        &self,
        batch: &[Record],
        costs: Costs<'_>,
    ) -> Result<Charged<Inserted>, StoreError> {
        let mut slots = Slots::of(batch);
        loop {
            let script = match costs {
                None => &scripts::INSERT,
                Some(_) => &scripts::INSERT_CHARGED,
            };
            let mut call = self
                .call(script, Kind::Writes)
                .key(self.keys().ends())
                .key(self.keys().final_ends());
            if let Some((charges, now)) = costs {
                call = self.charging(call, charges, now)?;
            }
            let call = self.with_batch(call, &slots, batch)?;
            let mut reply = self.run(&call).await?;
            let charges = costs.map_or(&[][..], |(charges, _)| charges);
            if let Some(refused) = refused(&mut reply, charges)? {
                return Ok(Charged::Refused(refused));
            }
            match reply.status() {
                "done" => return Ok(Charged::Answered(Inserted::Done)),
                "collision" => return Ok(Charged::Answered(Inserted::Collision)),
                "again" => slots.moved(&mut reply)?,
                _ => return Err(Outage::Unexpected.into()),
            }
        }
    }

    /// Adds a batch to a call, as the scripts read it.
    pub(super) fn with_batch(
        &self,
        call: Call,
        slots: &Slots,
        batch: &[Record],
    ) -> Result<Call, StoreError> {
        let batch_of = Batch {
            keys: self.keys(),
            call: call.number(batch.len()).number(slots.0.len()),
        };
        batch_of.filled(slots, batch)
    }
}

/// A call whose arguments name keys by their number.
struct Batch<'s> {
    keys: &'s Keys,
    call: Call,
}

impl Batch<'_> {
    fn filled(mut self, slots: &Slots, batch: &[Record]) -> Result<Call, StoreError> {
        let keys = self.keys;
        let mut slot_numbers = BTreeMap::new();
        for (slot, older) in &slots.0 {
            let number = self.declare(keys.slot(slot));
            slot_numbers.insert(*slot, number);
            self.add(number);
            self.add(older.len());
            for id in older {
                let number = self.declare(keys.record_named(id));
                self.add(id);
                self.add(number);
            }
        }
        let mut subject_numbers = BTreeMap::new();
        for record in batch {
            let stored = record.stored();
            let subject = stored.subject.as_deref();
            let set = subject.map(|subject| keys.tokens_of(&stored.tenant, subject));
            let subject = set.map_or(0, |set| {
                *subject_numbers
                    .entry(set)
                    .or_insert_with_key(|set| self.declare(set.clone()))
            });
            let slot = stored
                .slot
                .and_then(|slot| slot_numbers.get(&slot).copied());
            self.record(stored, subject, slot.unwrap_or(0))?;
        }
        Ok(self.call)
    }

    fn record(&mut self, stored: &Stored, subject: usize, slot: usize) -> Result<(), StoreError> {
        let key = self.declare(self.keys.record(&stored.id));
        let fields = fields(stored)?;
        self.add(key);
        self.add(stored.id);
        self.add(dead_at(stored));
        self.add(kept_for(stored));
        self.add(subject);
        self.add(slot);
        self.add(fields.len().saturating_mul(2));
        for (name, value) in fields {
            self.call.add(name);
            self.call.add(value);
        }
        Ok(())
    }

    fn add(&mut self, arg: impl ToString) {
        self.call.add(arg.to_string());
    }

    /// Declares a key and gives its number.
    fn declare(&mut self, key: String) -> usize {
        self.call.declare(key)
    }
}

/// From when on a purge may remove it, as the scripts reckon it after each change.
fn dead_at(stored: &Stored) -> String {
    let micros = stored.issued_at.timestamp_micros();
    let expires = stored.expires_at.map(|end| end.timestamp_micros());
    let last_use = stored
        .used_at
        .map_or(micros, |used| used.timestamp_micros());
    let idle = stored.idle_micros.map(|idle| last_use.saturating_add(idle));
    let over = [expires, idle].into_iter().flatten().min();
    let over = over.map(|end| end.saturating_add(MINUTE));
    let ends = stored
        .state
        .refusal()
        .map(|_| micros.saturating_add(1))
        .into_iter()
        .chain(over)
        .min();
    ends.map_or_else(|| String::from("+inf"), |end| end.to_string())
}

/// After how many milliseconds Redis may forget it; 0 if only a purge may.
fn kept_for(stored: &Stored) -> i64 {
    let Some(expires) = stored.expires_at else {
        return 0;
    };
    let life = expires.signed_duration_since(stored.issued_at);
    let life = life.num_milliseconds().max(0);
    life.saturating_add(KEPT_LONGER)
}

/// Every field but `epoch`, which the script writes; a field that is absent is none.
fn fields(stored: &Stored) -> Result<Vec<(&'static str, Vec<u8>)>, StoreError> {
    let decimal = |number: i64| number.to_string().into_bytes();
    let mut fields = vec![
        ("purpose", stored.purpose.clone().into_bytes()),
        ("key", decimal(i64::from(stored.key.0))),
        ("tenant", stored.tenant.clone().into_bytes()),
        ("policy", stored.policy.to_vec()),
        ("binding", stored.binding.to_vec()),
        ("digest", stored.digest.as_bytes().to_vec()),
        ("data", stored.data.clone()),
        ("issued_at", decimal(micros(stored.issued_at)?)),
        ("tag", stored.tag.to_vec()),
        ("state", decimal(i64::from(stored.state.number()))),
        ("attempts", decimal(i64::from(stored.attempts))),
    ];
    let expires_at = stored.expires_at.map(end).transpose()?;
    let idle_micros = stored.idle_micros.map(idle).transpose()?;
    let used_at = stored.used_at.map(micros).transpose()?;
    let optional = [
        ("subject", stored.subject.clone().map(String::into_bytes)),
        ("slot", stored.slot.map(|slot| slot.to_vec())),
        ("number", stored.number.map(|number| decimal(number.into()))),
        (
            "max_attempts",
            stored.max_attempts.map(|most| decimal(most.into())),
        ),
        ("expires_at", expires_at.map(decimal)),
        ("idle_micros", idle_micros.map(decimal)),
        ("used_at", used_at.map(decimal)),
    ];
    let present = optional.into_iter();
    fields.extend(present.filter_map(|(name, value)| value.map(|value| (name, value))));
    if let Some(decision) = &stored.decision {
        match &decision.decider {
            Decider::Subject(person) => fields.extend([
                ("decider_tenant", person.tenant().into()),
                ("decider", person.id().into()),
            ]),
            Decider::System(name) => fields.push(("decider_system", name.clone().into_bytes())),
        }
        fields.extend([
            ("outcome", decimal(decision.outcome.number().into())),
            ("decision_data", decision.data.clone()),
            ("decided_at", decimal(decision.at.timestamp_micros())),
            ("decision_tag", decision.tag.to_vec()),
        ]);
    }
    Ok(fields)
}
