//! Answers: what is read is checked, and what cannot be is an outage.

use std::collections::HashMap;

use redis::Value;
use token_store::{
    FactorId, FactorState, Removal, StoreError, StoredFactor,
    ott_core::{
        Decider, KeyId, LimitState, Outcome, RecordId, State, Stored, StoredDecision, Subject,
        TokenDigest,
        chrono::{DateTime, Utc},
    },
};

use crate::error::Outage;

/// A script's answer: a status, then what belongs to it, in order.
pub(crate) struct Reply {
    status: &'static str,
    rest: Parts,
}

impl Reply {
    pub(crate) fn new(value: Value) -> Result<Self, StoreError> {
        let mut rest = Parts::new(value)?;
        let status = rest.text()?;
        let known = STATUSES.into_iter().find(|known| *known == status);
        Ok(Self {
            status: known.ok_or(Outage::Unexpected)?,
            rest,
        })
    }

    pub(crate) const fn status(&self) -> &'static str {
        self.status
    }

    pub(crate) const fn rest(&mut self) -> &mut Parts {
        &mut self.rest
    }
}

const STATUSES: [&str; 19] = [
    "absent",
    "again",
    "ahead",
    "collision",
    "corrupt",
    "done",
    "era",
    "lacks",
    "layout",
    "locked",
    "lost",
    "moved",
    "none",
    "primary",
    "refused",
    "replayed",
    "retry",
    "state",
    "unvouched",
];

/// The elements of an array, in order.
pub(crate) struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    fn new(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            _ => Err(Outage::Unexpected.into()),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        text(self.value()?)
    }

    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        match self.value()? {
            Value::Int(number) => u64::try_from(number).map_err(|_| Outage::Unexpected.into()),
            _ => Err(Outage::Unexpected.into()),
        }
    }

    /// Names, as a set has them.
    pub(crate) fn names(&mut self) -> Result<Vec<String>, StoreError> {
        let Value::Array(values) = self.value()? else {
            return Err(Outage::Unexpected.into());
        };
        // What is no text is no name of ours.
        let texts = values.into_iter().map(text);
        texts
            .collect::<Result<_, _>>()
            .map_err(|_| StoreError::Corrupt("a name in a set"))
    }

    pub(crate) fn fields(&mut self) -> Result<Fields, StoreError> {
        Fields::new(self.value()?)
    }

    /// The name of a hash and its fields; nothing once there are no more.
    pub(crate) fn named(&mut self) -> Result<Option<(String, Fields)>, StoreError> {
        let Some(value) = self.0.next() else {
            return Ok(None);
        };
        let mut pair = Self::new(value)?;
        Ok(Some((pair.text()?, pair.fields()?)))
    }

    /// Some fields' values, each of which may be absent; nothing once there are no more.
    pub(crate) fn row(&mut self) -> Result<Option<Vec<Option<Vec<u8>>>>, StoreError> {
        let Some(value) = self.0.next() else {
            return Ok(None);
        };
        let row = Self::new(value)?.0.map(|value| match value {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes)),
            _ => Err(Outage::Unexpected.into()),
        });
        row.collect::<Result<_, _>>().map(Some)
    }

    /// What is kept of a limit, where something is.
    pub(crate) fn limit(&mut self) -> Result<Option<LimitState>, StoreError> {
        let row = self.row()?.ok_or(Outage::Unexpected)?;
        let [full_at, count] = <[_; 2]>::try_from(row).map_err(|_| Outage::Unexpected)?;
        if full_at.is_none() && count.is_none() {
            return Ok(None);
        }
        let number = |value: Option<Vec<u8>>, field| {
            let text = value.and_then(|bytes| String::from_utf8(bytes).ok());
            let number = text.and_then(|text| text.parse::<i64>().ok());
            number.ok_or(StoreError::Corrupt(field))
        };
        let count = number(count, "count")?;
        Ok(Some(LimitState {
            full_at: number(full_at, "full_at")?,
            count: u32::try_from(count).map_err(|_| StoreError::Corrupt("count"))?,
        }))
    }

    fn value(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or_else(|| Outage::Unexpected.into())
    }
}

fn text(value: Value) -> Result<String, StoreError> {
    let unexpected = || StoreError::from(Outage::Unexpected);
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).map_err(|_| unexpected()),
        Value::SimpleString(text) => Ok(text),
        _ => Err(unexpected()),
    }
}

/// The fields of a hash.
pub(crate) struct Fields(HashMap<Vec<u8>, Vec<u8>>);

impl Fields {
    fn new(value: Value) -> Result<Self, StoreError> {
        let mut fields = HashMap::new();
        let pairs = value
            .into_map_iter()
            .map_err(|_| StoreError::from(Outage::Unexpected))?;
        for pair in pairs {
            match pair {
                (Value::BulkString(name), Value::BulkString(value)) => {
                    fields.insert(name, value);
                }
                _ => return Err(Outage::Unexpected.into()),
            }
        }
        Ok(Self(fields))
    }

    pub(crate) fn stored(mut self, id: RecordId) -> Result<Stored, StoreError> {
        Ok(Stored {
            id,
            purpose: self.name("purpose")?,
            key: KeyId(self.number("key")?),
            tenant: self.name("tenant")?,
            subject: self.optional("subject", Self::name)?,
            slot: self.optional("slot", Self::bytes)?,
            policy: self.bytes("policy")?,
            binding: self.bytes("binding")?,
            digest: TokenDigest::from_bytes(self.bytes("digest")?),
            data: self.take("data")?,
            number: self.optional("number", Self::number)?,
            max_attempts: self.optional("max_attempts", Self::number)?,
            issued_at: self.time("issued_at")?,
            expires_at: self.optional("expires_at", Self::time)?,
            idle_micros: self.optional("idle_micros", Self::number)?,
            tag: self.bytes("tag")?,
            state: State::from_number(self.number("state")?).ok_or(StoreError::Corrupt("state"))?,
            attempts: self.number("attempts")?,
            used_at: self.optional("used_at", Self::time)?,
            decision: self.optional("outcome", Self::decision)?,
        })
    }

    fn decision(&mut self, outcome: &'static str) -> Result<StoredDecision, StoreError> {
        let number = self.number(outcome)?;
        let decider = match self.optional("decider_system", Self::name)? {
            Some(system) => Decider::System(system),
            None => {
                let (tenant, id) = (self.name("decider_tenant")?, self.name("decider")?);
                let person = Subject::new(tenant, id);
                Decider::Subject(person.map_err(|_| StoreError::Corrupt("decider"))?)
            }
        };
        Ok(StoredDecision {
            outcome: Outcome::from_number(number).ok_or(StoreError::Corrupt(outcome))?,
            decider,
            data: self.take("decision_data")?,
            at: self.time("decided_at")?,
            tag: self.bytes("decision_tag")?,
        })
    }

    pub(crate) fn factor(mut self, id: FactorId) -> Result<StoredFactor, StoreError> {
        let (tenant, subject) = (self.name("tenant")?, self.name("subject")?);
        let state = self.factor_state("state")?;
        let removal = self.optional("removed_at", Self::removal)?;
        if removal.is_some() != (state == FactorState::Removed) {
            return Err(StoreError::Corrupt("removed_at"));
        }
        Ok(StoredFactor {
            id,
            subject: Subject::new(tenant, subject).map_err(|_| StoreError::Corrupt("subject"))?,
            provider: self.name("provider")?,
            label: self.name("label")?,
            state,
            sealed: self.take("sealed")?,
            last: self.optional("last", Self::number)?,
            created_at: self.time("created_at")?,
            used_at: self.optional("used_at", Self::time)?,
            removal,
        })
    }

    fn removal(&mut self, at: &'static str) -> Result<Removal, StoreError> {
        Ok(Removal {
            from: self.factor_state("removed_from")?,
            at: self.time(at)?,
            by: self.take("removed_by")?,
        })
    }

    fn factor_state(&mut self, field: &'static str) -> Result<FactorState, StoreError> {
        FactorState::from_number(self.number(field)?).ok_or(StoreError::Corrupt(field))
    }

    fn take(&mut self, field: &'static str) -> Result<Vec<u8>, StoreError> {
        self.0
            .remove(field.as_bytes())
            .ok_or(StoreError::Corrupt(field))
    }

    /// What `read` makes of the field, unless it is absent.
    fn optional<T>(
        &mut self,
        field: &'static str,
        read: fn(&mut Self, &'static str) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.0.contains_key(field.as_bytes()) {
            read(self, field).map(Some)
        } else {
            Ok(None)
        }
    }

    fn name(&mut self, field: &'static str) -> Result<String, StoreError> {
        String::from_utf8(self.take(field)?).map_err(|_| StoreError::Corrupt(field))
    }

    fn bytes<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], StoreError> {
        self.take(field)?
            .try_into()
            .map_err(|_| StoreError::Corrupt(field))
    }

    fn number<T: TryFrom<i64>>(&mut self, field: &'static str) -> Result<T, StoreError> {
        let text = self.name(field)?;
        let number = text.parse::<i64>().ok();
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or(StoreError::Corrupt(field))
    }

    fn time(&mut self, field: &'static str) -> Result<DateTime<Utc>, StoreError> {
        DateTime::from_timestamp_micros(self.number(field)?).ok_or(StoreError::Corrupt(field))
    }
}

/// The field that a script could not read.
pub(crate) fn corrupt(field: &str) -> StoreError {
    const FIELDS: [&str; 18] = [
        "attempts",
        "count",
        "created_at",
        "digest",
        "epoch",
        "expires_at",
        "factor",
        "full_at",
        "idle_micros",
        "issued_at",
        "key",
        "last",
        "max_attempts",
        "outcome",
        "removed_from",
        "state",
        "tenant",
        "used_at",
    ];
    let known = FIELDS.into_iter().find(|known| *known == field);
    StoreError::Corrupt(known.unwrap_or("a field"))
}
